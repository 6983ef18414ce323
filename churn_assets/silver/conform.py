"""Converts bronze rows to typed rows and finds the first rule that each row breaks."""

import re
from typing import TYPE_CHECKING

from churn_assets.bronze.reading import CORRUPT
from churn_assets.contracts.columns import DAY_OF_ZEROS, EARLIEST, ZEROS
from churn_assets.contracts.source import NUMERIC, Source
from churn_assets.contracts.source import Column as ContractColumn
from churn_assets.contracts.words import with_article
from churn_assets.lakehouse.engine.texts import (
    FLOATING,
    from_text,
    in_document,
    json_object,
    moment,
    number_as_text,
)
from churn_assets.sources.delivered_text import REPLACED, UNDECODED

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    Rule = tuple[str, Column, Column]  # name with the column after a colon, condition, reason

# `[0-9]` and `\z`: engines read `\d` and `$` differently
ISO_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\z"
TRANSFORM_RAISES = " cannot be computed by its transformLogic from "
RECENT = 35  # days: an extract tells of a day first within a month or so
ISO_TIMESTAMP = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}"


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
        delivered = in_document(delivered, column.json_path)
    return F.nullif(F.trim(delivered), F.lit(""))


def _kinds(raw: "DataFrame", source: Source) -> dict[str, str]:
    """Column -> type of its raw value, as it was delivered or as transformLogic made it."""
    if any(column.transform for column in source.columns):
        kinds = dict(raw.dtypes)  # a query of the plan, which costs time
        return {column.name: kinds[f"_raw_{column.name}"] for column in source.columns}
    return {c.name: c.spark_type if source.format == "parquet" else "string" for c in source.columns}


def _typed(raw: "Column", column: ContractColumn, source: Source, kind: str) -> "Column":
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
    if not column.formats and (column.transform or source.format == "parquet"):
        return cast
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


def _bound(value: float | str, column: ContractColumn) -> "Column":
    from pyspark.sql import functions as F

    if isinstance(value, float):  # a cast to an integer column would turn 0.5 into 0
        return F.lit(value)
    return F.lit(value).cast(column.spark_type)


def _measured(column: ContractColumn) -> "Column":
    """The typed value, to compare it with numbers of the contract."""
    from pyspark.sql import functions as F

    value = F.col(column.name)
    # Sail would make a decimal of the number, which may be too large for one
    return value.cast("double") if column.spark_type.startswith("decimal") else value


def invalid(column: ContractColumn) -> "Column":
    """True where the typed value is present and not one of the contract's valid values."""
    from pyspark.sql import functions as F

    return F.col(column.name).isNotNull() & ~_measured(column).isin(*column.valid_values)


def is_invalid(value: object, column: ContractColumn) -> bool:
    """`invalid` for one typed value in Python."""
    return value is not None and not column.allows(value)


def _as_text(column: ContractColumn, source: Source, kind: str) -> "Column":
    """The raw value, of this type, as text, for rules and reasons."""
    from pyspark.sql import functions as F

    raw = F.col(f"_raw_{column.name}")
    raw = number_as_text(raw) if kind in FLOATING else raw.cast("string")
    if source.format != "parquet":
        return raw
    # bronze has the column's type already; a value that does not fit it is in `rescued`
    unfit = F.when(F.col("rescued").isNotNull(), F.get_json_object("rescued", f"$['{column.field}']"))
    return F.coalesce(raw, unfit)


def _malformed(column: ContractColumn, source: Source) -> list["Rule"]:
    """Rules of a value that does not parse as the type of its column."""
    from pyspark.sql import functions as F

    value, raw = F.col(column.name), F.col(f"_raw_{column.name}")
    wanted = f" is not {with_article(column.type)}: "
    if source.format == "parquet" and column.name in source.ids:
        wanted = f" is no exact {column.type}; deliver ids as text or whole numbers: "
    rules = [_rule("malformed", column, raw.isNotNull() & value.isNull(), wanted, raw)]
    if column.transform:
        given = F.coalesce(F.col(f"_delivered.`{column.field}`").cast("string"), F.lit("nothing"))
        failed = ~F.col(f"_computed_{column.name}")
        rules.append(_rule("malformed", column, failed, TRANSFORM_RAISES, given))
    return rules


