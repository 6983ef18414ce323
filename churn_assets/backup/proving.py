"""Proves a restored home against the manifest. What could not be checked has failed, never passed."""

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from churn_assets.backup import databases
from churn_assets.backup.contents import digest_of
from churn_assets.backup.manifest import (
    BUSINESS,
    DAGSTER_DUMP,
    GOLDEN,
    MANIFEST,
    MLFLOW_DUMP,
    BackupManifest,
    HeldModel,
    Part,
    digest,
)
from churn_assets.backup.model_proof import scores_of
from churn_assets.backup.names import shown
from churn_assets.backup.postgresql import rows_of
from churn_assets.backup.staging import stamps
from churn_assets.backup.surroundings import settings_of_home
from churn_assets.backup.taking import champions_in
from churn_assets.counts import counted
from churn_assets.lakehouse import pinned
from churn_assets.ml.portable.model import PortableModel
from churn_assets.operations.audit.verification import verify
from churn_assets.settings import Settings
from churn_assets.tracking.moved_home import COLUMNS, follow
from churn_assets.tracking.tracking import Tracking

SHOWN = 5  # findings of one check


@dataclass(frozen=True)
class Proof:
    """One check of a restored home.

    Attributes:
        name: what was checked.
        wrong: what is wrong, a sentence or name each; empty where all is as it was.
        compared: what was compared, in words.
    """

    name: str
    wrong: tuple[str, ...]
    compared: str

    @property
    def passed(self) -> bool:
        """Whether all is as it was."""
        return not self.wrong

    @property
    def told(self) -> str:
        """The check as a sentence."""
        if self.passed:
            return f"{self.name}: {self.compared}."
        wrong = [shown(one) for one in self.wrong[:SHOWN]]
        more = f", and {len(self.wrong) - SHOWN} more" if len(self.wrong) > SHOWN else ""
        return f"{self.name}: {'; '.join(wrong)}{more}."


Check = Callable[[], tuple[Iterable[str], str]]


def prove(
    settings: Settings,
    home: Path,
    manifest: BackupManifest,
    part: Part | None = None,
    names: Sequence[str] = (),
) -> list[Proof]:
    """Checks a restored home, or a part of one: files, tables, models, registry, timeline, runs, schedules, audit.

    Args:
        settings: whose secrets the home needs; its places are those below `home`.
        home: what was restored.
        manifest: of the backup.
        part: what was restored of it; None: all.
        names: only these checks.
    """
    asked: list[tuple[str, Check, tuple[Part | None, ...]]] = [
        ("files", lambda: _files(home, manifest, part), (None, "models", "lake", "config")),
        ("tables", lambda: _tables(home, manifest), (None, "lake")),
        ("champions", lambda: _champions(home, manifest), (None, "lake")),
        ("databases", lambda: _databases(home, manifest, part), (None, "models")),
        ("models", lambda: _models(home, manifest), (None, "models")),
        ("aliases", lambda: _aliases(home, manifest), (None, "models")),
        ("paths", lambda: _paths(home, manifest), (None, "models")),
        ("runs", lambda: _runs(home, manifest), (None,)),
        ("schedules", lambda: _schedules(home, manifest), (None,)),
        ("audit", lambda: _audit(settings, home, manifest), (None,)),
        ("business", lambda: _business(home, manifest), (None, "config")),
    ]
    return [
        _proof(name, check) for name, check, parts in asked if part in parts and (not names or name in names)
    ]


def _proof(name: str, check: Check) -> Proof:
    try:
        wrong, compared = check()
    except Exception as error:  # noqa: BLE001 (whatever hinders a check: it has not passed)
        return Proof(name, (f"not checked ({type(error).__name__}: {str(error)[:300]})",), "")
    return Proof(name, tuple(wrong), compared)


