"""What `local_tables` and `spark_connector` share: a write's target, a draft, and the error for a refused frame."""

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
        configuration: its table properties, set when the write creates it.
    """

    uri: str
    partition_by: Sequence[str]
    configuration: Mapping[str, str]


class Refused(ValueError):
    """The frame does not fit the table; nothing was committed. The message contains no value of a row."""


class Draft(Protocol):
    """A frame that can be audited before it is published in its table."""

    def count(self) -> int:
        """Number of rows."""
        ...

    def distinct(self, columns: Sequence[str]) -> int:
        """Number of distinct combinations of these columns."""
        ...

    def aggregate(self, by: Sequence[str], aggregates: Sequence[tuple[str, str]]) -> "pa.Table":
        """Groups the rows; columns of the result as in `grouped`. Functions: count, sum, min, max, mean."""
        ...

    def within(self, where: str) -> "Draft":
        """The part of the draft whose rows satisfy `where`, SQL over the partition columns."""
        ...

    def publish(self, where: str | None, says: Mapping[str, str]) -> tuple[int, int]:
        """Commits the rows in place of those that satisfy `where`.

        Args:
            where: SQL over the partition columns; EVERYTHING also replaces the columns, None only adds rows.
            says: metadata of the commit.

        Returns:
            Version of the commit, and the number of rows that it wrote.

        Raises:
            Refused: the frame does not fit the table; nothing was committed.
        """
        ...
