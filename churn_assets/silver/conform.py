"""Converts bronze rows to typed rows and finds the first rule that each row breaks."""

import re
from typing import TYPE_CHECKING

from churn_assets.bronze.reading import CORRUPT
from churn_assets.contracts.source import NUMERIC, Source
from churn_assets.contracts.source import Column as ContractColumn
from churn_assets.sources.text import REPLACED, UNDECODED

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


ISO_DATE = r"^\d{4}-\d{2}-\d{2}$"
TRANSFORM_RAISES = " cannot be computed by its transformLogic from "
ISO_TIMESTAMP = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}"


def _can_be_computed(transform: str) -> "Column":
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
        delivered = F.when(_can_be_computed(column.transform), F.expr(column.transform))
    if column.transform or source.format == "parquet":
        return F.nullif(F.trim(delivered), F.lit("")) if column.spark_type == "string" else delivered
    if column.json_path:
        delivered = F.get_json_object(delivered, column.json_path)
    return F.nullif(F.trim(delivered), F.lit(""))


def _typed(raw: "Column", column: ContractColumn, source: Source) -> "Column":
    """The value in the contract's type, null when it does not parse."""
    from pyspark.sql import functions as F

    if column.type in NUMERIC and (column.decimal, column.thousands) != (".", None):
        raw = _plain_number(raw, column)
    if column.spark_type in ("double", "float"):
        number = raw.try_cast(column.spark_type)
        # NaN and Infinity parse but are not valid measurements.
        return F.when(~F.isnan(number) & (F.abs(number) != float("inf")), number)
    if column.transform or (source.format == "parquet" and not column.formats):
        return raw.try_cast(column.spark_type)
    if column.type == "date":
        parsed = [F.try_to_timestamp(raw, F.lit(f)).cast("date") for f in column.formats]
        return F.coalesce(*parsed) if parsed else F.when(raw.rlike(ISO_DATE), raw.try_cast("date"))
    if column.type == "timestamp":
        parsed = [F.try_to_timestamp(raw, F.lit(f)) for f in column.formats]
        return F.coalesce(*parsed) if parsed else F.when(raw.rlike(ISO_TIMESTAMP), raw.try_cast("timestamp"))
    return raw.try_cast(column.spark_type)


def _plain_number(raw: "Column", column: ContractColumn) -> "Column":
    """A number in Spark's notation, null when its separators do not fit the contract: 1.234,50 -> 1234.50."""
    from pyspark.sql import functions as F

    decimal, thousands = re.escape(column.decimal), re.escape(column.thousands or "")
    groups = rf"|\d{{1,3}}({thousands}\d{{3}})+" if thousands else ""
    digits = F.replace(raw, F.lit(column.thousands)) if column.thousands else raw
    plain = F.replace(digits, F.lit(column.decimal), F.lit("."))
    return F.when(raw.rlike(rf"^[+-]?(\d+{groups})({decimal}\d+)?$"), plain)


def _bound(value: float | str, column: ContractColumn) -> "Column":
    from pyspark.sql import functions as F

    if isinstance(value, float):  # a cast to an integer column would turn 0.5 into 0
        return F.lit(value)
    return F.lit(value).cast(column.spark_type)


def invalid(column: ContractColumn) -> "Column":
    """True where the typed value is present and not one of the contract's valid values."""
    from pyspark.sql import functions as F

    return F.col(column.name).isNotNull() & ~F.col(column.name).isin(*column.valid_values)


def is_invalid(value: object, column: ContractColumn) -> bool:
    """`invalid` for one typed value in Python."""
    return value is not None and not column.allows(value)


