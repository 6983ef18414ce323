"""Studies of flat files in MLflow: one finished run each, in an experiment of their own, without Dagster."""

import time
from collections.abc import Mapping
from pathlib import Path

from churn_assets.tracking.quiet import prepare_mlflow
from churn_assets.tracking.tracking import require_files

EXPERIMENT = "churn studies"


def log_study(
    uri: str,
    artifacts: str,
    name: str,
    params: Mapping[str, str],
    metrics: Mapping[str, float],
    report: Path,
) -> str:
    """Log one study as one run; FINISHED, or FAILED if logging broke off.

    Args:
        uri: tracking server.
        artifacts: artifact root, used when the experiment is created here.
        name: of the run.
        params: what was asked and chosen; never a row of data.
        report: HTML file without rows of data; the scored file is not for here.

    Returns:
        The run's id.

    Raises:
        TrackingError: the files of earlier studies lie elsewhere, as the home was moved.
        MlflowException: the server does not answer or refuses; the experiment was deleted.
    """
    prepare_mlflow()
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param

    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    found = client.get_experiment_by_name(EXPERIMENT)
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
