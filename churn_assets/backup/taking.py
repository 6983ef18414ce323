"""Takes a backup: waits for runs, makes the consistent copy, proves that it can be read, and hands it to restic."""

import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from churn_assets.backup import databases
from churn_assets.backup.contents import digest_of
from churn_assets.backup.former import (
    FOLDER,
    LAST,
    LOCK,
    alone_in,
    last,
    name_of,
    remember,
    require_new,
    require_own,
    vanished,
)
from churn_assets.backup.manifest import (
    BUSINESS,
    DAGSTER_DUMP,
    GOLDEN,
    MANIFEST,
    MLFLOW_DUMP,
    PACKAGES,
    SETTINGS,
    BackupManifest,
    HeldFile,
    HeldTable,
    digest,
)
from churn_assets.backup.model_proof import golden_file
from churn_assets.backup.names import shown
from churn_assets.backup.postgresql import NotDumped, rows_of
from churn_assets.backup.restic import BackupError, NoRepository, Repository, Snapshot, Stored
from churn_assets.backup.staging import (
    ATTEMPTS,
    ConsistentCopy,
    FileChanged,
    Stamps,
    gone,
    stage,
    stamps,
    uncovered,
)
from churn_assets.backup.surroundings import git_revision, packages_file, settings_file, settings_of_home
from churn_assets.contracts.business import Business
from churn_assets.lakehouse import pinned, tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.models.champions import timeline
from churn_assets.operations.audit.chain import anchor_of, key_of
from churn_assets.progress import note
from churn_assets.settings import Settings
from churn_assets.tracking.moved_home import follow

STAGE = "stage"
POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Backup:
    """A finished backup.

    Attributes:
        manifest: what it holds.
        stored: what restic stored.
        seconds: how long it took.
        vanished: which earlier backups are gone although nobody forgot them, in words; empty if none.
    """

    manifest: BackupManifest
    stored: Stored
    seconds: float
    vanished: str

    @property
    def name(self) -> str:
        """The short id of its snapshot."""
        return self.stored.snapshot[:8]


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
    if not settings.home_path.is_dir():
        raise BackupError(f"There is no home at {settings.home_path}. Set CHURN_HOME.")
    with alone_in(settings.home_path, LOCK, what="Another backup, or a restore,") as folder:
        try:
            former = repository.snapshots()
        except NoRepository:
            require_new(repository, folder)
            repository.make()
            former = []
        known = last(folder)
        missed = vanished(repository, folder, former)
        require_own(settings, folder, former)
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
            written = (place / MANIFEST).read_bytes()
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise BackupError(f"{where}{error.strerror or error}. Nothing was backed up.") from error
        finally:
            shutil.rmtree(place, ignore_errors=True)
        _note(folder, written, repository, stored.snapshot)
    return Backup(manifest, stored, time.monotonic() - started, missed)


def _note(folder: Path, manifest: bytes, repository: Repository, snapshot: str) -> None:
    """Writes down in the home what the backup holds."""
    try:
        remember(folder, manifest, repository.place)
    except OSError as error:
        raise BackupError(
            f"The backup {snapshot} was taken, and is whole. But {error.filename or folder} cannot be written: "
            f"{error.strerror or error}. Make room there; until then each backup reads all files anew."
        ) from error


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
    parents = [one.id for one in former if one.manifest == name_of(settings.home_path / FOLDER / LAST)]
    trusted = parents and known and not _silently_changed(known, manifest, before)
    chain = next(iter(manifest.audit), "")
    stored = repository.store(place, name_of(place / MANIFEST), parents[-1] if trusted else None, chain)
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
    while (found := _running(settings, own_run)[0]) and time.monotonic() < until:
        note(f"waiting for {', '.join(sorted(set(found.values())))}")
        sleep(POLL_SECONDS)


def _running(settings: Settings, own_run: str) -> tuple[dict[str, str], list[str]]:
    """The runs in flight; and, where they cannot be known, that they are not."""
    try:
        return databases.running(settings.home_path, own_run), []
    except NotDumped as error:
        return {}, [f"nobody could tell whether runs were in flight ({error})"]


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
        staged = stage(settings, business, place)
        moved = databases.changed(before, _state(settings, business, own_run))
        if not moved or attempt == ATTEMPTS:
            break
    running, unknown = _running(settings, own_run)
    unsettled = unknown + [f"{job} ({run}) had not ended" for run, job in sorted(running.items())]
    unsettled += [f"{name} changed meanwhile" for name in moved]
    return _described(settings, business, place, staged, known, at, unsettled)


def _state(settings: Settings, business: Business, own_run: str) -> dict[str, str]:
    """Versions of all tables on this machine, and the runs in flight."""
    house = Lakehouse(settings)
    places = {t.path: Path(house.uri(t)) for t in tables.catalogue(business)}
    found = {path: str(pinned.newest(place)) for path, place in places.items()}
    return found | _running(settings, own_run)[0]


def _described(
    settings: Settings,
    business: Business,
    place: Path,
    staged: ConsistentCopy,
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
    strange = map(shown, uncovered(settings.home_path, business, files))
    homeless = dict.fromkeys(strange, "it is not in the catalogue of stores")
    manifest = BackupManifest(
        made_at=at.isoformat(timespec="seconds"),
        home=str(settings.home_path),
        business=business.name,
        software=version("churn-assets"),
        git_revision=git_revision(),
        files=files,
        tables=_tables(place, staged.versions, files, known),
        models=models,
        aliases=databases.aliases(place),
        champions=champions_in(place),
        runs=databases.runs(place),
        schedules=databases.schedules(place),
        mlflow_runs=databases.mlflow_runs(place),
        audit=_audit(settings_of_home(settings, place, place / BUSINESS)),
        unsettled=unsettled,
        dumps={dump: rows_of(place / dump) for dump in (MLFLOW_DUMP, DAGSTER_DUMP) if dump in files},
        not_held=staged.lacking | without | homeless | gone(settings, business, known, files),
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
