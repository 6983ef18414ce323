"""Where a write goes, what lies there before it counts, and what is refused: shared by the two ways to a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

EVERYTHING = "true"  # the predicate of a whole table


@dataclass(frozen=True)
class TablePlace:
    """A table to write to.

    Attributes:
        uri: its folder.
        partition_by: its partition columns.
        configuration: its properties, should the write make it.
    """

    uri: str
    partition_by: Sequence[str]
    configuration: Mapping[str, str]


class Refused(ValueError):
    """The frame does not fit; nothing was committed. The message holds no value of a row."""


class Draft(Protocol):
    """A frame that has been computed, and can be audited, before anybody sees it in its table."""

    def count(self) -> int:
        """Number of rows."""
        ...

    def distinct(self, columns: Sequence[str]) -> int:
        """Number of different values that these columns take together."""
        ...

    def aggregate(self, by: Sequence[str], aggregates: Sequence[tuple[str, str]]) -> "pa.Table":
        """Groups the rows; columns of the answer as in `grouped`. Functions: count, sum, min, max, mean."""
        ...

    def publish(self, where: str | None, says: Mapping[str, str]) -> tuple[int, int]:
        """Commits the rows in place of those that satisfy `where` (EVERYTHING: and their columns; None: adds only).

        `says` is what the commit says about itself.

        Returns:
            Version of the commit, and the number of rows that it wrote.

        Raises:
            Refused: the frame does not fit; nothing was committed.
        """
        ...
