"""Copies of SQLite files while others write them, and what MLflow's and Dagster's files tell about themselves."""

import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from churn_assets.backup import postgresql
from churn_assets.backup.manifest import DAGSTER_DUMP, MLFLOW_DUMP, HeldModel
from churn_assets.backup.restic import BackupError

WAIT_SECONDS = 60
HEADER = b"SQLite format 3\x00"
MLFLOW = "mlflow.db"
RUNS, SCHEDULES = "dagster/history/runs.db", "dagster/schedules/schedules.db"
PORTABLE = "artifacts/portable"
NOT_ENDED = ("NOT_STARTED", "STARTING", "STARTED", "CANCELING")  # QUEUED has touched nothing
DUMPS = {MLFLOW: MLFLOW_DUMP, RUNS: DAGSTER_DUMP, SCHEDULES: DAGSTER_DUMP}
FROM = re.compile(r" FROM (\w+)")
# Tables that a release of Dagster before the first tick has not made yet.
NO_TABLE = "no such table"


def copy_database(source: Path, target: Path) -> None:
    """Copies a SQLite file as of one moment, whoever writes it meanwhile; the copy needs no journal.

    Raises:
        FileNotFoundError: it is not there.
        BackupError: it is no database, or damaged.
    """
    if not source.is_file():
        raise FileNotFoundError(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with closing(_opened(source)) as database, closing(sqlite3.connect(target)) as copy:
            database.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
            if (said := damage(copy)) is not None:
                raise BackupError(f"{source} is damaged: {said}. Restore it from an earlier backup.")
    except sqlite3.DatabaseError as error:
        raise BackupError(f"{source} cannot be copied ({error}).") from error


def damage(database: sqlite3.Connection) -> str | None:
    """What SQLite finds wrong with a file; None for a sound one."""
    said = str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
    return None if said == "ok" else said


def damaged(file: Path) -> str | None:
    """`damage` of a file."""
    try:
        with closing(_opened(file)) as database:
            return damage(database)
    except sqlite3.DatabaseError as error:
        return str(error)


def runs(home: Path) -> dict[str, str]:
    """Dagster run -> status."""
    return {str(run): str(status) for run, status in _rows(home, RUNS, "SELECT run_id, status FROM runs")}


def in_flight(home: Path, own: str = "") -> dict[str, str]:
    """Runs that have begun and not ended: id -> job; `own` is left out."""
    marks = ", ".join("?" * len(NOT_ENDED))
    found = _rows(home, RUNS, f"SELECT run_id, pipeline_name FROM runs WHERE status IN ({marks})", NOT_ENDED)
    return {str(run): str(job) for run, job in found if run != own}


def running(home: Path, own: str = "") -> dict[str, str]:
    """`in_flight` of a living home, wherever its Dagster keeps its runs.

    Raises:
        NotDumped: they are in a PostgreSQL that cannot be asked, or in another storage.
    """
    if (address := postgresql.dagster_address(home)) is None:
        return in_flight(home, own)
    return postgresql.in_flight(address, NOT_ENDED, own)


def schedules(home: Path) -> dict[str, str]:
    """Schedule or sensor -> SHA-256 of its status and cursor."""
    found = _rows(home, SCHEDULES, "SELECT selector_id, status, instigator_body FROM instigators")
    return {str(name): sha256(f"{status}\n{body}".encode()).hexdigest() for name, status, body in found}


def mlflow_runs(home: Path) -> int:
    """Number of runs in MLflow."""
    found = _rows(home, MLFLOW, "SELECT count(*) FROM runs")
    return int(str(found[0][0])) if found else 0


def aliases(home: Path) -> dict[str, dict[str, str]]:
    """Registered model -> alias -> version."""
    told: dict[str, dict[str, str]] = {}
    for name, alias, version in _rows(
        home, MLFLOW, "SELECT name, alias, version FROM registered_model_aliases"
    ):
        told.setdefault(str(name), {})[str(alias)] = str(version)
    return told


def models(home: Path, artifacts: str) -> tuple[list[HeldModel], dict[str, str]]:
    """The registered versions, each with the folder of its portable model below the artifacts; and those without.

    Args:
        home: with MLflow's file and the artifacts.
        artifacts: where MLflow's file expects them.
    """
    found, without = list[HeldModel](), dict[str, str]()
    query = (
        "SELECT name, version, storage_location FROM model_versions WHERE current_stage <> 'Deleted_Internal' "
        "ORDER BY name, version"
    )
    for name, version, place in _rows(home, MLFLOW, query):
        below = _below(str(place), artifacts)
        if below is None or not (home / "mlartifacts" / below / PORTABLE).is_dir():
            without[f"model {name} {version}"] = f"its files are not below {artifacts}"
        else:
            found.append(HeldModel(str(name), str(version), f"{below}/{PORTABLE}"))
    return found, without


def foreign_paths(home: Path, columns: Sequence[tuple[str, str]], artifacts: str) -> list[str]:
    """Absolute paths in MLflow's file that do not lead into the artifacts."""
    found = set[str]()
    for table, column in columns:
        rows = _rows(
            home, MLFLOW, f"SELECT DISTINCT {column} FROM {table} WHERE substr({column}, 1, 1) = '/'"
        )
        found |= {str(place) for (place,) in rows if _below(str(place), artifacts) is None}
    # MLflow's own default experiment, which nothing uses, keeps the folder of whoever made the file
    default = _rows(home, MLFLOW, "SELECT artifact_location FROM experiments WHERE experiment_id = 0")
    return sorted(found - {str(place) for (place,) in default})


def databases(home: Path) -> list[Path]:
    """Every SQLite file of a home that a backup holds."""
    places = [home / MLFLOW, home / "outbox.db", *(home / "dagster").rglob("*.db")]
    return sorted(place for place in places if place.is_file() and is_database(place))


def is_database(file: Path) -> bool:
    """Whether a file is one of SQLite; an empty one becomes one with its first table."""
    with file.open("rb") as content:
        return content.read(len(HEADER)) in (HEADER, b"")


def _below(place: str, artifacts: str) -> str | None:
    if place == artifacts:
        return ""
    return place.removeprefix(f"{artifacts}/") if place.startswith(f"{artifacts}/") else None


def _opened(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=WAIT_SECONDS)


def _rows(home: Path, place: str, query: str, values: Sequence[str] = ()) -> list[tuple[object, ...]]:
    """The rows of a query to a SQLite file, or to the dump in its place; none where neither has the table yet."""
    file, dump = home / place, home / DUMPS[place]
    if not (file.is_file() or dump.is_file()):
        return []
    with closing(_opened(file) if file.is_file() else _loaded(dump, query)) as database:
        try:
            return database.execute(query, values).fetchall()
        except sqlite3.OperationalError as error:
            if NO_TABLE in str(error):
                return []
            raise


def _loaded(dump: Path, query: str) -> sqlite3.Connection:
    """The table of a query, from a dump of PostgreSQL; all its values are texts."""
    name = FROM.findall(query)[0]
    columns, rows = postgresql.table_of(dump, name)
    database = sqlite3.connect(":memory:")
    if columns:
        database.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
        database.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})", rows)
    return database


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Names of what is in one and not in the other, or otherwise there."""
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
