"""Logs trials of a hyper-parameter search to MLflow."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from churn_assets.ml.training.search import Trial

if TYPE_CHECKING:
    from mlflow import MlflowClient

PARENT_TAG = "mlflow.parentRunId"  # the MLflow UI nests runs by this tag


def log_trial(client: "MlflowClient", training_run: str, tags: Mapping[str, str], trial: Trial) -> None:
    """Logs a trial as one finished run below the training's run: settings, AUC per origin and their mean.

    Args:
        training_run: id of the training's run.
        tags: of that run; copied, so that an abandoned trial is found and ended like an abandoned training.
    """
    from mlflow.entities import Metric, Param

    experiment = client.get_run(training_run).info.experiment_id
    now = int(time.time() * 1000)
    run = client.create_run(
        experiment,
        start_time=now - int(trial.seconds * 1000),
        tags={**tags, PARENT_TAG: training_run, "given_up": str(trial.given_up)},
        run_name=f"{trial.candidate} trial {trial.number}",
    )
    status = "FAILED"
    try:
        aucs = {f"auc.{day}": auc for day, auc in trial.aucs.items()}
        aucs["auc"] = sum(trial.aucs.values()) / len(trial.aucs)
        params = {"candidate": trial.candidate, "trial": trial.number, **trial.settings}
        client.log_batch(
            run.info.run_id,
            metrics=[Metric(name, value, now, 0) for name, value in aucs.items()],
            params=[Param(name, str(value)) for name, value in params.items()],
        )
        status = "FINISHED"
    finally:
        client.set_terminated(run.info.run_id, status)