def _files(home: Path, manifest: BackupManifest, part: Part | None) -> tuple[list[str], str]:
    expected = manifest.files_of(part)
    there = set(stamps(home)) - {MANIFEST}
    wrong = [f"{path} is missing" for path in sorted(expected.keys() - there)]
    wrong += [f"{path} is in no manifest" for path in sorted(there - expected.keys())]
    wrong += [
        f"{path} is a link, so its content is not there"
        for path in sorted(there)
        if (home / path).is_symlink()
    ]
    paths = sorted(expected.keys() & there)
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda path: digest(home / path), paths)
        wrong += [
            f"{path} was changed" for path, one in zip(paths, found, strict=True) if one != expected[path]
        ]
    size = sum(file.bytes for file in expected.values())
    return wrong, f"{counted(len(paths), 'file')} with {size / 2**20:,.1f} MiB have their SHA-256"


def _tables(home: Path, manifest: BackupManifest) -> tuple[list[str], str]:
    wrong, rows = [], 0
    for path, held in sorted(manifest.tables.items()):
        if (said := table_differs(home / "lake" / path, path, manifest)) is not None:
            wrong.append(f"{path} {said}")
        rows += held.rows
    tables = counted(len(manifest.tables), "table")
    return wrong, f"{tables} with {counted(rows, 'row')} have their columns and checksums, read by DataFusion"


def table_differs(folder: Path, path: str, manifest: BackupManifest) -> str | None:
    """How a table differs from the manifest, read by another engine than described it; None: not at all."""
    held = manifest.tables[path]
    try:
        if (at := pinned.newest(folder)) is None:
            return "is not there"
        if at != held.version:
            return f"is at version {at}, not {held.version}"
        if pinned.types(folder, held.version) != held.types:
            return "has other columns"
        found = digest_of(pinned.by_datafusion(folder, held.version), list(held.types))
    except pinned.VersionUnreadable as error:
        return f"cannot be read: {error}"
    if found.rows != held.rows:
        return f"has {counted(found.rows, 'row')}, not {held.rows:,}"
    return None if found.checksum == held.checksum else "holds other values"


def _champions(home: Path, manifest: BackupManifest) -> tuple[list[str], str]:
    found = champions_in(home)
    wrong = [] if found == manifest.champions else [f"the timeline is {found}, not {manifest.champions}"]
    return wrong, f"{counted(len(found), 'date')} of the timeline name the same versions"


def _databases(home: Path, manifest: BackupManifest, part: Part | None) -> tuple[list[str], str]:
    files = databases.databases(home)
    said = {file: databases.damaged(file) for file in files}
    wrong = [f"{file.relative_to(home)}: {told}" for file, told in said.items() if told is not None]
    sound = f"{counted(len(files), 'SQLite file')} {'is' if len(files) == 1 else 'are'} sound"
    dumps = {dump: rows for dump, rows in manifest.dumps.items() if dump in manifest.files_of(part)}
    for dump, rows in dumps.items():
        if rows_of(home / dump) != rows:
            wrong.append(f"{dump} has other rows")
        sound += f", {dump} has its {counted(sum(rows.values()), 'row')} of {counted(len(rows), 'table')}"
    return wrong, sound


def _models(home: Path, manifest: BackupManifest) -> tuple[list[str], str]:
    """Loads every registered version through MLflow, and lets it score its golden rows.

    MLflow gets a copy of its file: it keeps files open, and a home may still move.
    """
    golden = json.loads((home / GOLDEN).read_text(encoding="utf-8"))
    wrong, rows, loaded = [], 0, "loaded"
    with TemporaryDirectory(prefix="churn_registry_") as folder:
        registry = Path(folder) / databases.MLFLOW
        if dumped := MLFLOW_DUMP in manifest.dumps:
            loaded = "loaded from their files, as their registry is a dump"
        elif manifest.models:
            databases.copy_database(home / databases.MLFLOW, registry)
        for one in manifest.models:
            expected = golden[one.name][one.version]
            try:
                model = _load(home, one, None if dumped else registry)
            except Exception as error:  # noqa: BLE001 (the other versions are checked all the same)
                wrong.append(f"version {one.version} of {one.name} cannot be loaded ({type(error).__name__})")
                continue
            rows += len(expected["inputs"])
            if scores_of(model, expected["inputs"]) != expected["scores"]:
                wrong.append(f"version {one.version} of {one.name} scores otherwise")
    versions = counted(len(manifest.models), "registered version")
    return wrong, f"{versions} {loaded}, {counted(rows, 'golden row')} scored to the bit"


