"""Logs what was learned outside the training of a model: one finished run each, in an experiment of its own."""

import time
from collections.abc import Mapping
from pathlib import Path

from churn_assets.tracking.moved_home import require_files
from churn_assets.tracking.reached import reached

LONGEST_PARAM = 500


def log_finished_run(
    uri: str,
    artifacts: str,
    experiment: str,
    name: str,
    params: Mapping[str, str],
    metrics: Mapping[str, float],
    files: Path,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Logs one run, which ends FINISHED, or FAILED if logging raises an error.

    Args:
        uri: tracking server.
        artifacts: artifact root, used if this call creates the experiment.
        experiment: its name.
        name: of the run.
        params: settings, and what was chosen; never a row of data.
        metrics: numbers.
        files: a file or a folder of them, without rows of data and without customer keys.
        tags: of the run.

    Returns:
        The run's id.

    Raises:
        TrackingError: MLflow does not answer, or the home was moved without its files.
        MlflowException: the server rejects the request, or the experiment was deleted.
    """
    client, found = reached(uri, artifacts, experiment)
    from mlflow.entities import Metric, Param

    if found:
        require_files(found.artifact_location, artifacts)
    of = found.experiment_id if found else client.create_experiment(experiment, artifact_location=artifacts)
    run_id: str = client.create_run(of, run_name=name, tags=dict(tags or {})).info.run_id
    status = "FAILED"
    try:
        now = int(time.time() * 1000)
        client.log_batch(
            run_id,
            metrics=[Metric(key, value, now, 0) for key, value in metrics.items()],
            params=[Param(key, value[:LONGEST_PARAM]) for key, value in params.items()],
        )
        if files.is_dir():
            client.log_artifacts(run_id, str(files))
        else:
            client.log_artifact(run_id, str(files))
        status = "FINISHED"
    finally:
        client.set_terminated(run_id, status)
    return run_id
