"""The scratch copy that a drill damages, and what a drill hands back."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

from churn_assets.backup.former import DRILL_LOCK, alone_in
from churn_assets.backup.manifest import BUSINESS, MANIFEST
from churn_assets.backup.proving import Proof
from churn_assets.backup.restic import Repository
from churn_assets.backup.restoring import Restored, restore
from churn_assets.backup.surroundings import settings_of_home
from churn_assets.settings import Settings

SCRATCH = "drill"


@dataclass(frozen=True)
class Site:
    """A scratch copy of the home, restored from its newest backup.

    Attributes:
        settings: of the living home, whose backup is practised with.
        folder: of this drill, which goes afterwards.
        copy: the restore that made the copy.
    """

    settings: Settings
    folder: Path
    copy: Restored

    @property
    def home(self) -> Path:
        """The scratch copy."""
        return self.copy.home

    @property
    def own(self) -> Settings:
        """The settings of the scratch copy."""
        return settings_of_home(self.settings, self.home, self.home / BUSINESS)

    def fetch(self, *paths: str) -> Path:
        """A folder with these paths of the backup."""
        back = self.folder / "back"
        Repository(self.settings).fetch(self.copy.snapshot, back, [*paths, MANIFEST])
        return back


@dataclass(frozen=True)
class Practised:
    """What a drill did.

    Attributes:
        declared_at: when the loss was there.
        located_at, restored_at, verified_at: when the backup was found, all was back, and that was proved; None: not.
        data_lost: seconds between the backup and the loss; 0 where no backup was needed.
        proofs: what was checked; a loss that nothing noticed is a failed one.
        note: more evidence.
    """

    declared_at: datetime
    located_at: datetime | None
    restored_at: datetime | None
    verified_at: datetime | None
    data_lost: int
    proofs: list[Proof]
    note: str = ""


def noticed(what: str, wrong: str | None) -> Proof:
    """The proof that a loss is noticed: `wrong` says how it shows; None: not at all."""
    if wrong is None:
        return Proof("loss", (f"{what}, and no check noticed it",), "")
    return Proof("loss", (), f"{what}; it shows: {wrong.rstrip('.')}")


def now() -> datetime:
    """The present time, UTC."""
    return datetime.now(UTC)


@contextmanager
def scratch(settings: Settings) -> Iterator[Path]:
    """A folder for one drill at a time, on the disk of the home.

    Raises:
        BackupError: another drill is running.
    """
    with alone_in(settings.home_path, DRILL_LOCK, what="Another drill, or a restore,") as parent:
        folder = parent / SCRATCH
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def site(settings: Settings, folder: Path) -> Site:
    """A scratch copy below a folder.

    Raises:
        BackupError: the backup cannot be restored; then every drill has failed.
    """
    place = folder / token_hex(4)  # MLflow keeps the files of a place open
    return Site(settings, folder, restore(settings, place))