def _load(home: Path, held: HeldModel, registry: Path | None) -> PortableModel:
    """A registered version: through MLflow and its SQLite file, else from its own files."""
    if registry is None:
        return PortableModel.load(home / "mlartifacts" / held.folder)
    tracking = Tracking(f"sqlite:///{registry}", str(home / "mlartifacts"), held.name, held.name)
    return tracking.load_version(held.version)


def _aliases(home: Path, manifest: BackupManifest) -> tuple[list[str], str]:
    found = databases.aliases(home)
    wrong = [] if found == manifest.aliases else [f"aliases are {found}, not {manifest.aliases}"]
    number = databases.mlflow_runs(home)
    if number != manifest.mlflow_runs:
        wrong.append(f"MLflow has {counted(number, 'run')}, not {manifest.mlflow_runs}")
    named = [
        f"{alias} is version {v} of {name}" for name, one in found.items() for alias, v in sorted(one.items())
    ]
    return wrong, f"{', '.join(named) or 'no alias'}; {counted(number, 'run')} in MLflow"


def _paths(home: Path, manifest: BackupManifest) -> tuple[list[str], str]:
    if MLFLOW_DUMP in manifest.dumps:
        return [], f"MLflow's are in its dump, and name {manifest.home}"
    artifacts = str(home / "mlartifacts")
    follow(f"sqlite:///{home / databases.MLFLOW}", artifacts)
    wrong = [f"MLflow names {path}" for path in databases.foreign_paths(home, COLUMNS, artifacts)]
    return wrong, "no stored path leads out of the home"


def _runs(home: Path, manifest: BackupManifest) -> tuple[list[str], str]:
    found = databases.runs(home)
    wrong = [f"run {name} is {found.get(name, 'gone')}" for name in databases.changed(manifest.runs, found)]
    folder = home / databases.RUNS.removesuffix(".db")
    if DAGSTER_DUMP in manifest.dumps:
        return wrong, f"{counted(len(found), 'run')} of Dagster have their status, in its dump"
    wrong += [f"run {name} has no events" for name in found if not (folder / f"{name}.db").is_file()]
    return wrong, f"{counted(len(found), 'run')} of Dagster have their status and events"


def _schedules(home: Path, manifest: BackupManifest) -> tuple[list[str], str]:
    found = databases.schedules(home)
    wrong = [f"{name} differs" for name in databases.changed(manifest.schedules, found)]
    return wrong, f"{counted(len(found), 'state')} of schedules and sensors, with their cursors"


def _audit(settings: Settings, home: Path, manifest: BackupManifest) -> tuple[Sequence[str], str]:
    found = verify(settings_of_home(settings, home, home / BUSINESS))
    end = found.anchor
    told = [end.chain, str(end.sequence), end.hash] if end else []
    wrong = list(found.damage)
    if told != manifest.audit:
        wrong.append(f"its end is {told[1:]}, not {manifest.audit[1:]}")
    return wrong, f"{counted(found.records, 'record')} in an intact chain"


def _business(home: Path, manifest: BackupManifest) -> tuple[list[str], str]:
    from churn_assets.contracts.loader import load_business

    found = load_business(home / BUSINESS)
    wrong = [] if found.name == manifest.business else [f"it is {found.name}, not {manifest.business}"]
    return wrong, f"{found.name} with {counted(len(found.sources), 'source')} can be read"
