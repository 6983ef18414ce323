"""Starts and stops Sail, an engine in Rust that speaks Spark Connect; only `session` calls this module."""

import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from churn_assets.lakehouse.engine.processes import module_environment
from churn_assets.lakehouse.engine.profiles import GIB, local_cores, machine_memory
from churn_assets.lakehouse.engine.sail_output import LEVELS, ServerOutput
from churn_assets.lakehouse.engine.scratch import scratch_folder
from churn_assets.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

CONNECT_MODE = "SPARK_CONNECT_MODE_ENABLED"  # the functions of pyspark.sql look for it at each call
SECONDS_TO_START = 60
SECONDS_TO_END = 5
# The server checkpoints and spills nothing below a path with other characters.
PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")
OUT_OF_MEMORY = "Failed to allocate additional"
A_MONTH = 30 * 24 * 3600

_starting = threading.Lock()


class SailError(RuntimeError):
    """The server of Sail does not start; the message holds the last line that it wrote."""


@dataclass(frozen=True)
class _Running:
    """The server and the session with it.

    Attributes:
        process: the server.
        session: a session of Spark Connect.
        scratch: folder of the server for checkpoints and spills.
        memory: bytes that its queries may take.
        output: what it prints.
    """

    process: "subprocess.Popen[str]"
    session: "SparkSession"
    scratch: Path
    memory: int
    output: ServerOutput


_running: _Running | None = None


def start_session(settings: Settings) -> "SparkSession":
    """The session of this process: the running one, else that of a new server.

    Raises:
        SailError: the server does not start.
    """
    with _starting:
        if _running is not None and _running.process.poll() is None:
            return _running.session
        return _start_anew(settings)


def renew_session(settings: Settings) -> "SparkSession":
    """The session of a new server, which replaces the running one.

    Raises:
        SailError: the server does not start.
    """
    with _starting:
        return _start_anew(settings)


def running_session() -> "SparkSession | None":
    """The session; None before the start and after the end of the server."""
    running = _running
    return running.session if running is not None and running.process.poll() is None else None


