"""The consistent copy: what the catalogue of stores says is worth a backup, as of one moment, in one folder.

Files that nobody changes are linked, not copied: that takes no space and no time, and a vacuum meanwhile cannot take
them away. Files that grow are copied, SQLite files by its own backup.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from churn_assets.backup.databases import copy_database, is_database
from churn_assets.backup.manifest import BUSINESS, BackupManifest
from churn_assets.backup.postgresql import dump_all
from churn_assets.backup.restic import BackupError
from churn_assets.contracts.business import Business
from churn_assets.lakehouse import pinned
from churn_assets.lakehouse.places.store import TABLE, Store
from churn_assets.lakehouse.stores import stores
from churn_assets.operations.audit.chain import STORE, alone
from churn_assets.settings import Settings, is_uri

TRACKING = "CHURN_TRACKING_URI"
AUDIT = (STORE, "audit_anchor")
ATTEMPTS = 3
# Folders whose files are written once; a changed one is noticed before the backup counts.
LINKED = ("landing", "mlartifacts")
Patterns = Sequence[Sequence[str]]  # of paths, part by part
Stamps = Mapping[str, tuple[int, int]]
JOURNALS = (".db-wal", ".db-shm", ".db-journal")


class FileChanged(RuntimeError):
    """A file was changed or removed while it was copied; the copy must be made again."""


@dataclass(frozen=True)
class ConsistentCopy:
    """What was copied: table -> pinned version; and what was not although it is worth it: store -> why."""

    versions: dict[str, int]
    lacking: dict[str, str]


def stage(settings: Settings, business: Business, folder: Path) -> ConsistentCopy:
    """Copies everything that is worth it below `folder`, which is laid out like a home.

    MLflow's artifacts come before its database, so that no run lacks its files.

    Raises:
        FileChanged: a file went away meanwhile.
        BackupError: a table or a database is damaged, or a link leads nowhere.
        OSError: a file or folder cannot be read or written.
    """
    versions = {}
    for store in sorted(worth_it(business), key=_order):
        place = place_of(settings, store)
        if place is None:
            continue
        if store.kind == TABLE:
            version = _stage_table(place, folder / store.path)
            if version is not None:
                versions[store.path.removeprefix("lake/")] = version
        elif store.path not in AUDIT:
            _stage_files(place, store, folder, _unneeded_below(store, business))
    lacking = elsewhere(settings, business) | dump_all(settings, folder)
    _stage_audit(settings, folder)
    _stage_folder(settings.business_path, folder / BUSINESS, _copy)
    return ConsistentCopy(versions, lacking)


def worth_it(business: Business) -> list[Store]:
    """The stores that a backup holds, but for the business folder."""
    return [store for store in stores(business) if store.backup]


def elsewhere(settings: Settings, business: Business) -> dict[str, str]:
    """Files and tables that are worth it and lie on no disk of this machine: place -> why they are not held."""
    found = {}
    for store in worth_it(business):
        if store.setting != TRACKING and place_of(settings, store) is None:
            lake = store.kind == TABLE
            found["lake" if lake else store.path] = (
                f"{store.setting} is not on this machine: turn on versioning and replication of its bucket"
            )
    return found


def gone(
    settings: Settings, business: Business, known: BackupManifest | None, held: Iterable[str]
) -> dict[str, str]:
    """Stores that the last backup held and this one does not, although they are to be on this machine."""
    if known is None:
        return {}
    before, now = _with_folders(known.files), _with_folders(held)
    lost = [store for store in worth_it(business) if store.path in before and store.path not in now]
    told = "it was in the last backup, and is gone"
    return {store.path: told for store in lost if place_of(settings, store) is not None}


def _with_folders(paths: Iterable[str]) -> set[str]:
    """Paths of files, and of all folders in which they lie."""
    found = set[str]()
    for path in paths:
        while path and path not in found:
            found.add(path)
            path = path.rpartition("/")[0]
    return found


def place_of(settings: Settings, store: Store) -> Path | None:
    """Where a store lies now; None where that is not on this machine."""
    located = {
        "CHURN_LANDING": settings.landing_uri,
        "CHURN_LAKE": settings.lake_uri,
        "CHURN_ARTIFACTS": settings.mlflow_artifacts,
        "CHURN_AUDIT_ANCHOR": str(settings.audit_anchor_path),
    }.get(store.setting)
    if store.setting == TRACKING:
        own = settings.mlflow_uri.removeprefix("sqlite:///")
        return None if is_uri(own) else Path(own)
    if located is None:
        return settings.home_path / store.path
    if is_uri(located):
        return None
    return Path(located, *Path(store.path).parts[1:])


def _order(store: Store) -> int:
    """MLflow's artifacts before its database; tables, which runs write last, at the end."""
    return {"mlartifacts": 0, "mlflow.db": 1}.get(store.path, 3 if store.kind == TABLE else 2)


