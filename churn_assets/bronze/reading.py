"""Extract files -> the bronze frame: contract fields as delivered + provenance + `rescued`.

Files whose columns differ are read group by group, each by its own column names. CSV is parsed before Spark sees it
(sources.readers).
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING

from churn_assets.contracts.source import Source
from churn_assets.lakehouse import tables
from churn_assets.sources.landing import ExtractFile, delivered_columns
from churn_assets.sources.readers.delimited import BROKEN, ROW_NUMBER
from churn_assets.sources.readers.staging import Columns, require_fields, stage

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

CORRUPT = "_corrupt_record"
DELIVERED = "delivered_"  # prefix of a file's columns while they stand beside ours
ORIGIN = {ROW_NUMBER: "bigint", "extract_date": "date", "source_file": "string", "extract_month": "string"}


def read_extracts(
    spark: "SparkSession", source: Source, landing: str, files: Sequence[ExtractFile], folder: str
) -> "DataFrame":
    """All rows of the files, one bronze row per delivered row, columns as the catalogue has them.

    Row numbers count the rows of a file from 1 (a CSV header is not counted). The frame may be computed as long as
    `folder` exists, see `Lakehouse.staging`.

    Raises:
        LandingError: a file that cannot be read at all, whose quotes would hide rows, or that lacks a required column;
            names file and remedy, never what the file holds.
    """
    if source.format == "csv":
        groups = stage(source, landing, files, folder)
        frames = [_read_staged(spark, source, columns, place) for columns, place in groups.items()]
    else:
        frames = _read_delivered(spark, source, landing, files)
    if not frames:
        return spark.createDataFrame([], tables.bronze(source).ddl)
    return reduce(lambda a, b: a.unionByName(b), frames)


def _read_delivered(
    spark: "SparkSession", source: Source, landing: str, files: Sequence[ExtractFile]
) -> "list[DataFrame]":
    groups: dict[Columns, list[ExtractFile]] = defaultdict(list)
    for file in files:
        columns = delivered_columns(landing, source, file)
        if columns:
            require_fields(source, file, [name for name, _ in columns])
        groups[columns].append(file)
    read = {"jsonl": _read_jsonl, "parquet": _read_parquet}[source.format]
    return [read(spark, source, columns, [f.path for f in group]) for columns, group in groups.items()]


def _provenance(frame: "DataFrame", source: Source, row_number: "Column | None" = None) -> "DataFrame":
    """Adds extract_date, extract_month, source_file, row_number; must stand directly on the scan.

    The file's own columns are called `delivered_<name>` from here on: one of them may be called like ours.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    depth = source.path.count("/") + 1
    # Cheap on purpose: this runs on every row, and a path differs only from file to file.
    path = F.col("_metadata.file_path")
    if any("%" in name for name in frame.inputFiles()):
        path = F.url_decode(F.replace(path, F.lit("+"), F.lit("%2B")))  # a plus in a path is no blank
    frame = frame.select(
        *(F.col(_quoted(name)).alias(DELIVERED + name) for name in frame.columns),
        F.substring_index(path, "/", -(2 + depth)).alias("source_file"),
        *([] if row_number is None else [row_number.alias("row_number")]),
    )
    day = len(f"{source.path}/extract_date=") + 1
    frame = frame.withColumn("extract_date", F.substring("source_file", day, 10).cast("date")).withColumn(
        "extract_month", F.substring("source_file", day, 7)
    )
    if row_number is not None:
        return frame
    order = Window.partitionBy("source_file").orderBy("_position")
    return (
        frame.withColumn("_position", F.monotonically_increasing_id())
        .withColumn("row_number", F.row_number().over(order).cast("bigint"))
        .drop("_position")
    )


def _finish(
    frame: "DataFrame", source: Source, values: dict[str, "Column"], rescued: "Column"
) -> "DataFrame":

    return frame.select(
        *(values[field].alias(field) for field in source.fields),
        "extract_date",
        "source_file",
        "row_number",
        rescued.alias("rescued"),
        "extract_month",
    )


def _delivered_name(source: Source, field: str, delivered: Sequence[str]) -> str | None:
    """Under which name a file carries a contract field; None when it does not."""
    aliases = next(c.aliases for c in source.columns if c.field == field)
    return next((name for name in (field, *aliases) if name in delivered), None)


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _delivered(name: str) -> "Column":
    """A column of the file, after `_provenance`."""
    from pyspark.sql import functions as F

    return F.col(_quoted(DELIVERED + name))