def _refusals(source: Source) -> list[tuple[str, "Column", "Column"]]:
    """(rule, condition, reason) in the order in which they are tested."""
    from pyspark.sql import functions as F

    corrupt = F.get_json_object("rescued", f"$.{CORRUPT}")
    delivered = corrupt
    if source.format == "csv":  # a CSV row with undecoded bytes still parses
        delivered = F.concat_ws(" ", corrupt, *(F.col(f"_delivered.`{f}`") for f in source.fields))
    undecoded = F.contains(delivered, F.lit(REPLACED)) & delivered.rlike(UNDECODED)
    found, at = (F.regexp_extract(delivered, UNDECODED, group) for group in (1, 2))
    rules = [
        (
            "unreadable",
            undecoded,
            F.concat(
                *(F.lit("the row holds "), found, F.lit(" at byte "), at),
                F.lit(
                    f" of the file, which is not {source.encoding}: "
                    "name the encoding of the files as `encoding` in the contract's server"
                ),
            ),
        ),
        ("unreadable", corrupt.isNotNull(), F.lit(f"the row does not parse as {source.format}")),
    ]

    def add(rule: str, column: ContractColumn, condition: "Column", *reason: "str | Column") -> None:
        parts = [F.lit(r) if isinstance(r, str) else r.cast("string") for r in reason]
        rules.append((f"{rule}:{column.name}", condition, F.concat(F.lit(column.name), *parts)))

    for column in source.columns:
        value, raw = F.col(column.name), F.col(f"_raw_{column.name}")
        if source.format == "parquet":
            # bronze has the column's type already; a value that does not fit it is in `rescued`
            unfit = F.when(F.col("rescued").isNotNull(), F.get_json_object("rescued", f"$['{column.field}']"))
            raw = F.coalesce(raw.cast("string"), unfit)
        wanted = f" is not a {column.type}: "
        if source.format == "parquet" and column.name in source.ids:
            wanted = f" is no exact {column.type}; deliver ids as text or whole numbers: "
        add("malformed", column, raw.isNotNull() & value.isNull(), wanted, raw)
        if column.transform:
            given = F.coalesce(F.col(f"_delivered.`{column.field}`").cast("string"), F.lit("nothing"))
            add("malformed", column, ~F.col(f"_computed_{column.name}"), TRANSFORM_RAISES, given)
    for column in source.columns:
        if column.required:
            add("required", column, F.col(column.name).isNull(), " is missing")
    for column in source.columns:
        value = F.col(column.name)
        if column.minimum is not None:
            add(
                "range",
                column,
                value < _bound(column.minimum, column),
                f" is below {column.minimum}: ",
                value,
            )
        if column.maximum is not None:
            add(
                "range",
                column,
                value > _bound(column.maximum, column),
                f" is above {column.maximum}: ",
                value,
            )
        if column.pattern is not None:
            add("pattern", column, ~value.rlike(column.pattern), f" does not match {column.pattern}: ", value)
        if column.valid_values and column.valid_severity == "quarantine":
            add("valid", column, invalid(column), " is not an allowed value: ", value)
    if source.event_time is not None:
        column = source.column(source.event_time)
        day = F.to_date(column.name)
        # an extract cannot contain events of a later day
        add("future", column, day > F.col("extract_date"), " lies after the extract: ", day)
    if source.spell is not None:
        ended = source.column(source.spell.ended_on)
        before = F.to_date(ended.name) < F.to_date(source.spell.started_on)
        add("order", ended, before, " lies before the start: ", F.col(ended.name))
    return rules


def conform(bronze: "DataFrame", source: Source) -> "DataFrame":
    """Typed columns under their contract names, provenance, `known_at`, and why a row is refused.

    `refused_rule`, `refused_reason` and `raw_row` (the delivered row as JSON) are null when the row is accepted.
    `known_at` is the extract_date, the day at whose end the row became known, never the time of the load.
    """
    from pyspark.sql import functions as F

    provenance = ["extract_date", "source_file", "row_number", "rescued", "extract_month"]
    fields = [f"`{f}`" for f in source.fields if f not in {c.name for c in source.columns}]
    computed = {f"_computed_{c.name}": c.transform for c in source.columns if c.transform}
    raw = bronze.select(
        *provenance,
        F.struct(*(F.col(f"`{f}`") for f in source.fields)).alias("_delivered"),
        *fields,
        *(raw_value(c, source).alias(f"_raw_{c.name}") for c in source.columns),
        *(_can_be_computed(transform).alias(name) for name, transform in computed.items()),
    )
    typed = raw.select(
        *provenance,
        "_delivered",
        *(f"_raw_{c.name}" for c in source.columns),
        *computed,
        *(_typed(F.col(f"_raw_{c.name}"), c, source).alias(c.name) for c in source.columns),
    )
    refusals = _refusals(source)
    rule = F.coalesce(*(F.when(condition, F.lit(name)) for name, condition, _ in refusals))
    reason = F.coalesce(*(F.when(condition, text) for _, condition, text in refusals))
    return typed.select(
        *(c.name for c in source.columns),
        *provenance,
        rule.alias("refused_rule"),
        F.when(rule.isNotNull(), reason).alias("refused_reason"),
        F.when(rule.isNotNull(), F.to_json(F.struct("_delivered.*", "rescued"))).alias("raw_row"),
        F.col("extract_date").alias("known_at"),
    )


def refused_rows(conformed: "DataFrame", source: Source) -> "DataFrame":
    """silver/quarantine rows: provenance, rule, reason and the row as delivered (JSON)."""
    from pyspark.sql import functions as F

    return conformed.where(F.col("refused_rule").isNotNull()).select(
        F.lit(source.name).alias("source"),
        "extract_month",
        "extract_date",
        "source_file",
        "row_number",
        F.col("refused_rule").alias("rule"),
        F.col("refused_reason").alias("reason"),
        "raw_row",
    )