def _unneeded_below(store: Store, business: Business) -> Patterns:
    """What is declared as not worth it below a store, such as extracts that are still being written."""
    found = (one.path.split("/") for one in stores(business) if not one.backup)
    above = store.path.split("/")
    return [parts[len(above) :] for parts in found if parts[: len(above)] == above]


def _stage_files(place: Path, store: Store, folder: Path, unneeded: Patterns) -> None:
    """Copies a file or a folder; a path with `*` names several."""
    put = _link if store.path in LINKED else _copy
    if "*" in place.name:
        for found in sorted(place.parent.glob(place.name)) if place.parent.is_dir() else []:
            _stage_any(found, folder / Path(store.path).parent / found.name, put)
    else:
        _stage_any(place, folder / store.path, put, unneeded)


def _stage_any(place: Path, target: Path, put: Callable[[Path, Path], None], unneeded: Patterns = ()) -> None:
    if place.is_dir():
        _stage_folder(place, target, put, unneeded)
    elif place.is_file() and not place.name.endswith(JOURNALS):
        _stage_file(place, target, put)


def _stage_folder(
    place: Path, target: Path, put: Callable[[Path, Path], None], unneeded: Patterns = ()
) -> None:
    try:
        for file in files_below(place):
            if any(_fits(file.relative_to(place).parts, pattern) for pattern in unneeded):
                continue
            special = file.exists() and not file.is_file()  # who reads a pipe waits forever; told as not held
            if not special and not file.name.endswith(JOURNALS):
                _stage_file(file, target / file.relative_to(place), put)
    except FileNotFoundError as error:
        raise FileChanged(f"{error.filename} went away while it was copied") from error


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    return len(parts) == len(pattern) and all(map(fnmatchcase, parts, pattern))


def files_below(folder: Path) -> Iterator[Path]:
    """Each file below a folder, also behind links to other folders; a link to a folder around it is not followed.

    Raises:
        OSError: a folder cannot be read.
    """
    for parent, folders, names in os.walk(folder, onerror=_cannot_be_read, followlinks=True):
        here = Path(parent).resolve()
        folders[:] = [one for one in sorted(folders) if not _leads_back(Path(parent, one), here)]
        yield from (Path(parent, name) for name in sorted(names))


def _cannot_be_read(error: OSError) -> None:
    raise error


def _leads_back(folder: Path, here: Path) -> bool:
    return folder.is_symlink() and here.is_relative_to(folder.resolve())


