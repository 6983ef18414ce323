"""What a home knows of its own backups: where they lie, what the last one held, and whether they are still there."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path

from churn_assets.backup.manifest import BackupManifest, NotAManifest, read_manifest
from churn_assets.backup.restic import BackupError, Repository, Snapshot
from churn_assets.counts import counted
from churn_assets.durable import replace_file
from churn_assets.lakehouse.engine.processes import only_one
from churn_assets.operations.audit.chain import anchor_of, chains_of, key_of
from churn_assets.settings import Settings

FOLDER, LAST, PLACE = "backup", "manifest.json", "place.txt"
LOCK, DRILL_LOCK = ".lock", ".drill.lock"


@contextmanager
def alone_in(home: Path, *locks: str, what: str) -> Iterator[Path]:
    """The folder of the backup in a home; no other process holds one of these locks of it meanwhile.

    Raises:
        BackupError: another one does; `what` says what it does then.
    """
    folder = home / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    with ExitStack() as held:
        for lock in locks:
            try:
                held.enter_context(only_one(folder / lock, wait=False))
            except BlockingIOError:
                raise BackupError(f"{what} of this home is running. Wait until it has ended.") from None
        yield folder


def last(folder: Path) -> BackupManifest | None:
    """The manifest of the last backup of this home; None without any, or where this release cannot read it."""
    try:
        return read_manifest((folder / LAST).read_bytes())
    except (FileNotFoundError, NotAManifest):
        return None


def remember(folder: Path, manifest: bytes, place: str) -> None:
    """Writes down what the last backup holds and where it lies."""
    replace_file(folder / LAST, manifest)
    replace_file(folder / PLACE, place.encode())


def let_go(home: Path, snapshot: Snapshot | None = None) -> None:
    """Lets the home no longer expect its last backup; with `snapshot` only if that is the one."""
    file = home / FOLDER / LAST
    if snapshot is None or name_of(file) == snapshot.manifest:
        file.unlink(missing_ok=True)


def name_of(manifest: Path) -> str:
    """The SHA-256 by which a snapshot names its manifest, of the file; empty if it is not there."""
    return sha256(manifest.read_bytes()).hexdigest() if manifest.is_file() else ""


def require_new(repository: Repository, folder: Path) -> None:
    """Checks that no backup of this home lay where there is no repository now.

    Raises:
        BackupError: one did: a new repository there would hide that all are gone, or lie on another disk.
    """
    if _lay_there(repository, folder):
        raise BackupError(
            f"The repository at {repository.place} is gone with its backups. Mount its disk, or bring it back; to "
            f"begin anew there, delete {folder / PLACE}."
        )


def require_own(settings: Settings, folder: Path, former: Sequence[Snapshot]) -> None:
    """Checks that the newest backup is not that of another home, as far as their audits tell.

    Raises:
        BackupError: it is: then each of the two would forget backups of the other one.
    """
    newest = former[-1] if former else None
    if newest is None or not newest.chain or newest.manifest == name_of(folder / LAST):
        return
    key = key_of(settings)
    if key is None or anchor_of(settings, key) is None or newest.chain in chains_of(settings):
        return
    raise BackupError(
        f"The repository holds backups of another home; the newest one is {newest.name}. Set "
        "CHURN_BACKUP_REPOSITORY to a place of this home."
    )


def vanished(repository: Repository, folder: Path, former: Sequence[Snapshot]) -> str:
    """What is gone of the backups that this home took there, in words; empty if nothing is missed.

    Whoever deletes one by `churn-assets backup forget` lets the home know; another deletion is a loss or an attack.
    """
    if not _lay_there(repository, folder):
        return ""
    if not former:
        return f"all earlier backups are gone from {repository.place}"
    known = last(folder)
    if known and name_of(folder / LAST) not in {one.manifest for one in former}:
        there = counted(len(former), "backup")
        state = "cannot be read at" if repository.unreadable else "is gone from"
        return f"the last backup, of {known.at:%Y-%m-%d %H:%M} UTC, {state} {repository.place}, which has {there}"
    return ""


def _lay_there(repository: Repository, folder: Path) -> bool:
    file = folder / PLACE
    return file.is_file() and file.read_text(encoding="utf-8") == repository.place
