"""What a check for leaks found."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class LeakFinding:
    """One sign of a leak, or another reason to doubt the figures.

    Attributes:
        column: the column; None for the file as a whole.
        kind: a "leak" is left out unless kept by name; a "warning" is only reported.
        words: the observation and the remedy.
        first: whether the report tells it before its figures, because they may rest on a wrong reading.
    """

    column: str | None
    kind: Literal["leak", "warning"]
    words: str
    first: bool = False