def _as_json(parts: dict[str, "Column"]) -> "Column":
    """A JSON object of the parts that are not null; null when none is left."""
    from pyspark.sql import functions as F

    if not parts:
        return F.lit(None).cast("string")
    some = reduce(lambda a, b: a | b, (value.isNotNull() for value in parts.values()))
    return F.when(some, F.to_json(F.struct(*(value.alias(name) for name, value in parts.items()))))


def _read_staged(spark: "SparkSession", source: Source, columns: Columns, folder: str) -> "DataFrame":
    from pyspark.sql import functions as F

    places = [str(place) for place in range(1, len(columns) + 1)]
    types = dict.fromkeys([*places, BROKEN], "string") | ORIGIN
    raw = spark.read.schema(", ".join(f"`{name}` {kind}" for name, kind in types.items())).parquet(folder)
    delivered = {name: F.col(f"`{place}`") for place, (name, _) in zip(places, columns, strict=True)}
    carried = {field: _delivered_name(source, field, [*delivered]) for field in source.fields}
    nothing = F.lit(None).cast("string")
    values = {field: delivered[name] if name else nothing for field, name in carried.items()}
    extra = {name: value for name, value in delivered.items() if name not in carried.values()}
    return _finish(raw, source, values, _as_json(extra | {CORRUPT: F.col(BROKEN)}))


def _read_jsonl(
    spark: "SparkSession", source: Source, columns: tuple[tuple[str, str], ...], paths: list[str]
) -> "DataFrame":
    from pyspark.sql import functions as F

    lines = _provenance(spark.read.text(paths), source).withColumnRenamed(DELIVERED + "value", "value")
    if source.encoding != "UTF-8":
        lines = lines.withColumn("value", F.decode(F.col("value").cast("binary"), source.encoding))
    lines = lines.where(F.length(F.trim("value")) > 0)
    # A byte order mark would make the first document of a file unreadable. Read as an array, because what follows a
    # first document on its line would be passed over otherwise.
    line = F.concat(F.lit("["), F.expr("trim(LEADING '\ufeff' FROM value)"), F.lit("]"))
    # What does not decode would be read with its letters replaced, and two customers become one.
    alone = (F.size("_documents") == 1) & F.is_valid_utf8("value")
    parsed = lines.withColumn("_documents", F.from_json(line, "array<map<string,string>>")).withColumn(
        "_document", F.when(alone, F.col("_documents")[0])
    )
    aliases = {c.field: c.aliases for c in source.columns}
    values = {
        f: F.coalesce(*(F.try_element_at("_document", F.lit(name)) for name in (f, *aliases[f])))
        for f in source.fields
    }
    known = [name for field in source.fields for name in (field, *aliases[field])]
    others = F.map_filter("_document", lambda key, _: ~key.isin(known))
    rescued = F.when(F.col("_document").isNull(), F.to_json(F.struct(F.col("value").alias(CORRUPT)))).when(
        F.size(others) > 0, F.to_json(others)
    )
    return _finish(parsed, source, values, rescued)


def _cast(frame: "DataFrame", delivered: "Column", spark_type: str) -> "Column":
    """The value in another type; null where it has none, or where Spark knows no such cast (a number to a date)."""
    from pyspark.errors import AnalysisException
    from pyspark.sql import functions as F
    from pyspark.sql.types import FractionalType

    cast = delivered.try_cast(spark_type)
    try:
        [field, _] = frame.select(delivered, cast).schema
    except AnalysisException:
        return F.lit(None).cast(spark_type)
    if isinstance(field.dataType, FractionalType) and spark_type in ("bigint", "string"):
        integer = delivered.try_cast("bigint")
        whole = F.when(integer == delivered, integer)  # not what is left of it without its fraction
        # an id that pandas made a float, because others of its column are missing, is no 1.2345678E7
        return whole if spark_type == "bigint" else F.coalesce(whole.cast("string"), cast)
    return cast


def _read_parquet(
    spark: "SparkSession", source: Source, columns: tuple[tuple[str, str], ...], paths: list[str]
) -> "DataFrame":
    from pyspark.sql import functions as F

    names = [name for name, _ in columns]
    raw = _provenance(spark.read.parquet(*paths), source, F.col("_metadata.row_index") + 1)
    types = {c.field: c.spark_type for c in source.columns}
    values, rescued = {}, {}
    for field in source.fields:
        name = _delivered_name(source, field, names)
        if name is None:
            values[field] = F.lit(None).cast(types[field])
            continue
        delivered = _delivered(name)
        values[field] = _cast(raw, delivered, types[field])
        rescued[field] = F.when(delivered.isNotNull() & values[field].isNull(), delivered.cast("string"))
    carried = {_delivered_name(source, field, names) for field in source.fields}
    rescued |= {name: _delivered(name) for name in names if name not in carried}
    return _finish(raw, source, values, _as_json(rescued))
