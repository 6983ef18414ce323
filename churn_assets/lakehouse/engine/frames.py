"""What differs between the engines in the use of a frame: reading and writing files, keeping rows, telling errors."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

from churn_assets.settings import is_uri

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

Partition = tuple[str, ...]  # a value for each partition column
# Sail's reader of Delta finds no files below a path with other characters.
PLAIN_PATH = re.compile(r"[A-Za-z0-9_./=-]+")


class FilesGoneError(FileNotFoundError):
    """Files that shall be read do not exist; the message tells how many, and the first of them."""


def keep(frame: "DataFrame") -> "DataFrame":
    """The same rows for several uses, computed once: at the first use by Spark, at once by Sail. See `release`."""
    if _is_spark(frame.sparkSession):
        from pyspark import StorageLevel

        return frame.persist(StorageLevel.MEMORY_AND_DISK)
    return frame.localCheckpoint()  # Sail accepts `persist` and caches nothing


def release(frame: "DataFrame") -> None:
    """Frees what `keep` holds. Sail removes it with the last frame that is made of it."""
    if _is_spark(frame.sparkSession):
        frame.unpersist()


def computed_apart(frame: "DataFrame") -> "DataFrame":
    """The same rows, for a frame that is joined with many others: Sail computes them at once, Spark later.

    A plan with all of them takes Sail twice as long as their parts. The rows are held in memory.
    """
    return frame if _is_spark(frame.sparkSession) else frame.localCheckpoint()


def frame_of(spark: "SparkSession", rows: "pa.Table") -> "DataFrame":
    """Arrow rows as a frame; there may be none, in which case Spark Connect asks for a schema of its own."""
    if rows.num_rows:
        return spark.createDataFrame(rows)
    from deltalake import Schema
    from pyspark.sql.types import StructType

    return spark.createDataFrame(
        [], StructType.fromJson(json.loads(Schema.from_arrow(rows.schema).to_json()))
    )


def has_mllib(session: "SparkSession") -> bool:
    """True when models can be fitted in this session."""
    return _is_spark(session)


def reads_topics(session: "SparkSession") -> bool:
    """True when the session can be given the connector of Kafka."""
    return _is_spark(session)


def windows_are_dear(frame: "DataFrame") -> bool:
    """True when a window per key costs more than grouping all keys and sorting the few rows that need it."""
    return not _is_spark(frame.sparkSession)


def read_folder(spark: "SparkSession", folder: str, schema: str | None = None) -> "DataFrame":
    """The rows of the Parquet files in a folder, a path or URI.

    Raises:
        FilesGoneError: there are none.
    """
    reader = spark.read if schema is None else spark.read.schema(schema)
    if _is_spark(spark):
        return reader.parquet(folder)
    files = sorted(path for path in Path(folder).rglob("*.parquet"))
    if not files:
        raise FilesGoneError(f"There are no Parquet files in {folder}.")
    # Sail takes a path for a pattern, a URI not
    return reader.parquet(*(file.as_uri() for file in files))


@dataclass(frozen=True)
class PartitionedFiles:
    """Parquet files of a table.

    Attributes:
        root: folder of the table, a path or URI.
        schema: all columns.
        columns: partition columns; the files do not hold them.
        files: values of the partition columns -> paths below `root`.
        version: the version of the Delta table that consists of these files; None: they are others.
    """

    root: str
    schema: "StructType"
    columns: Sequence[str]
    files: Mapping[Partition, Sequence[str]]
    version: int | None = None

    @property
    def paths(self) -> list[str]:
        """All files, below `root`."""
        return sorted(path for some in self.files.values() for path in some)


def read_partitions(spark: "SparkSession", table: PartitionedFiles) -> "DataFrame":
    """The rows of the files, with the columns in the order of the table's schema.

    Raises:
        FilesGoneError: some files do not exist.
    """
    if not is_uri(table.root):
        require_files([Path(table.root, path) for path in table.paths])
    if not table.paths:
        return spark.createDataFrame([], table.schema)
    if _is_spark(spark):
        return _by_path(spark, table)
    if table.version is not None and all(map(PLAIN_PATH.fullmatch, (table.root, *table.paths))):
        return _by_version(spark, table.root, table.version)
    return _by_partition(spark, table)


def require_files(paths: Sequence[Path]) -> None:
    """Raises FilesGoneError when some of the files do not exist. Sail reads no rows from a file that is gone."""
    gone = [path for path in paths if not path.exists()]
    if gone:
        raise FilesGoneError(f"{len(gone)} of {len(paths)} files are gone, the first is {gone[0]}")


def write_parquet(frame: "DataFrame", folder: Path, partition_by: Sequence[str]) -> None:
    """Writes the rows as Parquet files into a new folder of this machine, in folders `column=value` below it."""
    target = str(folder) if _is_spark(frame.sparkSession) else folder.as_uri()
    frame.write.partitionBy(*partition_by).parquet(target)


def tells_values(error: BaseException) -> bool:
    """True when the message of an engine's error may hold values of rows, False for an error of the plan alone."""
    from pyspark.errors import AnalysisException, PySparkException

    if not isinstance(error, PySparkException):
        return False
    if not isinstance(error, AnalysisException):
        return True
    return error.__class__.__module__.startswith("pyspark.errors.exceptions.connect") and not _in_analysis(
        error
    )


def _in_analysis(error: BaseException) -> bool:
    """True when the error comes from a question about a plan: Sail raises the same class while it computes rows."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_name == "_analyze":
            return True
        trace = trace.tb_next
    return False


def _is_spark(session: "SparkSession") -> bool:
    return hasattr(session, "_jsparkSession")


def _by_path(spark: "SparkSession", table: PartitionedFiles) -> "DataFrame":
    """One frame; Spark takes the values of the partition columns from the paths."""
    from pyspark.errors import AnalysisException

    root, names, paths = table.root, table.schema.names, table.paths
    reader = spark.read.schema(table.schema).option("basePath", root)
    try:
        found = reader.parquet(*(f"{root}/{path}" for path in paths))
    except AnalysisException as error:
        if error.getCondition() != "PATH_NOT_FOUND":
            raise
        raise FilesGoneError(f"some of {len(paths)} files of {root} are gone") from error
    order = [*(name for name in names if name not in table.columns), *table.columns]  # Spark puts these last
    return found if order == names else found.select(*names)


def _by_version(spark: "SparkSession", root: str, version: int) -> "DataFrame":
    """One scan by Sail's own reader of Delta: a frame for each partition costs more to plan than many have rows."""
    # without a version the frame would read what is committed before it is computed
    return spark.read.format("delta").option("versionAsOf", str(version)).load(root)


def _by_partition(spark: "SparkSession", table: PartitionedFiles) -> "DataFrame":
    """A frame for each partition, with its values as constants: Sail's own partitions need the schema in the files."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import StructType

    schema = table.schema
    held = StructType([field for field in schema.fields if field.name not in table.columns])
    frames = []
    for values, paths in sorted(table.files.items()):
        constants = {
            column: F.lit(value).cast(schema[column].dataType)
            for column, value in zip(table.columns, values, strict=True)
        }
        rows = spark.read.schema(held).parquet(*(Path(table.root, path).as_uri() for path in sorted(paths)))
        frames.append(
            rows.select(*(constants[n].alias(n) if n in constants else F.col(f"`{n}`") for n in schema.names))
        )
    return reduce(lambda one, other: one.unionAll(other), frames)
