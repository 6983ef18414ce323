"""The correlation id of what this process does now, from the command or the run to each commit and log record.

It is a trace id of W3C Trace Context: 32 hexadecimal digits. A run that no command started has the id of its root run.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from secrets import token_hex
from uuid import uuid4

TRACE_TAG = "churn/trace"  # tag of a Dagster run
TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")

_current: ContextVar[str] = ContextVar("churn_assets.trace", default="")
_span: ContextVar[str] = ContextVar("churn_assets.span", default="")


def current() -> str:
    """The trace id; empty outside of a command and a run."""
    return _current.get()


def span() -> str:
    """The span id, 16 hexadecimal digits: of the command or step within its trace; empty outside of one."""
    return _span.get()


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
def within(trace_id: str) -> Iterator[None]:
    """Everything in the block has this trace id and a span id of its own."""
    token, inner = _current.set(trace_id), _span.set(token_hex(8) if trace_id else "")
    try:
        yield
    finally:
        _current.reset(token)
        _span.reset(inner)
