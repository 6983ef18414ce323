"""The rules that a typed row must keep, each with the reason that a row is refused for."""

import re
from typing import TYPE_CHECKING

from churn_assets.bronze.reading import CORRUPT
from churn_assets.contracts.columns import DAY_OF_ZEROS, EARLIEST, ZEROS
from churn_assets.contracts.source import Column as ContractColumn
from churn_assets.contracts.source import Source
from churn_assets.contracts.words import with_article
from churn_assets.lakehouse.engine.texts import FLOATING, number_as_text
from churn_assets.sources.delivered_text import REPLACED, UNDECODED

if TYPE_CHECKING:
    from pyspark.sql import Column

    Rule = tuple[str, Column, Column]  # name with the column after a colon, condition, reason

RECENT = 35  # days: an extract tells of a day first within a month or so


def refusals(source: Source) -> list["Rule"]:
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
        rules += [rule for rule in malformed(column, source) if not is_nulling(rule, column)]
    for column in source.columns:
        if column.required:
            rules.append(_missing(column))
    for column in source.columns:
        rules += [rule for rule in value_rules(column) if not is_nulling(rule, column)]
    if source.event_time is not None:
        column = source.column(source.event_time)
        day = F.to_date(column.name)
        # an extract cannot contain events of a later day
        rules.append(_rule("future", column, day > F.col("extract_date"), " is after the extract: ", day))
    if source.spell is not None and source.spell.date_order == "quarantine":
        rules += _order(source)
    return rules


def remarks(source: Source) -> list["Column"]:
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


def malformed(column: ContractColumn, source: Source) -> list["Rule"]:
    """Rules of a value that does not parse as the type of its column."""
    from pyspark.sql import functions as F

    value, raw = F.col(column.name), F.col(f"_raw_{column.name}")
    wanted = f" is not {with_article(column.type)}: "
    if source.format == "parquet" and column.name in source.ids:
        wanted = f" is no exact {column.type}; deliver ids as text or whole numbers: "
    rules = [_rule("malformed", column, value.isNull() & raw.isNotNull(), wanted, raw)]
    if column.transform:
        given = F.coalesce(F.col(f"_delivered.`{column.field}`").cast("string"), F.lit("nothing"))
        failed = ~F.col(f"_computed_{column.name}")
        rules.append(
            _rule("malformed", column, failed, " cannot be computed by its transformLogic from ", given)
        )
    return rules


def value_rules(column: ContractColumn) -> list["Rule"]:
    """Rules over the typed value of a column, but for those that only warn."""
    from pyspark.sql import functions as F

    value, rules = F.col(column.name), []

    def add(rule: str, condition: "Column", reason: str) -> None:
        told = number_as_text(value) if column.spark_type in FLOATING else value
        rules.append(_rule(rule, column, condition, reason, told))

    if column.minimum is not None:
        add("range", _measured(column) < _bound(column.minimum, column), f" is below {column.minimum}: ")
    if column.maximum is not None:
        add("range", _measured(column) > _bound(column.maximum, column), f" is above {column.maximum}: ")
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


def _missing(column: ContractColumn) -> "Rule":
    """The rule of a column that is required."""
    from pyspark.sql import functions as F

    name = column.name
    rule = _rule("required", column, F.col(name).isNull(), " is missing")
    if not column.means_none:
        return rule
    said = F.concat(F.col(kept_none(column)), F.lit(f" means none, and {name} is required"))
    return (*rule[:2], F.coalesce(said, rule[2]))


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


def _rule(name: str, column: ContractColumn, condition: "Column", *reason: "str | Column") -> "Rule":
    from pyspark.sql import functions as F

    parts = [F.lit(r) if isinstance(r, str) else r.cast("string") for r in reason]
    return f"{name}:{column.name}", condition, F.concat(F.lit(column.name), *parts)


def is_nulling(rule: "Rule", column: ContractColumn) -> bool:
    """True for a rule that makes a value null and refuses no row."""
    severity = column.valid_severity if rule[0].startswith("valid:") else column.severity
    return severity == "null_value"


def invalid(column: ContractColumn) -> "Column":
    """True where the typed value is present and not one of the contract's valid values."""
    from pyspark.sql import functions as F

    return F.col(column.name).isNotNull() & ~_measured(column).isin(*column.valid_values)


def is_invalid(value: object, column: ContractColumn) -> bool:
    """`invalid` for one typed value in Python."""
    return value is not None and not column.allows(value)


def means_none(column: ContractColumn) -> "Column":
    """True for a day that means none."""
    from pyspark.sql import functions as F

    days = [F.lit(day).cast("date") for day in column.means_none if day != ZEROS]
    none = F.to_date(column.name).isin(*days) if days else F.lit(False)
    if ZEROS in column.means_none:
        zeros = F.col(f"_raw_{column.name}").rlike(rf"^{DAY_OF_ZEROS}\z")
        none = none | (F.col(column.name).isNull() & zeros)
    return F.coalesce(none, F.lit(False))


def kept_none(column: ContractColumn) -> str:
    """Name of the column that keeps what means none."""
    return f"_none_{column.name}"


def _measured(column: ContractColumn) -> "Column":
    """The typed value, to compare it with numbers of the contract."""
    from pyspark.sql import functions as F

    value = F.col(column.name)
    # Sail would make a decimal of the number, which may be too large for one
    return value.cast("double") if column.spark_type.startswith("decimal") else value


def _bound(value: float | str, column: ContractColumn) -> "Column":
    from pyspark.sql import functions as F

    if isinstance(value, float):  # a cast to an integer column would turn 0.5 into 0
        return F.lit(value)
    return F.lit(value).cast(column.spark_type)


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
