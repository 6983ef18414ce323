"""Starts and stops Spark in a JVM."""

import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from churn_assets import trace
from churn_assets.lakehouse.engine.jars import delta_jars
from churn_assets.lakehouse.engine.java import prepare_java_home
from churn_assets.lakehouse.engine.profiles import Profile, choose_profile, is_local
from churn_assets.lakehouse.engine.scratch import scratch_folder
from churn_assets.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

_LOG4J = Path(__file__).with_name("log4j2.properties")
_LOG_TEMPLATE = Path(__file__).with_name("spark_log.json")
_starting = threading.Lock()

# List settings and their separators: a user's value is added to ours. For any other setting it replaces ours.
_JOINED = {
    "spark.sql.extensions": ",",
    "spark.jars": ",",
    "spark.driver.extraClassPath": os.pathsep,
    "spark.driver.extraJavaOptions": " ",
}

# Settings that a running session cannot change; a difference is logged as a warning.
_ESSENTIAL = (
    "spark.master",
    "spark.driver.memory",
    "spark.driver.extraClassPath",
    "spark.sql.extensions",
    "spark.sql.catalog.spark_catalog",
    "spark.sql.session.timeZone",
    "spark.sql.ansi.enabled",
)

OUT_OF_MEMORY = 52  # Spark's exit code (SparkExitCode.OOM)
SECONDS_TO_END = 30  # from the stop of the Spark context to the end of the JVM

_started: "SparkSession | None" = None


def start_session(settings: Settings, app_name: str = "churn_assets") -> "SparkSession":
    """The Spark session of this process, with Delta: the running one, else a new one.

    The first start takes longer: it fetches the two Delta jars.

    Raises:
        JavaNotFoundError: no Java 17 or 21.
        JarsError: the Delta jars are missing and cannot be fetched.
    """
    global _started
    with _starting:
        jars = delta_jars(settings)
        profile = choose_profile(settings)
        confs = session_confs(settings, profile, jars)
        running = running_session()
        if running is not None:
            _warn_of_differences(running, confs)
            return running
        log.info("Spark on %s, profile %s: %s", settings.spark_master, profile.name, profile.reason)
        java = prepare_java_home(shims_folder(settings))
        log.info("Java %s of %s (%s)", java.version, java.home, java.origin)
        if is_local(settings.spark_master):
            add_java_options(confs, log_options(settings))
        _started = _launch(confs | {"spark.app.name": app_name}, scratch_folder(settings))
        return _started


def running_session() -> "SparkSession | None":
    """The running session of this process, whoever started it; None when there is none."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    if SparkContext._active_spark_context is None:
        return None
    return SparkSession.getActiveSession() or _started or SparkSession.builder.getOrCreate()


def stop_session() -> None:
    """Stop Spark and wait until its JVM has ended; does nothing when none is running.

    `SparkSession.stop()` alone leaves the JVM running until this process ends. It would keep its memory, and its
    settings would apply to the next session.
    """
    global _started
    from pyspark import SparkContext

    with _starting:
        session = running_session()
        if session is not None:
            session.stop()
        _started = None
        gateway = SparkContext._gateway
        if gateway is None:
            return
        gateway.shutdown()
        SparkContext._gateway = SparkContext._jvm = None
        process = getattr(gateway, "proc", None)
        if process is not None:
            process.stdin.close()
            process.wait(timeout=120)


def why_ended() -> str | None:
    """Why the JVM of this process's session ended, in words, with the remedy; None while it runs.

    The exceptions that follow the end of the JVM do not contain its cause.
    """
    from py4j.protocol import Py4JError
    from pyspark import SparkContext

    process = getattr(SparkContext._gateway, "proc", None)
    context = SparkContext._active_spark_context
    if process is None or context is None:
        return None
    try:
        if not context._jsc.sc().isStopped():
            return None
    except (Py4JError, OSError):
        pass  # the JVM does not respond any more
    try:
        code = process.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        return None
    if code == OUT_OF_MEMORY:
        return (
            "Spark ran out of memory. Give its JVM a larger heap by CHURN_DRIVER_MEMORY (`churn-assets doctor` shows "
            "its size), or choose fewer months for a run."
        )
    return (
        f"The JVM of Spark ended with exit code {code}. If nobody killed it, the machine was short of memory: free "
        "some, or choose fewer months for a run."
    )


def running_tasks() -> str:
    """Progress of the stages that run now, such as `3 of 8 tasks`; empty when none runs."""
    # No import of pyspark here: another thread may be in the middle of it.
    context = getattr(
        getattr(sys.modules.get("pyspark"), "SparkContext", None), "_active_spark_context", None
    )
    if context is None:
        return ""
    from py4j.protocol import Py4JError

    try:
        tracker = context.statusTracker()
        stages = [tracker.getStageInfo(number) for number in tracker.getActiveStageIds()]
    except (Py4JError, OSError, AttributeError):
        return ""  # the JVM is ending or gone; the step that uses it reports that
    total = sum(stage.numTasks for stage in stages if stage is not None)
    done = sum(stage.numCompletedTasks for stage in stages if stage is not None)
    return f"{done} of {total} tasks" if total else ""


def shims_folder(settings: Settings) -> Path:
    """Folder of the bin/java shims."""
    return settings.jars_path / "java"


def _launch(confs: Mapping[str, str], scratch: Path) -> "SparkSession":
    """A new session with these settings; shuffle files and spills of this process go to `scratch`, created here."""
    import delta.exceptions  # noqa: F401  (turns Delta's Java exceptions into Python ones)
    from dagster_pyspark import LazyPySparkResource
    from pyspark import SparkContext

    from churn_assets.lakehouse.engine.java_names import remember_names

    _quieten_python_side()
    scratch.mkdir(parents=True, exist_ok=True)
    ours = {"spark.local.dir": str(scratch), **confs}
    session: SparkSession = LazyPySparkResource(spark_config=ours).spark_session
    remember_names(SparkContext._jvm)
    return session


def session_confs(settings: Settings, profile: Profile, jars: list[Path]) -> dict[str, str]:
    """The Spark settings of a session: ours, then the user's.

    A user's value (CHURN_SPARK_CONF) replaces ours; in a list setting (`_JOINED`) it is added to ours.
    """
    local = is_local(settings.spark_master)
    confs = _common_confs(settings) | (
        _local_confs(settings, profile, jars) if local else _cluster_confs(jars)
    )
    for key, value in settings.spark_conf.items():
        joined = key in _JOINED and key in confs
        confs[key] = f"{confs[key]}{_JOINED[key]}{value}" if joined else value
    return confs


def _quieten_python_side() -> None:
    from pyspark.logger import PySparkLogger

    # py4j logs each of its connections at INFO.
    logging.getLogger("py4j").setLevel(logging.WARNING)
    # These print every failed query to stderr before the exception is raised, with values of rows and a hundred lines
    # of JVM stack. The exception contains the same.
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        PySparkLogger.getLogger(name).setLevel(logging.CRITICAL + 1)


def log_options(settings: Settings) -> tuple[str, ...]:
    """JVM options for the file of the structured log to which this process's JVM writes its warnings and errors."""
    settings.log_path.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = (
        settings.log_path
        / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{socket.gethostname()}-{os.getpid()}-spark.jsonl"
    )
    file.touch(mode=0o600)
    return (
        f"-Dchurn.log={file}",
        f"-Dchurn.log.template={_LOG_TEMPLATE.as_uri()}",
        f"-Dchurn.trace={trace.current()}",
    )


