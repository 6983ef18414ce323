"""Starts the log of this process and writes events.

`start` is called where a process begins: by the command line, and where Dagster prepares the resources of a run or of a
tick. The audit calls it, too, since the log tells of each of its records.
"""

import logging
import os
import socket
import sys
import threading
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import structlog

from churn_assets import trace
from churn_assets.operations.log.records import OURS
from churn_assets.operations.log.spool import Spool, forget
from churn_assets.settings import Settings

if TYPE_CHECKING:
    from churn_assets.operations.log.otlp import OtlpSender

# Dagster's processes and a configured MLflow keep the records of these loggers from the root logger.
APART = ("dagster", "mlflow")
FOR_FILES_ONLY = ("sail",)  # what fails there reaches the terminal as an exception
TELLS_ITS_CHOICE = "churn_assets.lakehouse.engine"  # which engine, profile and Java a run took, and why
# What Python's logging notes of each record, and nobody here prints; without it a record costs a tenth less.
NOT_NOTED = ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks")


class _Events(logging.Logger):
    """The logger of events, which have no place in the code; looking for it would cost a tenth of a record."""

    def findCaller(self, stack_info: bool = False, stacklevel: int = 1) -> tuple[str, int, str, None]:  # noqa: N802
        """No place."""
        return "", 0, "", None


_starting = threading.Lock()
_events = _Events(f"{OURS}.events", logging.INFO)  # it passes on to no other: events are for the files
_logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
    _events,
    processors=[structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    wrapper_class=structlog.stdlib.BoundLogger,
    context_class=dict,
).bind()
_of_the_sender = logging.getLogger("opentelemetry")


def log_folder(settings: Settings) -> Path:
    """The folder of the log's files."""
    return settings.log_path


def resource_of_process() -> dict[str, str]:
    """What every record says of its process; OTEL_RESOURCE_ATTRIBUTES adds more, such as the environment."""
    given = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(",")
    more = {
        name.strip(): unquote(value.strip())
        for name, _, value in (part.partition("=") for part in given)
        if value
    }
    own = {"service.name": "churn_assets", "service.version": version("churn-assets")}
    return more | own | {"host.name": socket.gethostname()}


def start(settings: Settings) -> Spool:
    """Sends the records of all loggers of this process to the files of this home; the second call changes nothing."""
    with _starting:
        root, folder = logging.getLogger(), log_folder(settings)
        present = [handler for handler in root.handlers if isinstance(handler, Spool)]
        for spool in present:
            if spool.folder == folder:
                return spool
            _detach(spool)
        resource = resource_of_process()
        spool = Spool(folder, resource, sender=_sender(settings, resource))
        if not root.handlers and logging.lastResort:
            root.addHandler(logging.lastResort)  # Python prints warnings by it only while there is no handler
        root.addHandler(spool)
        if spool.sender is not None:
            _of_the_sender.addHandler(spool)
            _of_the_sender.propagate = False  # a collector that is away is a matter for the files
        for name in APART:
            if not (apart := logging.getLogger(name)).propagate:
                apart.addHandler(spool)
        for name in FOR_FILES_ONLY:
            logging.getLogger(name).addHandler(spool)
        _events.addHandler(spool)
        logging.getLogger(TELLS_ITS_CHOICE).setLevel(logging.INFO)
        for name in NOT_NOTED:
            setattr(logging, name, False)
        forget(folder)
        return spool


def stop() -> None:
    """Detaches the log from the loggers of this process, and closes its file."""
    with _starting:
        for handler in list(logging.getLogger().handlers):
            if isinstance(handler, Spool):
                _detach(handler)


def event(
    name: str, body: str, *, level: int = logging.INFO, error: BaseException | None = None, **more: Any
) -> None:
    """Writes an event; does nothing in a process that has not started its log.

    Args:
        name: its kind, such as `step.ended`.
        body: a sentence. No personal value.
        level: of Python's logging.
        error: the exception that caused it.
        more: attributes, as `trace.attributes` names them; those of `trace.within` are added.
    """
    if not _events.handlers:
        return
    caused = {} if error is None else {"exc_info": error}
    _logger.log(level, body, **{"event.name": name}, **trace.attributes(more), **caused)


def _sender(settings: Settings, resource: dict[str, str]) -> "OtlpSender | None":
    """The sender, if an endpoint is set. A process that lacks the packages for it says so, and goes on."""
    if settings.otlp_endpoint is None:
        return None
    try:
        from churn_assets.operations.log.otlp import OtlpSender

        return OtlpSender(settings.otlp_endpoint, resource)
    except ImportError:
        sys.stderr.write(
            "Warning: the log is not sent: it needs `pip install 'churn-assets[otlp]'`. Runs go on.\n"
        )
        return None


def _detach(spool: Spool) -> None:
    for logger in (
        logging.getLogger(),
        _events,
        _of_the_sender,
        *map(logging.getLogger, (*APART, *FOR_FILES_ONLY)),
    ):
        logger.removeHandler(spool)
    _of_the_sender.propagate = True
    if spool.sender is not None:
        spool.sender.close()
    spool.close()