def _values(column: ContractColumn) -> list["Rule"]:
    """Rules over the typed value of a column, but for those that only warn."""
    from pyspark.sql import functions as F

    value, rules = F.col(column.name), []

    def add(rule: str, condition: "Column", reason: str) -> None:
        told = number_as_text(value) if column.spark_type in FLOATING else value
        rules.append(_rule(rule, column, condition, reason, told))

    measured = _measured(column)
    if column.minimum is not None:
        add("range", measured < _bound(column.minimum, column), f" is below {column.minimum}: ")
    if column.maximum is not None:
        add("range", measured > _bound(column.maximum, column), f" is above {column.maximum}: ")
    if column.max_days_ahead is not None:
        remedy = "name it in meansNone if it means none, or raise maxDaysAhead"
        latest = F.date_add("extract_date", column.max_days_ahead)
        told = f" is more than {column.max_days_ahead:,} days after the extract ({remedy}): "
        add("plausible", F.to_date(value) > latest, told)
        if column.minimum is None:
            told = f" is before {EARLIEST} (name it in meansNone if it means none, or declare a minimum): "
            add("plausible", F.to_date(value) < F.lit(EARLIEST).cast("date"), told)
    if column.pattern is not None:
        add("pattern", ~value.rlike(column.pattern), f" does not match {column.pattern}: ")
    if column.valid_values and column.valid_severity in ("quarantine", "null_value"):
        add("valid", invalid(column), " is not an allowed value: ")
    return rules


def _rule(name: str, column: ContractColumn, condition: "Column", *reason: "str | Column") -> "Rule":
    from pyspark.sql import functions as F

    parts = [F.lit(r) if isinstance(r, str) else r.cast("string") for r in reason]
    return f"{name}:{column.name}", condition, F.concat(F.lit(column.name), *parts)


def _is_nulling(rule: "Rule", column: ContractColumn) -> bool:
    severity = column.valid_severity if rule[0].startswith("valid:") else column.severity
    return severity == "null_value"


def _means_none(column: ContractColumn) -> "Column":
    """True for a day that means none."""
    from pyspark.sql import functions as F

    days = [F.lit(day).cast("date") for day in column.means_none if day != ZEROS]
    none = F.to_date(column.name).isin(*days) if days else F.lit(False)
    if ZEROS in column.means_none:
        none = none | F.col(f"_raw_{column.name}").rlike(rf"^{DAY_OF_ZEROS}\z")
    return F.coalesce(none, F.lit(False))


def _settled(typed: "DataFrame", source: Source) -> "DataFrame":
    """Values that mean none, and bad ones of columns with `severity: null_value`, made null; `_remarks` names them.

    `_none_<column>` keeps what means none in a column that is required.
    """
    from pyspark.sql import functions as F

    kept = [c for c in typed.columns if not c.startswith("_raw_")]
    values: dict[str, Column] = {}
    remarks, nones = [], []
    for column in source.columns:
        found = []  # (condition, remark), the first counts
        if column.means_none:
            found.append((_means_none(column), f"none:{column.name}"))
        if column.means_none and column.required:
            nones.append(F.when(_means_none(column), F.col(f"_raw_{column.name}")).alias(_none(column)))
        nulling = [r for r in [*_malformed(column, source), *_values(column)] if _is_nulling(r, column)]
        found += [(condition, name) for name, condition, _ in nulling]
        if not found:
            continue
        remark = F.coalesce(*(F.when(condition, F.lit(name)) for condition, name in found))
        remarks.append(remark)
        names = (column.name, f"_raw_{column.name}")
        values |= {name: F.when(remark.isNull(), F.col(name)).alias(name) for name in names}
    return typed.select(
        *(values.get(name, name) for name in (*kept, *(f"_raw_{c.name}" for c in source.columns))),
        *nones,
        F.array_compact(F.array(*remarks, F.lit(None).cast("string"))).alias("_remarks"),
    )


def _none(column: ContractColumn) -> str:
    """Name of the column that keeps what means none."""
    return f"_none_{column.name}"


def _missing(column: ContractColumn) -> "Rule":
    """The rule of a column that is required."""
    from pyspark.sql import functions as F

    name = column.name
    rule = _rule("required", column, F.col(name).isNull(), " is missing")
    if not column.means_none:
        return rule
    said = F.concat(F.col(_none(column)), F.lit(f" means none, and {name} is required"))
    return (*rule[:2], F.coalesce(said, rule[2]))


