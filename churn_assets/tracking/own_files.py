"""Finds the files of a model and of a run in MLflow's own SQLite file, without MLflow, whose import takes seconds.

None means that MLflow has to be asked: its store is a server, or there is no such thing, or its files lie elsewhere.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from churn_assets.tracking.moved_home import SQLITE, WAIT_SECONDS

DELETED = "Deleted_Internal"  # MLflow's mark of a version that was deleted


def model_folder(uri: str, model_name: str, model_version: str) -> Path | None:
    """The folder of a registered version."""
    return _folder(
        uri,
        "SELECT storage_location FROM model_versions WHERE name = ? AND version = ? AND current_stage <> ?",
        (model_name, model_version, DELETED),
    )


def run_folder(uri: str, mlflow_run_id: str) -> Path | None:
    """The folder of the artifacts of a run that was not deleted."""
    return _folder(
        uri,
        "SELECT artifact_uri FROM runs WHERE run_uuid = ? AND lifecycle_stage = 'active'",
        (mlflow_run_id,),
    )


def _folder(uri: str, sql: str, values: tuple[str, ...]) -> Path | None:
    file = Path(uri.removeprefix(SQLITE))
    if not uri.startswith(SQLITE) or not file.is_file():
        return None
    try:
        with closing(sqlite3.connect(file, timeout=WAIT_SECONDS)) as database:
            found = database.execute(sql, values).fetchone()
    except sqlite3.OperationalError:  # the tables of another MLflow, which knows them itself
        return None
    place = Path(found[0]) if found and found[0] else None
    return place if place is not None and place.is_absolute() and place.is_dir() else None