def _stage_file(file: Path, target: Path, put: Callable[[Path, Path], None]) -> None:
    if file.is_symlink() and not file.exists():
        raise BackupError(
            f"{file} is a link to {file.readlink()}, which is not there. Nothing was backed up. Remove the link, or "
            "bring back what it names."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if file.suffix == ".db" and is_database(file):
            copy_database(file, target)
        else:
            put(file, target)
    except FileNotFoundError as error:
        raise FileChanged(f"{file} went away while it was copied") from error


def _link(file: Path, target: Path) -> None:
    """A second name for a file, or for what a link leads to; a copy where that cannot be, as on another disk."""
    try:
        os.link(file.resolve(strict=True) if file.is_symlink() else file, target)
    except FileNotFoundError:
        raise
    except OSError:
        _copy(file, target)


def _copy(file: Path, target: Path) -> None:
    shutil.copy2(file, target)


def _stage_table(place: Path, target: Path) -> int | None:
    """Links the files of the newest version of a table, and its log up to it; None where there is no table.

    A vacuum or a writer may take files away meanwhile: then the version that is newest now is taken.

    Raises:
        BackupError: a file of the table is gone for good, or its log is damaged.
    """
    for attempt in range(1, ATTEMPTS + 1):
        version = pinned.newest(place)
        if version is None:
            return None
        shutil.rmtree(target, ignore_errors=True)
        try:
            for path in (*pinned.data_files(place, version), *pinned.log_files(place, version)):
                (target / path).parent.mkdir(parents=True, exist_ok=True)
                _link(place / path, target / path)
        except (FileNotFoundError, pinned.VersionUnreadable) as error:
            if attempt == ATTEMPTS:
                raise BackupError(
                    f"The table in {place} is damaged: version {version} cannot be copied ({error}). Nothing was "
                    "backed up. Bring the table back: `churn-assets restore --to FOLDER --only lake`."
                ) from error
        else:
            return version
    return None


def _stage_audit(settings: Settings, folder: Path) -> None:
    """Copies the audit and its anchor while nobody adds a record."""
    if not (settings.home_path / STORE).is_dir() and not settings.audit_anchor_path.is_dir():
        return
    with alone(settings):
        for place, name in zip((settings.home_path / STORE, settings.audit_anchor_path), AUDIT, strict=True):
            if place.is_dir():
                _stage_folder(place, folder / name, _copy)


def uncovered(home: Path, business: Business, held: Iterable[str]) -> list[str]:
    """Files of a home that are neither held nor declared as not worth it. Old versions of tables are left out."""
    known = set(held)
    declared = [s.path.split("/") for s in stores(business) if s.kind == TABLE or not s.backup]
    found, fitting = list[str](), {"": declared}  # folder -> what is declared below it
    for parent, folders, names in os.walk(home, onerror=_cannot_be_listed):
        above = "/".join(Path(parent).relative_to(home).parts)
        depth = above.count("/") + 1 if above else 0
        patterns = fitting.pop(above)
        below = f"{above}/" if above else ""
        folders[:] = [one for one in folders if not _is_one(one, patterns, depth)]
        for one in folders:
            fitting[f"{below}{one}"] = [
                p for p in patterns if len(p) > depth + 1 and fnmatchcase(one, p[depth])
            ]
        linked = [one for one in folders if _leads_to_more(Path(parent, one), home, known)]
        found += [
            f"{below}{name}"
            for name in [*names, *linked]
            if not (f"{below}{name}" in known or name.endswith(JOURNALS) or _is_one(name, patterns, depth))
        ]
    return sorted(found)


def _cannot_be_listed(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):  # a folder of a run that has just ended
        raise error


def _leads_to_more(folder: Path, home: Path, known: set[str]) -> bool:
    """Whether a folder is a link to others with files, none of which is held."""
    if not folder.is_symlink():
        return False
    files = [str(file.relative_to(home)) for file in files_below(folder)]
    return bool(files) and known.isdisjoint(files)


def _is_one(name: str, patterns: Iterable[Sequence[str]], depth: int) -> bool:
    """Whether a name at this depth ends one of the patterns, whose parts above it fit."""
    return any(len(one) == depth + 1 and fnmatchcase(name, one[depth]) for one in patterns)


def stamps(folder: Path) -> Stamps:
    """Path -> size and time of change of each file below a folder."""
    found = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            file = Path(parent, name)
            about = file.stat()
            found[str(file.relative_to(folder))] = (about.st_size, about.st_mtime_ns)
    return found
