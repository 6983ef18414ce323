"""Delivered values and what the contract's types make of them: one column of a bronze frame at a time."""

import re
from typing import TYPE_CHECKING

from churn_assets.contracts.source import NUMERIC, Source
from churn_assets.contracts.source import Column as ContractColumn
from churn_assets.lakehouse.engine.texts import FLOATING, from_text, in_document, moment, number_as_text

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

# `[0-9]` and `\z`: engines read `\d` and `$` differently
ISO_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\z"
ISO_TIMESTAMP = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}"


def can_be_computed(transform: str) -> "Column":
    """True for rows of a bronze frame on which the expression raises no error (casting a word to a number raises one).

    Spark has no function for this, but try_to_binary also catches errors of its argument.
    """
    from pyspark.sql import functions as F

    attempt = F.try_to_binary(F.coalesce(F.expr(transform).cast("string"), F.lit("")), F.lit("utf-8"))
    # Spark evaluates a subexpression that two columns share once and outside of the try. It does not do so below a
    # condition; this one is always true.
    return F.when(F.col("row_number") > 0, attempt).isNotNull()


def raw_value(column: ContractColumn, source: Source) -> "Column":
    """The delivered value, or the result of transformLogic on it, over a bronze frame.

    Null for blank text, and where transformLogic raises an error.
    """
    from pyspark.sql import functions as F

    delivered = F.col(f"`{column.field}`")
    if column.transform:
        delivered = F.when(can_be_computed(column.transform), F.expr(column.transform))
    if column.transform or source.format == "parquet":
        return F.nullif(F.trim(delivered), F.lit("")) if column.spark_type == "string" else delivered
    if column.json_path:
        delivered = in_document(delivered, column.json_path)
    return F.nullif(F.trim(delivered), F.lit(""))


def raw_kinds(raw: "DataFrame", source: Source) -> dict[str, str]:
    """Column -> type of its raw value, as it was delivered or as transformLogic made it."""
    if any(column.transform for column in source.columns):
        kinds = dict(raw.dtypes)  # a query of the plan, which costs time
        return {column.name: kinds[f"_raw_{column.name}"] for column in source.columns}
    return {c.name: c.spark_type if source.format == "parquet" else "string" for c in source.columns}


def typed_value(raw: "Column", column: ContractColumn, source: Source, kind: str) -> "Column":
    """The value, a raw one of type `kind`, in the contract's type; null when it does not parse.

    A transformLogic that gives text needs no cast: its text is read as delivered text is.
    """
    from pyspark.sql import functions as F

    if column.type in NUMERIC and (column.decimal, column.thousands) != (".", None):
        raw = _plain_number(raw, column)
    cast = from_text(raw, column.spark_type) if kind == "string" else raw.try_cast(column.spark_type)
    if column.spark_type in ("double", "float"):
        number = cast
        # NaN and Infinity parse but are not valid measurements.
        return F.when(~F.isnan(number) & (F.abs(number) != float("inf")), number)
    if kind != "string" or (not column.formats and (column.transform or source.format == "parquet")):
        return cast  # formats are those of text; a day that was delivered as such has none
    if column.type == "date":
        parsed = [moment(raw, f).cast("date") for f in column.formats]
        return F.coalesce(*parsed) if parsed else F.when(raw.rlike(ISO_DATE), cast)
    if column.type == "timestamp":
        parsed = [moment(raw, f) for f in column.formats]
        return F.coalesce(*parsed) if parsed else F.when(raw.rlike(ISO_TIMESTAMP), cast)
    return cast


def _plain_number(raw: "Column", column: ContractColumn) -> "Column":
    """A number in Spark's notation, null when its separators do not fit the contract: 1.234,50 -> 1234.50."""
    from pyspark.sql import functions as F

    decimal, thousands = re.escape(column.decimal), re.escape(column.thousands or "")
    groups = rf"|[0-9]{{1,3}}({thousands}[0-9]{{3}})+" if thousands else ""
    digits = F.replace(raw, F.lit(column.thousands)) if column.thousands else raw
    plain = F.replace(digits, F.lit(column.decimal), F.lit("."))
    return F.when(raw.rlike(rf"^[+-]?([0-9]+{groups})({decimal}[0-9]+)?\z"), plain)


def as_text(column: ContractColumn, source: Source, kind: str) -> "Column":
    """The raw value, of this type, as text, for rules and reasons."""
    from pyspark.sql import functions as F

    raw = F.col(f"_raw_{column.name}")
    raw = number_as_text(raw) if kind in FLOATING else raw.cast("string")
    if source.format != "parquet":
        return raw
    # bronze has the column's type already; a value that does not fit it is in `rescued`
    unfit = F.when(F.col("rescued").isNotNull(), F.get_json_object("rescued", f"$['{column.field}']"))
    return F.coalesce(raw, unfit)
