"""One thing that a preview says about a source."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

SHOWN = 3


@dataclass(frozen=True)
class Remark:
    """What was found, how bad it is, and what to do.

    Attributes:
        severity: "block" stops a run, "warn" costs rows or values, "note" is to know.
        about: what it is about, in one word.
        found: without a delivered value.
        examples: delivered values with file and row; for the terminal of the user alone.
        remedy: what to do; empty if there is nothing to do.
    """

    severity: Literal["block", "warn", "note"]
    about: str
    found: str
    examples: str = ""
    remedy: str = ""


def some(items: Sequence[object], most: int = SHOWN) -> str:
    """`a, b, c and 4 more`."""
    more = f" and {len(items) - most:,} more" if len(items) > most else ""
    return ", ".join(str(item) for item in items[:most]) + more
