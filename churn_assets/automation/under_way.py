"""Which runs have not ended: what a sensor requests must not meet one of them."""

from typing import TYPE_CHECKING

import dagster as dg

from churn_assets.graph.names import CHURN_MODEL, PUNCTUALITY, TIDY, TRAIN

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
# These change no table that cohorts are made of.
HARMLESS = (TRAIN, PUNCTUALITY, TIDY)


def _open_runs(instance: "DagsterInstance") -> "Sequence[DagsterRun]":
    return instance.get_runs(dg.RunsFilter(statuses=NOT_ENDED))


def training_under_way(instance: "DagsterInstance") -> bool:
    """Whether a training is queued or running: by its job, or as an asset that somebody materialises or backfills."""
    model = dg.AssetKey(CHURN_MODEL.key)
    return any(run.job_name == TRAIN or model in (run.asset_selection or ()) for run in _open_runs(instance))


def job_under_way(instance: "DagsterInstance") -> str | None:
    """A job whose run may still change tables that cohorts are made of."""
    return next((run.job_name for run in _open_runs(instance) if run.job_name not in HARMLESS), None)
