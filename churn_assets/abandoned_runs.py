"""Runs whose process was killed: Dagster shows them as running until somebody says that they are over.

Each run of this process holds a lock, which the operating system releases when the process dies, however that happens.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from churn_assets.deployment.dagster_home import prepare_dagster_home
from churn_assets.graph.names import TRAIN
from churn_assets.graph.partitions import months_of_tags
from churn_assets.lakehouse.engine.processes import only_one
from churn_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

# Tag of the runs that hold a lock; those that a daemon launched are watched by Dagster's run monitoring.
HOLDS_LOCK = {"churn/in_process": "true"}
BEGUN = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


def _lock_file(settings: Settings, run_id: str) -> Path:
    return prepare_dagster_home(settings) / "running" / f"{run_id}.lock"


@contextmanager
def alive(settings: Settings, run_id: str) -> Iterator[None]:
    """Holds the lock of a run, which must have the tag HOLDS_LOCK."""
    file = _lock_file(settings, run_id)
    file.parent.mkdir(exist_ok=True)
    try:
        with only_one(file):
            yield
    finally:
        file.unlink(missing_ok=True)


def _is_alive(settings: Settings, run_id: str) -> bool:
    file = _lock_file(settings, run_id)
    if not file.exists():
        return False
    try:
        with only_one(file, wait=False):
            pass
    except BlockingIOError:
        return True
    file.unlink(missing_ok=True)
    return False


def end_abandoned(instance: "DagsterInstance", settings: Settings) -> "list[DagsterRun]":
    """Marks the runs of killed processes as failed, in Dagster and MLflow; returns them.

    Raises:
        TrackingError: a training was killed, and MLflow does not answer.
    """
    begun = instance.get_runs(dg.RunsFilter(statuses=BEGUN, tags=HOLDS_LOCK))
    ended = [run for run in begun if not _is_alive(settings, run.run_id)]
    for run in ended:
        from churn_assets.contracts.loader import load_business
        from churn_assets.definitions import tracking_of

        instance.report_run_failed(run, "The process that ran it was killed.")
        if run.job_name == TRAIN:
            tracking_of(settings, load_business(settings.business_path)).end_run_of(run.run_id)
    return ended


def end_abandoned_in(settings: Settings) -> "list[DagsterRun]":
    """`end_abandoned` in the Dagster instance of this home; [] if there is none yet."""
    if not (settings.home_path / "dagster").is_dir():
        return []
    os.environ["DAGSTER_HOME"] = str(prepare_dagster_home(settings))
    with dg.DagsterInstance.get() as instance:
        return end_abandoned(instance, settings)


def told(run: "DagsterRun") -> str:
    """A sentence about a run that was ended, with its months."""
    first, last = months_of_tags(run.tags)
    months = first if first == last else f"{first} to {last}"
    return f"The run {run.job_name} of {months} was killed; it is marked as failed. Run it again."
