"""Turns what is logged, by structlog or by Python's logging, into a record of OpenTelemetry's log data model.

No personal value may pass. Our own messages hold none. Of other libraries' messages only the first line is kept, and
what is quoted, an address or a long number in it is hidden. Of an exception the class and the places are kept; its text
only if the class is ours.
"""

import logging
import re
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from structlog.contextvars import merge_contextvars
from structlog.processors import ExceptionRenderer
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, ExcInfo, Processor

from churn_assets.settings import HIDDEN, without_secrets

OURS = "churn_assets"
# Level of Python's logging -> severity number and text of OpenTelemetry.
SEVERITIES = (
    (logging.CRITICAL, 21, "FATAL"),
    (logging.ERROR, 17, "ERROR"),
    (logging.WARNING, 13, "WARN"),
    (logging.INFO, 9, "INFO"),
    (0, 5, "DEBUG"),
)
NUMBERS = {text: number for _, number, text in SEVERITIES} | {"TRACE": 1}
LONGEST = 2000
FRAMES = 20
# From the first quote to the last, since a value may hold quotes; to the end of a line that ends within a value.
QUOTED = re.compile(r"""(?:['"`].*)?(?:^|(?<=[\s(=:,\[]))['"`][^'"`]*$|['"`].*['"`]""")
ADDRESS = re.compile(r"\S+@\S+")
NUMBER = re.compile(r"\d(?:[ .:/-]?\d){5,}")
URL = re.compile(r"\S*://\S+")


def formatter(last: Sequence[Processor]) -> ProcessorFormatter:
    """Makes a line of each record, of structlog and of Python's logging alike.

    Args:
        last: processors of a record of OpenTelemetry's model; the last one returns its line.
    """
    return ProcessorFormatter(
        foreign_pre_chain=[_with_arguments],
        processors=[merge_contextvars, ExceptionRenderer(exception_of), _model, *last],  # type: ignore[arg-type]
        use_get_message=False,  # it raises when the arguments of a library do not fit its message
        pass_foreign_args=True,
    )


def _with_arguments(_: Any, __: str, found: EventDict) -> EventDict:
    """The message of a library with its arguments, if they fit."""
    if arguments := found.pop("positional_args"):
        with suppress(TypeError, ValueError, KeyError):
            found["event"] %= arguments
    return found


def _model(_: Any, __: str, found: EventDict) -> EventDict:
    """The record of OpenTelemetry's model; what is bound or given besides the message becomes an attribute."""
    record: logging.LogRecord = found.pop("_record")
    del found["_from_structlog"]
    found.pop("stack_info", None)
    number, text = _severity(record.levelno)
    made: EventDict = {
        "timestamp": datetime.fromtimestamp(record.created, UTC),
        "severity_number": number,
        "severity_text": text,
        "body": body_of(record.name, found.pop("event")),
        "trace_id": found.pop("trace_id", ""),
        "span_id": found.pop("span_id", ""),
        "attributes": {"code.namespace": record.name},
    }
    if event := found.pop("event.name", None):
        made["event.name"] = event
    made["attributes"] |= found.pop("exception", {})
    made["attributes"] |= found
    return made


@lru_cache
def _severity(level: int) -> tuple[int, str]:
    """Number and text of OpenTelemetry for a level of Python's logging, which need not be one of the five."""
    return next((number, text) for least, number, text in SEVERITIES if level >= least)


def severity_of(found: Mapping[str, Any]) -> int:
    """The severity number of a stored record; Spark's layout knows only the text."""
    return int(found.get("severity_number") or NUMBERS[found["severity_text"]])


def body_of(logger: str, message: str) -> str:
    """The message without secrets, and without what may be personal unless the logger is ours."""
    text = message if logger == OURS or logger.startswith(f"{OURS}.") else masked(message)
    if "://" in text:
        text = URL.sub(lambda found: without_secrets(found[0]), text)
    return text[:LONGEST]


def masked(message: str) -> str:
    """The first line, without what is quoted, addresses and long numbers."""
    first = message.strip().partition("\n")[0]
    for pattern in (QUOTED, ADDRESS, NUMBER):
        first = pattern.sub(HIDDEN, first)
    return first


def exception_of(error: ExcInfo) -> dict[str, str]:
    """Class, places, and for our own classes the text of an exception."""
    kind, value, place = error
    frames = traceback.extract_tb(place)[-FRAMES:]
    found = {
        "exception.type": f"{kind.__module__}.{kind.__qualname__}",
        "exception.stacktrace": "\n".join(f"{f.filename}:{f.lineno} {f.name}" for f in frames),
    }
    if kind.__module__.startswith(f"{OURS}."):
        found["exception.message"] = without_secrets(str(value))[:LONGEST]
    return found
