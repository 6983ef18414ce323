"""What a hyper-parameter search may try; said by each candidate, beside its defaults."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """From low to high, both included; whole numbers only where both are.

    Attributes:
        log: whether 1 to 10 is as wide as 10 to 100.
    """

    low: float
    high: float
    log: bool = False


# Hyper-parameter -> what may be tried. Empty: the candidate is not searched.
Space = Mapping[str, Range]
