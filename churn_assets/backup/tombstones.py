"""Keeps erased people erased: a backup may be older than an erasure, so each restore replays the erasures since.

Whoever erases people adds a function to REPLAYS. It gets the settings of the restored home before that comes into its
place, erases there everybody who was erased meanwhile, and returns how many they were. If it raises, nothing is put in
place. Nobody is erased yet, so the list is empty; a test fails once the audit knows the act `erasure` and it still is.
"""

from collections.abc import Callable
from pathlib import Path

from churn_assets.backup.manifest import BUSINESS
from churn_assets.backup.restic import BackupError
from churn_assets.backup.surroundings import settings_of_home
from churn_assets.settings import Settings

Replay = Callable[[Settings], int]
REPLAYS: list[Replay] = []


def replay(settings: Settings, home: Path) -> int:
    """Erases in a restored home everybody who was erased since; returns how many.

    Args:
        settings: of the installation that restores, which knows the erasures.
        home: what was restored.

    Raises:
        BackupError: an erasure could not be replayed.
    """
    if not REPLAYS:
        return 0
    restored = settings_of_home(settings, home, home / BUSINESS)
    try:
        return sum(one(restored) for one in REPLAYS)
    except Exception as error:
        raise BackupError(
            f"People who were erased would come back: their erasure cannot be replayed ({type(error).__name__}). "
            "Nothing was put in place."
        ) from error
