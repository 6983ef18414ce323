"""Which runs have not ended: a sensor must not request a run that conflicts with one of them."""

from typing import TYPE_CHECKING

import dagster as dg

from churn_assets.graph.names import BACK_UP, CHURN_MODEL, PUNCTUALITY, TIDY, TRAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster import DagsterInstance, DagsterRun

NOT_ENDED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
# These jobs change no table that cohorts are built from.
HARMLESS = (TRAIN, PUNCTUALITY, TIDY, BACK_UP)


def _open_runs(instance: "DagsterInstance") -> "Sequence[DagsterRun]":
    return instance.get_runs(dg.RunsFilter(statuses=NOT_ENDED))


def training_under_way(instance: "DagsterInstance") -> bool:
    """Whether a training is queued or running, as the job or as a materialisation or backfill of the model asset."""
    model = dg.AssetKey(CHURN_MODEL.key)
    return any(run.job_name == TRAIN or model in (run.asset_selection or ()) for run in _open_runs(instance))


def job_under_way(instance: "DagsterInstance") -> str | None:
    """The name of a job whose run may still change tables that cohorts are built from; None if there is none."""
    return next((run.job_name for run in _open_runs(instance) if run.job_name not in HARMLESS), None)
