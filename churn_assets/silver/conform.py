"""Converts bronze rows to typed rows and finds the first rule that each row breaks."""

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import TYPE_CHECKING

from churn_assets.contracts.source import Source
from churn_assets.lakehouse.engine.texts import json_object
from churn_assets.silver.row_rules import (
    is_nulling,
    kept_none,
    malformed,
    means_none,
    refusals,
    remarks,
    value_rules,
)
from churn_assets.silver.typed_values import as_text, can_be_computed, raw_kinds, raw_value, typed_value

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


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
        *(can_be_computed(transform).alias(name) for name, transform in computed.items()),
    )
    kinds = raw_kinds(raw, source)
    typed = raw.select(
        *provenance,
        "_delivered",
        *(as_text(c, source, kinds[c.name]).alias(f"_raw_{c.name}") for c in source.columns),
        *computed,
        *(
            typed_value(F.col(f"_raw_{c.name}"), c, source, kinds[c.name]).alias(c.name)
            for c in source.columns
        ),
    )
    settled = _settled(typed, source, [*provenance, "_delivered", *computed])
    refusing = refusals(source)
    rule = first_that_holds((condition, F.lit(name)) for name, condition, _ in refusing)
    reason = first_that_holds((condition, text) for _, condition, text in refusing)
    kept = F.array_compact(F.array(*remarks(source), F.lit(None).cast("string")))
    noted = F.concat(F.col("_remarks"), kept)
    # the cheaper condition first: few rows have remarks, and Sail tests all rules again for `rule`
    told = F.when(F.size(noted) > 0, F.when(rule.isNull(), F.array_join(noted, ",")))
    return settled.select(
        *(c.name for c in source.columns),
        *provenance,
        told.alias("remarks"),
        rule.alias("refused_rule"),
        F.when(rule.isNotNull(), reason).alias("refused_reason"),
        F.when(rule.isNotNull(), json_object(_delivered(source), _types(source))).alias("raw_row"),
        F.col("extract_date").alias("known_at"),
    )


def _settled(typed: "DataFrame", source: Source, others: Sequence[str]) -> "DataFrame":
    """Values that mean none, and bad ones of columns with `severity: null_value`, made null; `_remarks` names them.

    `_none_<column>` keeps what means none in a column that is required. `others` are the columns that stay beside those
    of the contract; to ask the frame for them would be a query of the plan, which costs time.
    """
    from pyspark.sql import functions as F

    kept = [*others, *(c.name for c in source.columns)]
    values: dict[str, Column] = {}
    named, nones = [], []
    for column in source.columns:
        found = []  # (condition, remark), the first counts
        if column.means_none:
            found.append((means_none(column), f"none:{column.name}"))
        if column.means_none and column.required:
            nones.append(F.when(means_none(column), F.col(f"_raw_{column.name}")).alias(kept_none(column)))
        nulling = [r for r in [*malformed(column, source), *value_rules(column)] if is_nulling(r, column)]
        found += [(condition, name) for name, condition, _ in nulling]
        if not found:
            continue
        remark = first_that_holds((condition, F.lit(name)) for condition, name in found)
        named.append(remark)
        names = (column.name, f"_raw_{column.name}")
        values |= {name: F.when(remark.isNull(), F.col(name)).alias(name) for name in names}
    return typed.select(
        *(values.get(name, name) for name in (*kept, *(f"_raw_{c.name}" for c in source.columns))),
        *nones,
        F.array_compact(F.array(*named, F.lit(None).cast("string"))).alias("_remarks"),
    )


def _delivered(source: Source) -> "dict[str, Column]":
    """The row as delivered: name -> value."""
    from pyspark.sql import functions as F

    return {field: F.col(f"_delivered.`{field}`") for field in source.fields} | {"rescued": F.col("rescued")}


def _types(source: Source) -> dict[str, str]:
    """Field -> the type that bronze holds it in; text is left out."""
    return {c.field: c.spark_type for c in source.columns} if source.format == "parquet" else {}


def first_that_holds(cases: "Iterable[tuple[Column, Column]]") -> "Column":
    """The value beside the first condition that is true; null if none is. `coalesce` would test each of them twice."""
    from pyspark.sql import functions as F

    return reduce(lambda chosen, case: chosen.when(*case), cases, F)  # type: ignore[arg-type, return-value]


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
