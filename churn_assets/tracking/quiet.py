"""MLflow without telemetry and chatter. Warnings and errors stay."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Only where the user has not decided otherwise; must be set before MLflow is imported.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}


def prepare_mlflow() -> None:
    """Set MLflow's environment and log levels; every function here that imports MLflow calls this first."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # Alembic reports every migration step of a new SQLite file.
    logging.getLogger("alembic").setLevel(logging.WARNING)


def bind_run(adapter: Any) -> Any:
    """dagster_mlflow's MlFlow for a context; both its import and its construction announce that it is in beta.

    That is known, pinned and tested here, and not for the user to act on.
    """
    from dagster import BetaWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=BetaWarning)
        from dagster_mlflow.resources import MlFlow

        return MlFlow(adapter)  # type: ignore[no-untyped-call]


@contextmanager
def restored_environment(*names: str) -> Iterator[None]:
    """Put environment variables back as they were: MLflow exports its global state through them."""
    before = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
