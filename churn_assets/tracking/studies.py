"""Logs studies of flat files to MLflow, in a separate experiment, without Dagster."""

from collections.abc import Mapping
from pathlib import Path

from churn_assets.tracking.finished_runs import log_finished_run

EXPERIMENT = "churn studies"


def log_study(
    uri: str,
    artifacts: str,
    name: str,
    params: Mapping[str, str],
    metrics: Mapping[str, float],
    report: Path,
) -> str:
    """Logs one study as one finished run; returns its id. For arguments and errors see `log_finished_run`.

    Args:
        report: HTML file without rows of data; never the scored file.
    """
    return log_finished_run(uri, artifacts, EXPERIMENT, name, params, metrics, report)
