"""The ranges of a hyper-parameter search; each candidate declares its own beside its defaults."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """Values from low to high, both included; integers only if both bounds are integers.

    Attributes:
        log: sample on a logarithmic scale.
    """

    low: float
    high: float
    log: bool = False


# Hyper-parameter -> range to try. Empty: the candidate is not searched.
Space = Mapping[str, Range]
