"""Reads and writes through Delta's Spark connector: for lakes that are not on this machine, and Spark on a cluster."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from churn_assets.lakehouse.delta.draft import EVERYTHING, Refused, TablePlace

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

OUTSIDE_SLICE = "ROW_OUTSIDE_SLICE"
# Delta quotes the offending row in these errors. Rows may be personal, so only the error class is passed on.
QUOTES_ROWS = (
    "DELTA_REPLACE_WHERE_MISMATCH",
    "DELTA_VIOLATE_CONSTRAINT_WITH_VALUES",
    "DELTA_NOT_NULL_CONSTRAINT_VIOLATED",
    OUTSIDE_SLICE,
)


def exists(spark: "SparkSession", uri: str) -> bool:
    """True when there is a Delta table at `uri`."""
    from delta.tables import DeltaTable

    return bool(DeltaTable.isDeltaTable(spark, uri))


def version(spark: "SparkSession", uri: str) -> int:
    """Version of the newest commit."""
    return _newest(spark, uri)[0]


def read(spark: "SparkSession", uri: str) -> "DataFrame":
    """The current version of a table."""
    return spark.read.format("delta").load(uri)


@contextmanager
def draft(frame: "DataFrame", place: TablePlace, *, new: bool) -> "Iterator[FrameDraft]":
    """A draft that Spark computes when it is published. An audit caches the frame until the block ends."""
    drafted = FrameDraft(frame, place, new)
    try:
        yield drafted
    finally:
        if "kept" in vars(drafted):
            drafted.kept.unpersist()


@dataclass(frozen=True)
class FrameDraft:
    """A `Draft` that is a Spark frame.

    Attributes:
        frame: the rows.
        place: the target.
        new: whether the table does not exist yet.
    """

    frame: "DataFrame"
    place: TablePlace
    new: bool

    @cached_property
    def kept(self) -> "DataFrame":
        """The frame for audits: computed once and cached; publishing it uses the cache."""
        return self.frame.persist()

    def count(self) -> int:
        """See `Draft`."""
        return self.kept.count()

    def distinct(self, columns: Sequence[str]) -> int:
        """See `Draft`."""
        return self.kept.select(*columns).distinct().count()

    def aggregate(self, by: Sequence[str], aggregates: Sequence[tuple[str, str]]) -> "pa.Table":
        """See `Draft`."""
        from pyspark.sql import functions as F

        named = [
            getattr(F, function)(column).alias(f"{column}_{function}") for column, function in aggregates
        ]
        return self.kept.groupBy(*by).agg(*named).toArrow()

    def within(self, where: str) -> "FrameDraft":
        """See `Draft`."""
        return FrameDraft(self.kept.where(where), self.place, self.new)

    def publish(self, where: str | None, says: Mapping[str, str]) -> tuple[int, int]:
        """See `Draft`."""
        from pyspark.sql import functions as F

        frame, place = self.frame, self.place
        options = {"mergeSchema": "true", **says, **(place.configuration if self.new else {})}
        mode = "append"
        if where == EVERYTHING:
            mode, options = "overwrite", options | {"mergeSchema": "false", "overwriteSchema": "true"}
        elif where is not None and self.new:
            # Delta ignores replaceWhere when the table does not exist yet
            first = frame.columns[0]
            inside = F.expr(f"CASE WHEN {where} THEN `{first}` ELSE raise_error('{OUTSIDE_SLICE}') END")
            frame = frame.withColumn(first, inside)
        elif where is not None:
            mode, options = "overwrite", options | {"replaceWhere": where}
        before = None if self.new else version(frame.sparkSession, place.uri)
        writer = frame.write.format("delta").mode(mode).options(**options)
        try:
            writer.partitionBy(*place.partition_by).save(place.uri)
        except Exception as error:
            quoted = next((name for name in QUOTES_ROWS if name in str(error)), None)
            if quoted is None:
                raise
            raise Refused(f"Delta refused the write ({quoted})") from None
        after, rows = _newest(frame.sparkSession, place.uri)
        # without rows to add there is no commit, and the newest one belongs to another writer
        return after, 0 if after == before else rows


def _newest(spark: "SparkSession", uri: str) -> tuple[int, int]:
    """Version of the newest commit, and the rows that it wrote."""
    from delta.tables import DeltaTable

    [newest] = DeltaTable.forPath(spark, uri).history(1).select("version", "operationMetrics").collect()
    return int(newest.version), int(newest.operationMetrics.get("numOutputRows", 0))