def server_memory() -> int:
    """Bytes that the server takes; 0 when none runs."""
    running = _running
    if running is None or running.process.poll() is not None:
        return 0
    try:
        return int(psutil.Process(running.process.pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def server_has_ended() -> bool:
    """Whether a server was started that has ended by itself."""
    running = _running
    return running is not None and running.process.poll() is not None


def stop_session() -> None:
    """Ends the server; does nothing when none was started."""
    with _starting:
        _end()


def why_ended(error: BaseException) -> str | None:
    """Why a query cannot be finished although it is right, in words, with the remedy; None for any other error."""
    running = _running
    if running is None:
        return None
    try:
        code = running.process.wait(SECONDS_TO_END if _is_connection_error(error) else 0)
    except subprocess.TimeoutExpired:
        if OUT_OF_MEMORY not in str(error):
            return None
        return (
            f"Sail ran out of the {running.memory / GIB:.1f} GB that its queries may take. Choose fewer months for a "
            "run, or set CHURN_ENGINE=spark, which needs less memory."
        )
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return (
        f"The server of Sail {how}. If nobody stopped it, the machine was short of memory: free some, choose fewer "
        "months for a run, or set CHURN_ENGINE=spark."
    )


def query_memory() -> int:
    """Bytes that queries may take: half of the machine's memory, because Python needs the rest."""
    return max(GIB, machine_memory() // 2)


def server_environment(settings: Settings, scratch: Path, memory: int) -> dict[str, str]:
    """Environment of the server. A variable SAIL_* of the user replaces ours."""
    ours = {
        "SAIL_MODE": "local",
        "SAIL_EXECUTION__CHECKPOINT__PATH": scratch.as_uri(),
        "SAIL_EXECUTION__DEFAULT_PARALLELISM": str(local_cores(settings.spark_master)),
        "SAIL_RUNTIME__TEMPORARY_FILES__PATHS": json.dumps([str(scratch)]),
        "SAIL_RUNTIME__MEMORY_POOL__TYPE": "fair",
        "SAIL_RUNTIME__MEMORY_POOL__FAIR__MAX_SIZE": str(memory),
        # an idle session is dropped after 15 minutes, and a training may take longer
        "SAIL_SPARK__SESSION_TIMEOUT_SECS": str(A_MONTH),
        "SAIL_PARQUET__COMPRESSION": "snappy",
        # minima and maxima would be personal values, and skip nothing
        "SAIL_PARQUET__STATISTICS_ENABLED": "none",
        "RUST_LOG": LEVELS,
    }
    users = {name: value for name, value in os.environ.items() if name.startswith("SAIL_")}
    environment = module_environment(**(ours | users))
    environment.pop(CONNECT_MODE, None)
    return environment


def _start_anew(settings: Settings) -> "SparkSession":
    """Ends the server, if there is one, and starts another; the caller holds `_starting`."""
    global _running
    _end()
    scratch = _scratch_of_server(settings)
    memory = query_memory()
    process, port, output = _launch(settings, scratch, memory)
    log.info("Sail on port %d, at most %.1f GB for its queries", port, memory / GIB)
    os.environ[CONNECT_MODE] = "1"
    _running = _Running(process, _connect(port), scratch, memory, output)
    _stop_at_exit()
    return _running.session


def _scratch_of_server(settings: Settings) -> Path:
    """A new folder below the home, or in the system's temporary folder when the home's path is not plain."""
    above = scratch_folder(settings)
    if not PLAIN_PATH.fullmatch(str(above)):
        return Path(tempfile.mkdtemp(prefix="churn-assets-sail-"))
    above.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="sail-", dir=above))


def _launch(
    settings: Settings, scratch: Path, memory: int
) -> "tuple[subprocess.Popen[str], int, ServerOutput]":
    """The server, which listens, its port, and what it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "churn_assets.lakehouse.engine.sail_server", str(scratch)],
        env=server_environment(settings, scratch, memory),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,  # a Ctrl-C in the terminal is not for the server
    )
    assert process.stdout is not None and process.stderr is not None  # noqa: S101
    output = ServerOutput(process.stderr)
    watch = threading.Timer(SECONDS_TO_START, process.kill)
    watch.daemon = True  # a Ctrl-C meanwhile need not wait for it
    watch.start()
    port = process.stdout.readline().strip()
    watch.cancel()
    if port.isdigit():
        return process, int(port), output
    process.kill()
    process.wait()
    shutil.rmtree(scratch, ignore_errors=True)
    raise SailError(
        f"Sail does not start: {output.last_line() or 'it said nothing'}. Set CHURN_ENGINE=spark to work without it."
    )


def _connect(port: int) -> "SparkSession":
    from pyspark.logger import PySparkLogger
    from pyspark.sql.connect.client import DefaultChannelBuilder
    from pyspark.sql.connect.client.retries import DefaultPolicy
    from pyspark.sql.connect.session import SparkSession

    # It logs each error before it is raised, with values of rows.
    PySparkLogger.getLogger("pyspark.sql.connect.logging").setLevel(logging.CRITICAL + 1)
    # a proxy of the environment does not lead to this machine
    channel = DefaultChannelBuilder(f"sc://127.0.0.1:{port}", [("grpc.enable_http_proxy", 0)])
    session = SparkSession.builder.channelBuilder(channel).create()
    # By default it tries for ten minutes to reach a server that has ended; so it does for three seconds.
    policy = DefaultPolicy(max_retries=8, initial_backoff=50, backoff_multiplier=2, max_backoff=500)
    session.client.set_retry_policies([policy])
    # Between two processes of a machine no stream breaks, and a release of each would be a call more.
    session.client.disable_reattachable_execute()
    session.conf.set("spark.sql.session.timeZone", "UTC")
    session.conf.set("spark.sql.ansi.enabled", "true")
    # With this on, Python looks up where each column of each frame was created: a fifth of its time.
    session.conf.set("spark.python.sql.dataFrameDebugging.enabled", "false")
    return session  # type: ignore[return-value]


@cache
def _stop_at_exit() -> None:
    # `atexit` is too late: before it, Python waits for threads of the client, and those for a busy server
    threading._register_atexit(stop_session)  # type: ignore[attr-defined]


def _is_connection_error(error: BaseException) -> bool:
    text = f"{type(error).__name__} {error}"
    return any(
        word in text for word in ("UNAVAILABLE", "RetriesExceeded", "RETRIES_EXCEEDED", "Socket closed")
    )


def _end() -> None:
    """Ends the server at once: a running query would hold up an orderly end."""
    global _running
    running, _running = _running, None
    os.environ.pop(CONNECT_MODE, None)
    if running is None:
        return
    running.process.kill()
    running.process.wait()
    running.output.wait()
    # Else it stays the default session beside that of the next server, and the client says good-bye to the dead one
    # when this process ends, and complains.
    running.session.release_session_on_close = False  # type: ignore[attr-defined]
    with suppress(Exception):
        running.session.stop()
    for pipe in (running.process.stdin, running.process.stdout):  # the thread that reads stderr closes it
        if pipe is not None:
            pipe.close()
    shutil.rmtree(running.scratch, ignore_errors=True)
