"""Keeps MLflow's files with their home: MLflow stores absolute paths, which after a move name the old place."""

import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

from churn_assets.tracking.errors import TrackingError

SQLITE = "sqlite:///"
# Columns with paths below the artifact root; the place of the experiment comes last, since it says that all is done.
COLUMNS = (
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
    ("model_versions", "source"),
    ("experiments", "artifact_location"),
)
WAIT_SECONDS = 30


def former_roots(uri: str, artifacts: str) -> list[str]:
    """Where MLflow's own SQLite file expects the files that lie in `artifacts`; empty unless the home was moved."""
    return [root for root, here in _other_roots(uri, artifacts) if here]


def lost_roots(uri: str, artifacts: str) -> list[str]:
    """Where MLflow's own SQLite file expects files that are neither there nor in `artifacts`."""
    return [root for root, here in _other_roots(uri, artifacts) if not here and not Path(root).exists()]


def _other_roots(uri: str, artifacts: str) -> list[tuple[str, bool]]:
    """The local artifact roots other than `artifacts`, each with whether its files lie in `artifacts`."""
    file = Path(uri.removeprefix(SQLITE))
    if not uri.startswith(SQLITE) or not file.is_file():
        return []
    with closing(_open(file)) as database:
        others = (root for root in _roots(database) if root != artifacts)
        return [(root, _lies_in(database, root, artifacts)) for root in others]


def follow(uri: str, artifacts: str) -> None:
    """Makes MLflow's SQLite file expect its files in `artifacts` if they lie there; else changes nothing.

    So a home works where it was moved to, and a copy never reads or writes the files of its original.
    """
    for root in former_roots(uri, artifacts):
        with closing(_open(Path(uri.removeprefix(SQLITE)))) as database, database:
            for table, column in COLUMNS:
                database.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                    f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                    (artifacts, len(root) + 1, root, len(root) + 1, f"{root}/"),
                )


def require_files(location: str, artifacts: str) -> None:
    """Checks that MLflow's files are where MLflow expects them.

    Args:
        location: path of the experiment's files, as stored by MLflow.
        artifacts: path where they should be.

    Raises:
        TrackingError: they are in neither place.
    """
    place = Path(location)
    if place.is_absolute() and location != artifacts and not place.exists():
        raise TrackingError(f"{told_lost(location, artifacts)} Bring them: {way_to_bring(artifacts)}")


def told_lost(location: str, artifacts: str) -> str:
    """What is wrong where MLflow's files are in neither place."""
    return (
        f"MLflow keeps its files in {location}, which is not there, and {artifacts} does not have them: was this "
        "home moved without them?"
    )


def way_to_bring(artifacts: str) -> str:
    """The command that brings them, with OLD for the folder where they are."""
    here = shlex.quote(artifacts)
    return f"mkdir -p {here} && cp -r OLD/. {here}"


def _open(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=WAIT_SECONDS)


def _roots(database: sqlite3.Connection) -> list[str]:
    """Local artifact roots of the experiments; MLflow's own default experiment, which nothing uses, is left out."""
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {table for table, _ in COLUMNS} <= tables:
        return []
    rows = database.execute("SELECT DISTINCT artifact_location FROM experiments WHERE experiment_id <> 0")
    return [location for (location,) in rows if location and location.startswith("/")]


def _lies_in(database: sqlite3.Connection, root: str, artifacts: str) -> bool:
    """Whether the files of all registered models below the root lie in `artifacts`, or else those of any run."""

    def below(table: str, column: str) -> list[bool]:
        rows = database.execute(
            f"SELECT {column} FROM {table} WHERE substr({column}, 1, ?) = ?",
            (len(root) + 1, f"{root}/"),
        )
        return [Path(artifacts, place[len(root) + 1 :]).exists() for (place,) in rows]

    models, runs = below("model_versions", "storage_location"), below("runs", "artifact_uri")
    return all(models) if models else any(runs) or not runs
