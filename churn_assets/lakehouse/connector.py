"""Tables through Delta's Spark connector: lakes that are not on this machine, and Spark on a cluster."""

from typing import TYPE_CHECKING

from churn_assets.lakehouse.place import EVERYTHING, Place, Refused

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

OUTSIDE_SLICE = "ROW_OUTSIDE_SLICE"
# Delta quotes the offending row in these errors; rows may be personal, so only the class is passed on.
QUOTES_ROWS = (
    "DELTA_REPLACE_WHERE_MISMATCH",
    "DELTA_VIOLATE_CONSTRAINT_WITH_VALUES",
    "DELTA_NOT_NULL_CONSTRAINT_VIOLATED",
    OUTSIDE_SLICE,
)


def exists(spark: "SparkSession", uri: str) -> bool:
    """Whether a Delta table lies there."""
    from delta.tables import DeltaTable

    return bool(DeltaTable.isDeltaTable(spark, uri))


def version(spark: "SparkSession", uri: str) -> int:
    """Version of the newest commit."""
    return _newest(spark, uri)[0]


def read(spark: "SparkSession", uri: str) -> "DataFrame":
    """The current version of a table."""
    return spark.read.format("delta").load(uri)


def write(frame: "DataFrame", place: Place, where: str | None, *, new: bool) -> int:
    """Writes the frame in place of the rows that satisfy `where` (EVERYTHING: and their columns; None: adds only).

    Returns:
        Number of rows written.

    Raises:
        Refused: the frame holds rows outside `where`; nothing was committed.
    """
    from pyspark.sql import functions as F

    options = {"mergeSchema": "true", **place.says, **(place.configuration if new else {})}
    mode = "append" if where is None or new else "overwrite"
    if where == EVERYTHING:
        options = options | {"mergeSchema": "false", "overwriteSchema": "true"}
        mode = "overwrite"
    elif where is not None and new:
        # Delta looks at replaceWhere only where there is something to replace
        first = frame.columns[0]
        inside = F.expr(f"CASE WHEN {where} THEN `{first}` ELSE raise_error('{OUTSIDE_SLICE}') END")
        frame = frame.withColumn(first, inside)
    elif where is not None:
        options["replaceWhere"] = where
    before = None if new else version(frame.sparkSession, place.uri)
    writer = frame.write.format("delta").mode(mode).options(**options)
    try:
        writer.partitionBy(*place.partition_by).save(place.uri)
    except Exception as error:
        quoted = next((name for name in QUOTES_ROWS if name in str(error)), None)
        if quoted is None:
            raise
        raise Refused(f"Delta refused the write ({quoted})") from None
    after, rows = _newest(frame.sparkSession, place.uri)
    return 0 if after == before else rows  # an empty append makes no commit: the last one is somebody else's


def _newest(spark: "SparkSession", uri: str) -> tuple[int, int]:
    """Version of the newest commit, and the rows that it wrote."""
    from delta.tables import DeltaTable

    [latest] = DeltaTable.forPath(spark, uri).history(1).select("version", "operationMetrics").collect()
    return int(latest.version), int(latest.operationMetrics.get("numOutputRows", 0))
