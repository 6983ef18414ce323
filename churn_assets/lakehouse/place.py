"""Where a write goes, and what it may refuse: shared by the two ways to a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

EVERYTHING = "true"  # the predicate of a whole table


@dataclass(frozen=True)
class Place:
    """A table to write to.

    Attributes:
        uri: its folder.
        partition_by: its partition columns.
        configuration: its properties, should the write make it.
        says: what the commit says about itself.
    """

    uri: str
    partition_by: Sequence[str]
    configuration: Mapping[str, str]
    says: Mapping[str, str]


class Refused(ValueError):
    """The frame does not fit; nothing was committed. The message holds no value of a row."""
