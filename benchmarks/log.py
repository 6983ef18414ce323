"""Measures what a record of the log costs, in the process that writes it."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

from churn_assets import trace
from churn_assets.operations.log import writing
from churn_assets.settings import Settings

RECORDS = 50_000
PROMISED = 50  # microseconds of a record


def microseconds(home: Path) -> dict[str, float]:
    """Kind of record -> microseconds of CPU of one; the files lie in `home`."""
    spool = writing.start(Settings(home=str(home)))
    library = logging.getLogger("some.library")
    library.addHandler(spool)
    library.propagate = False  # not to the terminal
    try:
        with trace.within(trace.fresh()):
            return {
                "an event": _each(
                    lambda n: writing.event("step.ended", "x ended.", asset="gold/x", rows=n, seconds=1.5)
                ),
                "a warning of a library": _each(
                    lambda n: library.warning("row '%s' of %d was refused", "value", n)
                ),
            }
    finally:
        writing.stop()


def _each(write: Callable[[int], None]) -> float:
    write(0)
    started = time.process_time()
    for n in range(RECORDS):
        write(n)
    return (time.process_time() - started) / RECORDS * 1e6
