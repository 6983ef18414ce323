"""Extract files -> the bronze frame: contract fields as delivered + provenance + `rescued`.

sources.readers parse the files before Spark reads them. Files with the same columns form a group; each group is
converted by its own column names.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING

from churn_assets.contracts.source import Source
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.engine.frames import read_folder
from churn_assets.lakehouse.engine.texts import FLOATING, from_text, json_object, number_as_text
from churn_assets.sources.delivered_columns import Columns
from churn_assets.sources.landing import ExtractFile, refuse
from churn_assets.sources.readers.added_columns import BROKEN, OTHERS, ROW_NUMBER
from churn_assets.sources.readers.staging import Staged, stage

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import DataType

CORRUPT = "_corrupt_record"
ORIGIN = {ROW_NUMBER: "bigint", "extract_date": "date", "source_file": "string", "extract_month": "string"}


def read_extracts(
    spark: "SparkSession", source: Source, files: Sequence[ExtractFile], folder: str
) -> "DataFrame":
    """All rows of the files as `bronze_frame` gives them.

    Raises:
        LandingError: files cannot be read, see `stage`; names all of them.
    """
    staged = stage(source, files, folder)
    refuse(staged.refused)
    return bronze_frame(spark, source, staged)


def bronze_frame(spark: "SparkSession", source: Source, staged: Staged) -> "DataFrame":
    """All staged rows, one bronze row per delivered row, with the columns of the catalogue.

    Row numbers count the rows of a file from 1, without a CSV header. The frame can be computed only while the staged
    files exist, see `Lakehouse.staging`.
    """
    finish = {"csv": _finish_csv, "jsonl": _finish_jsonl, "parquet": _finish_parquet}[source.format]
    if not staged.folders:
        return spark.createDataFrame([], tables.bronze(source).ddl)
    frames = [finish(spark, source, columns, place) for columns, place in staged.folders.items()]
    return reduce(lambda a, b: a.unionByName(b), frames)


def _texts(spark: "SparkSession", folder: str, names: Sequence[str]) -> "DataFrame":
    """Staged rows: these columns as text, and the columns of ORIGIN."""
    types = dict.fromkeys(names, "string") | ORIGIN
    return read_folder(spark, folder, ", ".join(f"`{name}` {kind}" for name, kind in types.items()))


def _places(count: int) -> list[str]:
    """Names of the columns of a staged file."""
    return [str(place) for place in range(1, count + 1)]


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
    """The name that a contract field has in a file; None when the file lacks it."""
    aliases = next(c.aliases for c in source.columns if c.field == field)
    return next((name for name in (field, *aliases) if name in delivered), None)


def _by_name(columns: Columns) -> "dict[str, Column]":
    """Delivered name -> staged column."""
    from pyspark.sql import functions as F

    return {
        name: F.col(f"`{place}`") for place, (name, _) in zip(_places(len(columns)), columns, strict=True)
    }


def _as_json(parts: dict[str, "Column"], kinds: Mapping[str, str] | None = None) -> "Column":
    """A JSON object of the parts that are not null; null when none is left. `kinds`: types of all but text."""
    from pyspark.sql import functions as F

    if not parts:
        return F.lit(None).cast("string")
    some = reduce(lambda a, b: a | b, (value.isNotNull() for value in parts.values()))
    return F.when(some, json_object(parts, kinds or {}))


def _finish_csv(spark: "SparkSession", source: Source, columns: Columns, folder: str) -> "DataFrame":
    from pyspark.sql import functions as F

    delivered = _by_name(columns)
    carried = {field: _delivered_name(source, field, [*delivered]) for field in source.fields}
    nothing = F.lit(None).cast("string")
    values = {field: delivered[name] if name else nothing for field, name in carried.items()}
    extra = {name: value for name, value in delivered.items() if name not in carried.values()}
    raw = _texts(spark, folder, [*_places(len(columns)), BROKEN])
    return _finish(raw, source, values, _as_json(extra | {CORRUPT: F.col(BROKEN)}))


def _finish_jsonl(spark: "SparkSession", source: Source, _: Columns, folder: str) -> "DataFrame":
    from pyspark.sql import functions as F

    places = _places(len(source.fields))
    values = {field: F.col(f"`{place}`") for field, place in zip(source.fields, places, strict=True)}
    rescued = F.coalesce(F.col(OTHERS), _as_json({CORRUPT: F.col(BROKEN)}))
    return _finish(_texts(spark, folder, [*places, OTHERS, BROKEN]), source, values, rescued)


# Whole numbers up to here are exact in this type; beyond it, two ids may have become one.
EXACT = {"double": 2**53, "float": 2**24}


def _has_cast(kind: "DataType", spark_type: str) -> bool:
    """True when Spark casts values of this kind to the type. Sail has other casts, such as of the number 1 to a day."""
    from pyspark.sql.types import NumericType

    if kind.typeName() == spark_type or kind.typeName() in ("string", "void") or spark_type == "string":
        return True
    name = "number" if isinstance(kind, NumericType) else kind.typeName()
    return spark_type.partition("(")[0] in CASTS.get(name, ())


# kind -> types that Spark casts it to, besides text
CASTS = {
    "number": {"bigint", "int", "double", "float", "decimal", "boolean", "timestamp"},
    "boolean": {"bigint", "int", "double", "float", "decimal", "boolean"},
    "date": {"timestamp", "date"},
    "timestamp": {"bigint", "int", "double", "float", "decimal", "date", "timestamp"},
    "timestamp_ntz": {"date", "timestamp"},
}


def _cast(delivered: "Column", kind: "DataType", spark_type: str, is_id: bool) -> "Column":
    """A value of this kind in another type; null when it cannot be converted, or Spark has no such cast.

    A number with a fraction is no integer and no id, and neither is an id that its type cannot hold exactly.
    """
    from pyspark.sql import functions as F
    from pyspark.sql.types import FractionalType

    if not _has_cast(kind, spark_type):
        return F.lit(None).cast(spark_type)
    if kind.typeName() == "boolean" and spark_type != "string":
        delivered = delivered.cast("int")
    cast = from_text(delivered, spark_type) if kind.typeName() == "string" else delivered.try_cast(spark_type)
    if spark_type == "string" and kind.typeName() in FLOATING:
        cast = number_as_text(delivered)
    if not isinstance(kind, FractionalType) or spark_type not in ("bigint", "string"):
        return cast
    integer = delivered.try_cast("bigint" if kind.typeName() in EXACT else "decimal(38,0)")
    is_whole = delivered % 1 == 0  # comparing a decimal with its integer may round it
    if is_id and kind.typeName() in EXACT:
        is_whole &= F.abs(delivered) < EXACT[kind.typeName()]
    # pandas makes ids floats when some of them are missing: 12345678, not 1.2345678E7
    whole = F.when(is_whole, integer).try_cast(spark_type)
    return whole if is_id or spark_type == "bigint" else F.coalesce(whole, cast)


def _finish_parquet(spark: "SparkSession", source: Source, columns: Columns, folder: str) -> "DataFrame":
    from pyspark.sql import functions as F

    raw, delivered = read_folder(spark, folder), _by_name(columns)
    types = {c.field: c.spark_type for c in source.columns}
    ids = {c.field for c in source.columns if c.name in source.ids}
    staged = {field.name: field.dataType for field in raw.schema}
    named = zip(_places(len(columns)), columns, strict=True)
    kinds = {name: staged[place] for place, (name, _) in named}
    values, rescued, carried = {}, {}, set()
    for field in source.fields:
        name = _delivered_name(source, field, [*delivered])
        if name is None:
            values[field] = F.lit(None).cast(types[field])
            continue
        carried.add(name)
        values[field] = _cast(delivered[name], kinds[name], types[field], field in ids)
        unfit = delivered[name].isNotNull() & values[field].isNull()
        is_floating = kinds[name].typeName() in FLOATING
        text = number_as_text(delivered[name]) if is_floating else delivered[name].cast("string")
        rescued[field] = F.when(unfit, text)
    others = {name: value for name, value in delivered.items() if name not in carried}
    as_json = _as_json(rescued | others, {name: kinds[name].typeName() for name in others})
    return _finish(raw, source, values, as_json)