def add_java_options(confs: dict[str, str], options: tuple[str, ...]) -> None:
    """Put JVM options in front of those that `confs` has already."""
    quoted = [f'"{option}"' for option in options]
    confs["spark.driver.extraJavaOptions"] = " ".join(
        [*quoted, confs.get("spark.driver.extraJavaOptions", "")]
    ).strip()


def _common_confs(settings: Settings) -> dict[str, str]:
    return {
        "spark.master": settings.spark_master,
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.session.timeZone": "UTC",
        # Overflow, a bad cast and a missing index are errors, not NULLs. Conversions of delivered text use try_cast.
        "spark.sql.ansi.enabled": "true",
        # pyspark 4.2.0 hangs on a plain Python udf over Parquet with this on.
        "spark.sql.execution.arrow.pythonUDF.columnarInput.enabled": "false",
        # With this on, Python looks up where each column of each frame was created, and sends that to the JVM.
        "spark.python.sql.dataFrameDebugging.enabled": "false",
        # Scoring a batch of snapshots costs some calls per feature, however few rows it has: use large batches.
        "spark.sql.execution.arrow.maxRecordsPerBatch": "50000",
        "spark.ui.showConsoleProgress": "false",
        # With dozens of aliased columns, inferring constraints takes exponential time and memory in the planner.
        "spark.sql.constraintPropagation.enabled": "false",
    }


def _local_confs(settings: Settings, profile: Profile, jars: list[Path]) -> dict[str, str]:
    confs = {
        "spark.driver.memory": settings.driver_memory or profile.driver_memory,
        "spark.driver.extraClassPath": os.pathsep.join(map(str, jars)),
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.warehouse.dir": str(settings.home_path / "spark" / "warehouse"),
        "spark.sql.adaptive.enabled": str(profile.adaptive).lower(),
        "spark.sql.shuffle.partitions": str(profile.shuffle_partitions),
        "spark.databricks.delta.snapshotPartitions": str(profile.snapshot_partitions),
        # Spark's 10,000 listing tasks suit object stores: a local VACUUM costs 62 CPU s with them, 4 with this.
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
        # Files are given by name. Checking one takes microseconds here; a Spark job for it takes longer.
        "spark.sql.sources.parallelPartitionDiscovery.threshold": "10000",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
        "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "2",
        # Hadoop's default local file system runs chmod for every file and folder, and writes a checksum file for each.
        "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
        "spark.hadoop.fs.AbstractFileSystem.file.impl": "org.apache.hadoop.fs.local.RawLocalFs",
        # A run of many months writes them concurrently instead of sorting all rows by month first.
        "spark.sql.maxConcurrentOutputFileWriters": "36",
        "spark.hadoop.parquet.block.size": str(16 * 1024**2),
        "spark.sql.inMemoryColumnarStorage.compressed": "false",
    }
    add_java_options(confs, (*profile.java_options, f"-Dlog4j2.configurationFile={_LOG4J.as_uri()}"))
    return confs


def _cluster_confs(jars: list[Path]) -> dict[str, str]:
    # The cluster configures memory, partitions and its JVMs.
    return {"spark.jars": ",".join(map(str, jars))}


def _warn_of_differences(running: "SparkSession", wanted: Mapping[str, str]) -> None:
    has = running.conf.getAll
    for key in _ESSENTIAL:
        if key in wanted and has.get(key) != wanted[key]:
            log.warning(
                "The Spark session of this process was started with %s=%s, not %s. It is used as it is; to change it, "
                "stop it (churn_assets.lakehouse.engine.session.stop_session) or start a new process.",
                key,
                has.get(key),
                wanted[key],
            )
