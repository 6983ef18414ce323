"""Where an entity says that a customer has left, and the customer's spell runs on.

An entity says so by a value that its contract declares as `former`, or by a full extract that no longer lists the
customer. A spell source may be late by its promised frequency and latency before that is a contradiction.
"""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.history.knowledge import as_of_date_of, at_each, with_validity
from churn_assets.history.merges import merges
from churn_assets.history.presence import Extracts, gone_on, is_former
from churn_assets.history.spells import running_spells
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end, month_index
from churn_assets.silver.audit import Problem
from churn_assets.silver.findings import SHOWN_EXAMPLES
from churn_assets.silver.reconciliation import first_extracts

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def contradictions(
    lakehouse: Lakehouse, business: Business, months: Sequence[str], today: date
) -> list[Problem]:
    """One problem per month, spell source and entity that contradict each other at the month's end.

    A month that is not over is judged as of `today`: until its end, what is missing may still come. The spell of a
    merged customer is the survivor's.
    """
    problems: list[Problem] = []
    telling = [s for s in business.of_role("entity") if s.former or s.delivery == "full"]
    extracts = first_extracts(lakehouse)
    entities = {
        s.name: lakehouse.read(tables.silver(s))
        for s in business.tells_merges
        if lakehouse.exists(tables.silver(s))
    }
    merged = merges(entities, business, [(month_end(m), month_end(m)) for m in months])
    for spell in business.of_role("spell"):
        for entity in telling:
            if all(lakehouse.exists(tables.silver(source)) for source in (spell, entity)):
                problems += _between(lakehouse, business, spell, entity, months, extracts, today, merged)
    return problems


def _between(
    lakehouse: Lakehouse,
    business: Business,
    spell: Source,
    entity: Source,
    months: Sequence[str],
    extracts: Extracts,
    today: date,
    merged: "DataFrame | None",
) -> list[Problem]:
    from pyspark.sql import functions as F

    rule, indexes = business.file.contradictions, {month_index(m): m for m in months}
    known = F.col("extract_month") <= months[-1]
    running = (
        running_spells(
            lakehouse.read(tables.silver(spell)).where(known), business, spell, [*indexes], merged=merged
        )
        .where("running AND NOT in_notice")
        .select("customer_key", "as_of_index", "as_of_date")
    )
    gone = said_gone(lakehouse.read(tables.silver(entity)).where(known), entity, extracts, [*indexes])
    late = spell.frequency_days + spell.latency_days
    until = F.least("as_of_date", F.lit(today))
    wrong = F.coalesce(F.date_add("since", late) <= until, F.lit(False))
    rows = (
        running.join(gone, ["customer_key", "as_of_index"], "left")
        .withColumn("wrong", F.when(wrong, F.col("customer_key")))
        .groupBy("as_of_index")
        .agg(
            F.count("*").alias("running"),
            F.count("wrong").alias("wrong"),
            F.count_if(F.col("wrong").isNotNull() & F.col("former")).alias("former"),
            F.slice(F.array_sort(F.collect_set("wrong")), 1, SHOWN_EXAMPLES).alias("examples"),
        )
        .where("wrong > 0")
        .orderBy("as_of_index")
        .collect()
    )
    problems = []
    for row in rows:
        share = row["wrong"] / row["running"]
        parts = {"called former": row["former"], "no longer listed": row["wrong"] - row["former"]}
        said = ", ".join(f"{count:,} {how}" for how, count in parts.items() if count)
        problems.append(
            Problem(
                spell.name,
                indexes[row["as_of_index"]],
                f"contradiction:{entity.name}",
                rule.severity if share > rule.max_share else "warn",
                f"{row['wrong']:,} of {row['running']:,} customers whose spell runs ({share:.1%}) have left by "
                f"{entity.name}: {said}. Ends may be missing in {spell.name}.",
                f"Ask {spell.name} for the ends of these customers; silver/customer_keys names them.",
                row["wrong"],
                row["running"],
                tuple(row["examples"]),
            )
        )
    return problems


def said_gone(
    versions: "DataFrame", entity: Source, extracts: Extracts, as_of_indexes: Sequence[int]
) -> "DataFrame":
    """Customers whom an entity calls former, or no longer lists, at each as_of month.

    Columns customer_key, as_of_index, since (from which day on), former (False: no longer listed). Of several rows of a
    customer all must say so.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    in_order = Window.partitionBy(*entity.silver_key).orderBy("known_at", "sequence")
    former = is_former(entity)
    told = versions.withColumn("_former", former).withColumn(
        "_before", F.coalesce(F.lag("_former").over(in_order), F.lit(False))
    )
    began = F.last(F.when(F.col("_former") & ~F.col("_before"), F.col("known_at")), ignorenulls=True)
    told = told.withColumn("_since", F.when(F.col("_former"), began.over(in_order)))
    day = as_of_date_of(F.col("as_of_index"))
    unlisted = gone_on(entity, extracts)
    since = F.coalesce("_since", F.when(unlisted <= day, unlisted))
    return (
        at_each(with_validity(told, entity), as_of_indexes)
        .withColumn("_gone", since)
        .groupBy("customer_key", "as_of_index")
        .agg(
            F.bool_and(F.col("_gone").isNotNull()).alias("_all"),
            F.max("_gone").alias("since"),
            F.bool_and("_former").alias("former"),
        )
        .where("_all")
        .drop("_all")
    )
