"""Takes a backup: waits for runs, makes the consistent copy, proves that it can be read, and hands it to restic."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from churn_assets.backup import databases
from churn_assets.backup.contents import digest_of
from churn_assets.backup.manifest import (
    BUSINESS,
    GOLDEN,
    MANIFEST,
    PACKAGES,
    SETTINGS,
    BackupManifest,
    HeldFile,
    HeldTable,
    NotAManifest,
    digest,
    read_manifest,
)
from churn_assets.backup.model_proof import golden_file
from churn_assets.backup.restic import BackupError, NoRepository, Repository, Snapshot, Stored
from churn_assets.backup.staging import (
    ATTEMPTS,
    FileChanged,
    Stamps,
    elsewhere,
    gone,
    stage,
    stamps,
    uncovered,
)
from churn_assets.backup.surroundings import git_revision, packages_file, settings_file, settings_of_home
from churn_assets.contracts.business import Business
from churn_assets.lakehouse import pinned, tables
from churn_assets.lakehouse.engine.processes import only_one
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.models.champions import timeline
from churn_assets.operations.audit.chain import anchor_of, key_of
from churn_assets.progress import note
from churn_assets.settings import Settings
from churn_assets.tracking.moved_home import follow

FOLDER, STAGE, LAST, LOCK, PLACE = "backup", "stage", "manifest.json", ".lock", "place.txt"
POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Backup:
    """A finished backup: what it holds, what restic stored, and how long it took."""

    manifest: BackupManifest
    stored: Stored
    seconds: float

    @property
    def name(self) -> str:
        """The short id of its snapshot."""
        return self.stored.snapshot[:8]


@contextmanager
def alone_in(settings: Settings) -> Iterator[Path]:
    """The folder of the backup in the home, for one process at a time.

    Raises:
        BackupError: another backup of this home is running.
    """
    folder = settings.home_path / FOLDER
    if not settings.home_path.is_dir():
        raise BackupError(f"There is no home at {settings.home_path}. Set CHURN_HOME.")
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        with only_one(folder / LOCK, wait=False):
            yield folder
    except BlockingIOError:
        raise BackupError("Another backup of this home is running. Wait until it has ended.") from None


def back_up(settings: Settings, business: Business, own_run: str = "") -> Backup:
    """Takes a backup of the home and everything that belongs to it.

    A killed one leaves nothing that counts: the next one begins anew.

    Args:
        settings: of the home.
        business: its business.
        own_run: the Dagster run that takes the backup, which is not waited for.

    Raises:
        BackupError: it was not taken; the message says why.
    """
    started = time.monotonic()
    repository = Repository(settings)
    with alone_in(settings) as folder:
        try:
            former = repository.snapshots()
        except NoRepository:
            _require_new(repository, folder)
            repository.make()
            former = []
        known = _last(folder)
        _require_own(settings, former, known)
        wait_for_runs(settings, own_run)
        place = folder / STAGE
        try:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    manifest, stored = _stored(settings, business, place, known, own_run, repository, former)
                    break
                except FileChanged as error:
                    if attempt == ATTEMPTS:
                        raise BackupError(
                            f"{error}, {ATTEMPTS} times. Take the backup while nobody delivers."
                        ) from error
            (folder / LAST).write_bytes(manifest.to_json())
            (folder / PLACE).write_text(repository.place, encoding="utf-8")
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise BackupError(f"{where}{error.strerror or error}. Nothing was backed up.") from error
        finally:
            shutil.rmtree(place, ignore_errors=True)
    return Backup(manifest, stored, time.monotonic() - started)


def _require_new(repository: Repository, folder: Path) -> None:
    """Checks that no backup of this home lay where there is no repository now.

    Raises:
        BackupError: one did: a new repository there would hide that all are gone, or lie on another disk.
    """
    file = folder / PLACE
    if file.is_file() and file.read_text(encoding="utf-8") == repository.place:
        raise BackupError(
            f"The repository at {repository.place} is gone with its backups. Mount its disk, or bring it back; to "
            f"begin anew there, delete {file}."
        )


def _require_own(settings: Settings, former: Sequence[Snapshot], known: BackupManifest | None) -> None:
    """Checks that the newest backup is not that of another home, as far as their audits tell.

    Raises:
        BackupError: it is: then each of the two would forget backups of the other one.
    """
    chain = next(iter(_audit(settings)), "")
    newest = former[-1] if former else None
    if newest is None or (known and newest.manifest == _name_of(known)) or chain in ("", newest.chain):
        return
    if newest.chain:
        raise BackupError(
            f"The repository holds backups of another home; the newest one is {newest.name}. Set "
            "CHURN_BACKUP_REPOSITORY to a place of this home."
        )


def _name_of(manifest: BackupManifest) -> str:
    """The SHA-256 by which a snapshot names its manifest."""
    return sha256(manifest.to_json()).hexdigest()


def _stored(
    settings: Settings,
    business: Business,
    place: Path,
    known: BackupManifest | None,
    own_run: str,
    repository: Repository,
    former: Sequence[Snapshot],
) -> tuple[BackupManifest, Stored]:
    """Makes the copy and stores it.

    Raises:
        FileChanged: a file was written meanwhile, so that what is stored must not count.
    """
    manifest, before = _copied(settings, business, place, known, own_run)
    note("storing the copy")
    parents = [one.id for one in former if known and one.manifest == _name_of(known)]
    trusted = parents and known and not _silently_changed(known, manifest, before)
    chain = next(iter(manifest.audit), "")
    stored = repository.store(place, _name_of(manifest), parents[-1] if trusted else None, chain)
    after = stamps(place)
    if moved := [path for path, stamp in before.items() if after.get(path) != stamp]:
        left = repository.undo(stored.snapshot)
        raise FileChanged(f"{moved[0]} was written while it was stored.{left}".rstrip("."))
    return manifest, stored


def _silently_changed(known: BackupManifest, manifest: BackupManifest, dates: Stamps) -> list[str]:
    """Files with other bytes than in the last backup, and its size and date: restic would not read them again."""
    since = known.at.timestamp() * 1e9
    return [
        path
        for path, file in manifest.files.items()
        if (former := known.files.get(path, file)) != file
        and former.bytes == file.bytes
        and dates[path][1] < since
    ]


def wait_for_runs(settings: Settings, own_run: str, sleep: Callable[[float], object] = time.sleep) -> None:
    """Waits until no run is in flight, at most CHURN_BACKUP_WAIT_MINUTES; then tables are pinned as they are."""
    until = time.monotonic() + 60 * settings.backup.wait_minutes
    while (found := databases.in_flight(settings.home_path, own_run)) and time.monotonic() < until:
        note(f"waiting for {', '.join(sorted(set(found.values())))}")
        sleep(POLL_SECONDS)


def _copied(
    settings: Settings, business: Business, place: Path, known: BackupManifest | None, own_run: str
) -> tuple[BackupManifest, Stamps]:
    """Makes the copy and its manifest; repeats the copy where tables or runs moved on meanwhile.

    Returns:
        the manifest, and the stamps of the files as they were before their checksums were made.
    """
    for attempt in range(1, ATTEMPTS + 1):
        note("copying")
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700, parents=True)
        at, before = datetime.now(UTC), _state(settings, business, own_run)
        versions = stage(settings, business, place)
        moved = databases.changed(before, _state(settings, business, own_run))
        if not moved or attempt == ATTEMPTS:
            break
    running = databases.in_flight(settings.home_path, own_run)
    unsettled = [f"{job} ({run}) had not ended" for run, job in sorted(running.items())]
    unsettled += [f"{name} changed meanwhile" for name in moved]
    return _described(settings, business, place, versions, known, at, unsettled)


def _state(settings: Settings, business: Business, own_run: str) -> dict[str, str]:
    """Versions of all tables on this machine, and the runs in flight."""
    house = Lakehouse(settings)
    places = {t.path: Path(house.uri(t)) for t in tables.catalogue(business)}
    found = {path: str(pinned.newest(place)) for path, place in places.items()}
    return found | databases.in_flight(settings.home_path, own_run)


def _described(
    settings: Settings,
    business: Business,
    place: Path,
    versions: dict[str, int],
    known: BackupManifest | None,
    at: datetime,
    unsettled: list[str],
) -> tuple[BackupManifest, Stamps]:
    """Writes what lies beside a home, and the manifest, into the copy."""
    note("proving the copy")
    if (place / databases.MLFLOW).is_file():  # the home may have moved since MLflow wrote its paths down
        follow(f"sqlite:///{place / databases.MLFLOW}", settings.mlflow_artifacts)
    models, without = databases.models(place, settings.mlflow_artifacts)
    for path, text in (
        (SETTINGS, settings_file(settings)),
        (PACKAGES, packages_file()),
        (GOLDEN, golden_file(place, models)),
    ):
        (place / path).parent.mkdir(exist_ok=True)
        (place / path).write_text(text, encoding="utf-8")
    before = stamps(place)
    files = _digests(place, sorted(before))
    homeless = dict.fromkeys(
        uncovered(settings.home_path, business, files), "it is not in the catalogue of stores"
    )
    manifest = BackupManifest(
        made_at=at.isoformat(timespec="seconds"),
        home=str(settings.home_path),
        business=business.name,
        software=version("churn-assets"),
        git_revision=git_revision(),
        files=files,
        tables=_tables(place, versions, files, known),
        models=models,
        aliases=databases.aliases(place),
        champions=champions_in(place),
        runs=databases.runs(place),
        schedules=databases.schedules(place),
        mlflow_runs=databases.mlflow_runs(place),
        audit=_audit(settings_of_home(settings, place, place / BUSINESS)),
        unsettled=unsettled,
        not_held=elsewhere(settings, business) | without | homeless | gone(settings, business, known, files),
    )
    (place / MANIFEST).write_bytes(manifest.to_json())
    return manifest, before


def _digests(place: Path, paths: Sequence[str]) -> dict[str, HeldFile]:
    with ThreadPoolExecutor() as pool:
        return dict(zip(paths, pool.map(lambda path: digest(place / path), paths), strict=True))


def _tables(
    place: Path, versions: dict[str, int], files: dict[str, HeldFile], known: BackupManifest | None
) -> dict[str, HeldTable]:
    """Rows and checksum of each table of the copy; those of an unchanged table are known from the last backup."""
    found = {}
    for path, at in sorted(versions.items()):
        folder, below = place / "lake" / path, f"lake/{path}"
        if known and (rotten := _rotten(f"{below}/", files, known)):
            raise _damaged(path, f"{rotten[0]} was changed since the last backup; nobody changes such a file")
        log = "".join(f"{name} {files[f'{below}/{name}'].sha256}\n" for name in pinned.log_files(folder, at))
        digest_of_log = sha256(log.encode()).hexdigest()
        former = known.tables.get(path) if known else None
        if former is not None and former.log == digest_of_log:
            found[path] = former
            continue
        types = pinned.types(folder, at)
        try:
            told = digest_of(pinned.by_arrow(folder, at), list(types))
        except pinned.VersionUnreadable as error:
            raise _damaged(path, f"its version {at} cannot be read: {error}") from error
        found[path] = HeldTable(at, told.rows, told.checksum, types, digest_of_log)
    return found


def _rotten(below: str, files: dict[str, HeldFile], known: BackupManifest) -> list[str]:
    """Files of a table with other bytes than in the last backup; none where the table was made anew since."""
    here = [path for path in sorted(files) if path.startswith(below)]
    first = next(path for path in here if path.startswith(f"{below}{pinned.LOG}/"))
    if known.files.get(first, files[first]) != files[first]:
        return []
    return [path for path in here if known.files.get(path, files[path]) != files[path]]


def _damaged(path: str, why: str) -> BackupError:
    return BackupError(
        f"The table {path} is damaged: {why}. Nothing was backed up. Bring it back from an earlier backup: "
        "`churn-assets restore --to FOLDER --only lake`."
    )


def champions_in(home: Path) -> list[tuple[str, str]]:
    """The timeline of champions of a home whose lake lies in it: from which date on which version."""
    folder = home / "lake" / tables.CHAMPIONS.path
    at = pinned.newest(folder)
    if at is None:
        return []
    rows = [row for batch in pinned.by_arrow(folder, at) for row in batch.to_pylist()]
    return [(str(one.in_charge_from), one.model_version) for one in timeline(rows)]


def _audit(settings: Settings) -> list[str]:
    key = key_of(settings)
    anchor = anchor_of(settings, key) if key else None
    return [anchor.chain, str(anchor.sequence), anchor.hash] if anchor else []


def _last(folder: Path) -> BackupManifest | None:
    """The manifest of the last backup of this home; None without any, or where this release cannot read it."""
    try:
        return read_manifest((folder / LAST).read_bytes())
    except (FileNotFoundError, NotAManifest):
        return None
