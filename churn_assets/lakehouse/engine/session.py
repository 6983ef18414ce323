"""The one session of this process, on the engine that the settings and the data ask for.

The engines: Sail (`sail`), and Spark in a JVM (`spark`). No module outside this package knows which of them runs.
"""

import logging
import os
from typing import TYPE_CHECKING

from churn_assets.lakehouse.engine import sail, spark
from churn_assets.lakehouse.engine.choice import choose_engine
from churn_assets.lakehouse.engine.jars import delta_jars
from churn_assets.lakehouse.engine.java import JavaNotFoundError
from churn_assets.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from rich.console import Console

log = logging.getLogger(__name__)


def prepare(settings: Settings, console: "Console | None" = None) -> None:
    """Fetches what the engine needs to start; nothing for Sail.

    Raises:
        EngineError: see `choose_engine`.
        JarsError: the Delta jars are missing and cannot be fetched.
    """
    if choose_engine(settings).name == "spark":
        delta_jars(settings, console)


def start_session(settings: Settings, app_name: str = "churn_assets") -> "SparkSession":
    """The session of this process: the running one, on whatever engine, else a new one.

    Raises:
        EngineError: see `choose_engine`.
        SailError: Sail does not start.
        JavaNotFoundError: Spark is chosen, and there is no Java 17 or 21.
        JarsError: Spark is chosen, and the Delta jars are missing and cannot be fetched.
    """
    if (running := sail.running_session()) is not None:
        return running
    if spark.running_session() is None:
        choice = choose_engine(settings)
        log.info("Engine %s: %s", choice.name, choice.reason)
        if choice.name == "sail":
            return sail.start_session(settings)
    os.environ.pop(sail.CONNECT_MODE, None)
    try:
        return spark.start_session(settings, app_name)
    except JavaNotFoundError as error:
        raise JavaNotFoundError(f"{error} Spark was chosen: {choose_engine(settings).reason}.") from None


def running_session() -> "SparkSession | None":
    """The running session of this process, whoever started it; None when there is none."""
    return sail.running_session() or spark.running_session()


def stop_session() -> None:
    """Stops the engine and waits until its process has ended; does nothing when none is running."""
    sail.stop_session()
    spark.stop_session()


def renew_server(settings: Settings) -> "SparkSession":
    """The session of a new server of Sail, in place of the running one. Frames of the former are lost.

    Raises:
        SailError: the server does not start.
    """
    return sail.renew_session(settings)


def server_memory() -> int:
    """Bytes that the server of Sail takes; 0 for Spark, whose JVM keeps to its heap, and where nothing runs."""
    return sail.server_memory()


def server_has_ended() -> bool:
    """Whether a server of Sail was started that has ended by itself; the next query would fail."""
    return sail.server_has_ended()


def why_engine_ended(error: BaseException) -> str | None:
    """Why the engine ended under a query that raised `error`, in words, with the remedy; None while it runs."""
    return sail.why_ended(error) or spark.why_ended()


def running_tasks() -> str:
    """Progress of what the engine computes now, such as `3 of 8 tasks`; empty when it tells none."""
    return "" if sail.running_session() is not None else spark.running_tasks()
