"""The correlation id of what this process does now, from the command or the run to each commit and log record.

It is a trace id of W3C Trace Context: 32 hexadecimal digits. A run that no command started has the id of its root run.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from secrets import token_hex
from typing import Any
from uuid import uuid4

from structlog.contextvars import bound_contextvars, get_contextvars

TRACE_TAG = "churn/trace"  # tag of a Dagster run
TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def current() -> str:
    """The trace id; empty outside of a command and a run."""
    return str(get_contextvars().get("trace_id", ""))


def span() -> str:
    """The span id, 16 hexadecimal digits: of the command or step within its trace; empty outside of one."""
    return str(get_contextvars().get("span_id", ""))


def new() -> str:
    """The id that the environment variable TRACEPARENT passes on, else a random one."""
    given = TRACEPARENT.fullmatch(os.environ.get("TRACEPARENT", ""))
    return given[1] if given else fresh()


def fresh() -> str:
    """A random id, of something that nobody passed one to."""
    return uuid4().hex


def of_run(tags: Mapping[str, str], root_run_id: str) -> str:
    """The trace id of a Dagster run. A retry has that of the run it repeats."""
    return tags.get(TRACE_TAG) or root_run_id.replace("-", "")


@contextmanager
def within(trace_id: str, **about: Any) -> Iterator[None]:
    """Everything in the block has this trace id and a span id of its own; records of the log also say `about`."""
    span_id = token_hex(8) if trace_id else ""
    with bound_contextvars(trace_id=trace_id, span_id=span_id, **attributes(about)):
        yield


def attributes(about: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of a record without those that are None: names get `churn.`, and a dot for `__`."""
    return {f"churn.{name.replace('__', '.')}": value for name, value in about.items() if value is not None}
