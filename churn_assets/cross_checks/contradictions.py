"""Where an entity says that a customer has left, and the customer's spell runs on.

An entity says so by a value that its contract declares as `former`, or by a full extract that no longer lists the
customer. A spell source may be late by its promised frequency and latency before that is a contradiction.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.history.knowledge import at_each, with_validity
from churn_assets.history.merges import merges
from churn_assets.history.periods import MONTHS
from churn_assets.history.presence import Extracts, gone_on, is_former
from churn_assets.history.spells import running_spells
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.engine import frames
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end, month_index, month_of
from churn_assets.silver.audit import Problem
from churn_assets.silver.findings import SHOWN_EXAMPLES
from churn_assets.silver.reconciliation import first_extracts

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row


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

    indexes, known = {month_index(m): m for m in months}, F.col("extract_month") <= months[-1]
    spells = lakehouse.read(tables.silver(spell)).where(known)
    versions = lakehouse.read(tables.silver(entity)).where(known)
    running = (
        running_spells(spells, business, spell, [*indexes], extracts, merged)
        .where("running AND NOT in_notice")
        .select("customer_key", "as_of_index", "as_of_date")
    )
    kept: list[DataFrame] = []
    try:
        if listings := listed_since(entity, extracts, months):
            running = frames.keep(running)
            kept = [running]
            people = frames.keep(in_doubt(running, versions, entity, listings))
            kept.append(people)
            if people.isEmpty():
                return []
            versions = versions.join(F.broadcast(people), "customer_key", "left_semi")
        gone = said_gone(versions, entity, extracts, [*indexes])
        return _problems(business, spell, entity, indexes, _counted(running, gone, spell, today))
    finally:
        for frame in kept:
            frames.release(frame)


def listed_since(entity: Source, extracts: Extracts, months: Sequence[str]) -> list[str]:
    """The months whose extracts list who is there in `months`; empty where older ones would tell nothing more."""
    if entity.delivery != "full":
        return []
    listings = sorted({month_of(day) for day in extracts.get(entity.name, ())})
    begin = max((m for m in listings if m <= months[0]), default=None)
    if begin is None or begin == listings[0]:
        return []
    return [m for m in listings if begin <= m <= months[-1]]


def in_doubt(
    running: "DataFrame", versions: "DataFrame", entity: Source, listings: Sequence[str]
) -> "DataFrame":
    """Customers of `running` whom the entity does not list in each of these months, never as former: customer_key.

    They alone can have left by the entity, so history is read for no others.
    """
    from pyspark.sql import functions as F

    there = (
        versions.where(F.col("extract_month") >= listings[0])
        .groupBy("customer_key", *(k for k in entity.silver_key if k != "customer_key"))
        .agg(
            F.count_distinct("extract_month").alias("_months"),
            F.bool_or(is_former(entity)).alias("_former"),
        )
        .where(f"_months = {len(listings)} AND NOT _former")
    )
    return running.select("customer_key").distinct().join(there, "customer_key", "left_anti")


def _counted(running: "DataFrame", gone: "DataFrame", spell: Source, today: date) -> "list[Row]":
    """A row per as_of month with contradictions: as_of_index, running, wrong, former, examples."""
    from pyspark.sql import functions as F

    late = spell.frequency_days + spell.latency_days
    until = F.least("as_of_date", F.lit(today))
    wrong = F.coalesce(F.date_add("since", late) <= until, F.lit(False))
    return (
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


def _problems(
    business: Business, spell: Source, entity: Source, indexes: Mapping[int, str], rows: "Sequence[Row]"
) -> list[Problem]:
    rule, problems = business.file.contradictions, []
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
                f"{row['wrong']:,} of {row['running']:,} customers whose spell runs ({share:.1%}) have left "
                f"according to {entity.name}: {said}. Ends may be missing in {spell.name}.",
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
    day = MONTHS.end_of(F.col("as_of_index"))
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