def _remarks(source: Source) -> list["Column"]:
    """What is remarked of rows that are kept as they are: each null, or the name of a rule."""
    from pyspark.sql import functions as F

    if source.spell is None:
        return []
    spell = source.spell
    found = [(name, condition) for name, condition, _ in _order(source)] if spell.date_order == "warn" else []
    found += [
        (f"exchanged:{name}", _exchanged(name))
        for name in (spell.started_on, spell.notice_on, spell.ended_on)
        if name and any(_day_beside_month(form) for form in source.column(name).formats)
    ]
    return [F.when(condition, F.lit(name)) for name, condition in found]


def _day_beside_month(form: str) -> bool:
    """Whether a format writes day and month as numbers and the year not first: 31.01.2025, 01/31/2025."""
    return re.search(r"(?<!M)M{1,2}(?!M)", form) is not None and not form.startswith("y")


def _exchanged(name: str) -> "Column":
    """True where a day lies after its extract, but shortly before it with day and month exchanged."""
    from pyspark.sql import functions as F

    day = F.to_date(name)
    # below a condition, as there is no month 13
    other = F.when(F.dayofmonth(day) <= 12, F.make_date(F.year(day), F.dayofmonth(day), F.month(day)))
    recent = other.between(F.date_sub("extract_date", RECENT), F.col("extract_date"))
    return (day > F.col("extract_date")) & recent


def _order(source: Source) -> list["Rule"]:
    """Rules over the order of the dates of a spell."""
    from pyspark.sql import functions as F

    if source.spell is None:
        return []
    start, rules = F.to_date(source.spell.started_on), []
    for name in filter(None, (source.spell.ended_on, source.spell.expires_on)):
        before = F.to_date(name) < start
        rules.append(_rule("order", source.column(name), before, " is before the start: ", F.col(name)))
    return rules


def _refusals(source: Source) -> list["Rule"]:
    """The rules that refuse a row, in the order in which they are tested."""
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

    for column in source.columns:
        rules += [rule for rule in _malformed(column, source) if not _is_nulling(rule, column)]
    for column in source.columns:
        if column.required:
            rules.append(_missing(column))
    for column in source.columns:
        rules += [rule for rule in _values(column) if not _is_nulling(rule, column)]
    if source.event_time is not None:
        column = source.column(source.event_time)
        day = F.to_date(column.name)
        # an extract cannot contain events of a later day
        rules.append(_rule("future", column, day > F.col("extract_date"), " is after the extract: ", day))
    if source.spell is not None and source.spell.date_order == "quarantine":
        rules += _order(source)
    return rules


def conform(bronze: "DataFrame", source: Source) -> "DataFrame":
    """Typed columns under their contract names, provenance, `known_at`, and why a row is refused.

    `remarks` names the rules that made a value null, or that the row breaks without being refused; null without any.
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
    kinds = _kinds(raw, source)
    typed = raw.select(
        *provenance,
        "_delivered",
        *(_as_text(c, source, kinds[c.name]).alias(f"_raw_{c.name}") for c in source.columns),
        *computed,
        *(_typed(F.col(f"_raw_{c.name}"), c, source, kinds[c.name]).alias(c.name) for c in source.columns),
    )
    settled = _settled(typed, source)
    refusals = _refusals(source)
    rule = F.coalesce(*(F.when(condition, F.lit(name)) for name, condition, _ in refusals))
    reason = F.coalesce(*(F.when(condition, text) for _, condition, text in refusals))
    remarks = F.concat(
        F.col("_remarks"), F.array_compact(F.array(*_remarks(source), F.lit(None).cast("string")))
    )
    told = F.nullif(F.array_join(remarks, ","), F.lit(""))
    return settled.select(
        *(c.name for c in source.columns),
        *provenance,
        F.when(rule.isNull(), told).alias("remarks"),
        rule.alias("refused_rule"),
        F.when(rule.isNotNull(), reason).alias("refused_reason"),
        F.when(rule.isNotNull(), json_object(_delivered(source), _types(source))).alias("raw_row"),
        F.col("extract_date").alias("known_at"),
    )


def _delivered(source: Source) -> "dict[str, Column]":
    """The row as delivered: name -> value."""
    from pyspark.sql import functions as F

    return {field: F.col(f"_delivered.`{field}`") for field in source.fields} | {"rescued": F.col("rescued")}


def _types(source: Source) -> dict[str, str]:
    """Field -> the type that bronze holds it in; text is left out."""
    return {c.field: c.spark_type for c in source.columns} if source.format == "parquet" else {}


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
