"""Logs studies of flat files to MLflow: one finished run each, in a separate experiment, without Dagster."""

import time
from collections.abc import Mapping
from pathlib import Path

from churn_assets.tracking.moved_home import require_files
from churn_assets.tracking.reached import reached

EXPERIMENT = "churn studies"


def log_study(
    uri: str,
    artifacts: str,
    name: str,
    params: Mapping[str, str],
    metrics: Mapping[str, float],
    report: Path,
) -> str:
    """Logs one study as one run, which ends FINISHED, or FAILED if logging raises an error.

    Args:
        uri: tracking server.
        artifacts: artifact root, used if this call creates the experiment.
        name: of the run.
        params: the settings and what was chosen; never a row of data.
        report: HTML file without rows of data; never the scored file.

    Returns:
        The run's id.

    Raises:
        TrackingError: MLflow does not answer, or the home was moved without its files.
        MlflowException: the server rejects the request, or the experiment was deleted.
    """
    client, found = reached(uri, artifacts, EXPERIMENT)
    from mlflow.entities import Metric, Param

    if found:
        require_files(found.artifact_location, artifacts)
    experiment = (
        found.experiment_id if found else client.create_experiment(EXPERIMENT, artifact_location=artifacts)
    )
    run_id: str = client.create_run(experiment, run_name=name).info.run_id
    status = "FAILED"
    try:
        now = int(time.time() * 1000)
        client.log_batch(
            run_id,
            metrics=[Metric(key, value, now, 0) for key, value in metrics.items()],
            params=[Param(key, value[:500]) for key, value in params.items()],
        )
        client.log_artifact(run_id, str(report))
        status = "FINISHED"
    finally:
        client.set_terminated(run_id, status)
    return run_id
