"""Turns a record of Python's logging into a record of OpenTelemetry's log data model.

No personal value may pass. Our own messages hold none. Of other libraries' messages only the first line is kept, and
what is quoted, an address or a long number in it is hidden. Of an exception the class and the places are kept; its text
only if the class is ours.
"""

import logging
import re
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from churn_assets import trace
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


def record_of(record: logging.LogRecord) -> dict[str, Any]:
    """The record as a JSON object. The attribute `fields` of the record holds more attributes."""
    number, text = next((n, t) for level, n, t in SEVERITIES if record.levelno >= level)
    found: dict[str, Any] = {
        "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
        "severity_number": number,
        "severity_text": text,
        "body": body_of(record),
        "trace_id": trace.current(),
        "span_id": trace.span(),
        "attributes": {"code.namespace": record.name},
    }
    fields = dict(getattr(record, "fields", {}))
    if event := fields.pop("event.name", None):
        found["event.name"] = event
    found["attributes"] |= fields
    if record.exc_info and record.exc_info[0]:
        found["attributes"] |= exception_of(*record.exc_info)  # type: ignore[arg-type]
    return found


def severity_of(found: Mapping[str, Any]) -> int:
    """The severity number of a stored record; Spark's layout knows only the text."""
    return int(found.get("severity_number") or NUMBERS[found["severity_text"]])


def body_of(record: logging.LogRecord) -> str:
    """The message without secrets, and without what may be personal."""
    try:
        message = record.getMessage()
    except (TypeError, ValueError):  # a library's arguments do not fit its message
        message = str(record.msg)
    ours = record.name == OURS or record.name.startswith(f"{OURS}.")
    text = message if ours else masked(message)
    if "://" in text:
        text = URL.sub(lambda found: without_secrets(found[0]), text)
    return text[:LONGEST]


def masked(message: str) -> str:
    """The first line, without what is quoted, addresses and long numbers."""
    first = message.strip().partition("\n")[0]
    for pattern in (QUOTED, ADDRESS, NUMBER):
        first = pattern.sub(HIDDEN, first)
    return first


def exception_of(
    kind: type[BaseException], error: BaseException, place: TracebackType | None
) -> dict[str, str]:
    """Class, places, and for our own classes the text of an exception."""
    frames = traceback.extract_tb(place)[-FRAMES:]
    found = {
        "exception.type": f"{kind.__module__}.{kind.__qualname__}",
        "exception.stacktrace": "\n".join(f"{f.filename}:{f.lineno} {f.name}" for f in frames),
    }
    if kind.__module__.startswith(f"{OURS}."):
        found["exception.message"] = without_secrets(str(error))[:LONGEST]
    return found
