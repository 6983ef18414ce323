"""Runs a process of Dagster with the structured log of this home.

    python -m churn_assets.deployment.logged dagster-daemon run -w workspace.yaml

By itself Dagster tells the warnings and errors of its daemon, web page and code server to the terminal only.
"""

import logging
import os
import signal
import sys
from importlib.metadata import entry_points
from pathlib import Path
from types import FrameType

from churn_assets.lakehouse.engine.processes import only_one
from churn_assets.operations.log import writing as log
from churn_assets.settings import Settings

INTERRUPTED = 130  # the exit code of a shell for Ctrl-C
MODULE = "churn_assets.deployment.logged"
LOCK = ".start.lock"
ON_THE_TERMINAL = ("dagster", "dagster-webserver", "uvicorn")  # their own handlers print what these log


def run(command: str, arguments: list[str], settings: Settings) -> int | None:
    """Runs a console script in this process; returns what it returns.

    Raises:
        ValueError: there is no such console script.
    """
    script = next(iter(entry_points(group="console_scripts", name=command)), None)
    if script is None:
        raise ValueError(f"There is no command {command}. Is Dagster installed?")
    _prepare_logging()
    log.start(settings)
    log.event("process.started", f"{command} starts.", process=command)
    sys.argv = [command, *arguments]
    interrupts = _noted_interrupts()
    try:
        _prepare_storage()
        return script.load()()  # type: ignore[no-any-return]
    except KeyboardInterrupt:
        _tell_interrupted(command)
        return INTERRUPTED
    except Exception as error:
        log.event("process.failed", f"{command} failed.", level=logging.ERROR, error=error, process=command)
        raise
    except SystemExit as end:
        if end.code and interrupts:
            _tell_interrupted(command)
        elif end.code:
            code = end.code if isinstance(end.code, int) else 1  # Python prints a text and exits with 1
            told = f"{command} ended with the exit code {code}."
            log.event("process.failed", told, level=logging.ERROR, process=command)
        raise


def _noted_interrupts() -> list[int]:
    """Each Ctrl-C or SIGTERM that comes before Dagster handles them itself; click makes an exit code of it that says
    nothing.

    A shell lets what it starts in the background ignore Ctrl-C. Dagster treats SIGTERM as it finds Ctrl-C, in its
    children, too, so the process could only be killed. It listens to both instead.
    """
    found: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        found.append(number)
        signal.default_int_handler(number, frame)

    if signal.getsignal(signal.SIGINT) in (signal.default_int_handler, signal.SIG_IGN):
        signal.signal(signal.SIGINT, note)
    return found


def _tell_interrupted(command: str) -> None:
    log.event("process.interrupted", f"{command} was interrupted.", process=command)


def _prepare_storage() -> None:
    """Makes Dagster's SQLite files, if there are none: of two processes that make them at once, one fails."""
    home = Path(os.environ.get("DAGSTER_HOME", ""))
    if home.is_absolute() and home.is_dir():
        from dagster import DagsterInstance

        with only_one(home / LOCK), DagsterInstance.get():
            pass


def _prepare_logging() -> None:
    """Lets the root logger, which has the log, hear all; no warning is printed twice."""
    from uvicorn.config import LOGGING_CONFIG

    LOGGING_CONFIG["loggers"]["uvicorn"]["propagate"] = True
    terminal = logging.StreamHandler()
    terminal.setLevel(logging.WARNING)
    terminal.addFilter(lambda record: record.name.partition(".")[0] not in ON_THE_TERMINAL)
    logging.getLogger().addHandler(terminal)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2:], Settings()))
