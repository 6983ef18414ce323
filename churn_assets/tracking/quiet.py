"""Turns off the telemetry and the progress messages of MLflow. Warnings and errors stay on."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Defaults that the user can override; must be set before MLflow is imported.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_CONFIGURE_LOGGING": "false",  # its records go where all others go, so also into the log
}


def prepare_mlflow() -> None:
    """Sets MLflow's environment and log levels; every function of this package that imports MLflow calls it first."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # Alembic reports every migration step of a new SQLite file.
    logging.getLogger("alembic").setLevel(logging.WARNING)


def bind_run(adapter: Any) -> Any:
    """Returns dagster_mlflow's MlFlow for a context, without the beta warnings of its import and construction.

    Users cannot act on these warnings: this project pins the version and tests it.
    """
    from dagster import BetaWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=BetaWarning)
        from dagster_mlflow.resources import MlFlow

        return MlFlow(adapter)  # type: ignore[no-untyped-call]


@contextmanager
def restored_environment(*names: str) -> Iterator[None]:
    """Restores environment variables at the end of the block: MLflow exports its global state through them."""
    before = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
