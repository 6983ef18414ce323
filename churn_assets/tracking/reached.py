"""A client of MLflow that answers, or an error within seconds.

MLflow repeats a request without an answer for four minutes. A run that waits so long keeps every other run waiting.
"""

import os
from typing import TYPE_CHECKING

from churn_assets.settings import without_secrets
from churn_assets.tracking.errors import TrackingError
from churn_assets.tracking.moved_home import follow
from churn_assets.tracking.quiet import prepare_mlflow, restored_environment

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"


def reached(uri: str, artifacts: str, experiment: str) -> "tuple[MlflowClient, Experiment | None]":
    """Returns a client and the experiment, None before it is created; this first request is repeated only twice.

    Raises:
        TrackingError: MLflow does not answer.
    """
    prepare_mlflow()
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    follow(uri, artifacts)
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    with restored_environment(RETRIES):
        os.environ.setdefault(RETRIES, "2")
        try:
            return client, client.get_experiment_by_name(experiment)
        except MlflowException as error:
            shown = without_secrets(uri)
            said = error.message.replace(uri, shown)  # MLflow repeats the address with its password
            raise TrackingError(
                f"MLflow at {shown} does not answer. Start it or fix CHURN_TRACKING_URI, then run again. ({said})"
            ) from None
