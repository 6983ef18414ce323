"""Stays: when each customer was a customer, by what is known today, and since when nobody knows.

A spell is a stay. Of a label by inactivity, a day with an event that counts begins a stay, which lasts until the
outcome window is over without another one. A stay that another one follows within the pause that a renewal may take
lasts until that one begins, as in the labels.
"""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.history.knowledge import events_with_validity, latest, spell_of
from churn_assets.history.merges import counted_for_survivors, merges
from churn_assets.history.periods import MONTHS
from churn_assets.history.presence import Extracts, departures, gone_on
from churn_assets.history.spells import by_choice, effective_end

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

STAY = ("started", "until", "by_choice", "unknown_from", "unknown_until")


def stays(
    silver: Mapping[str, "DataFrame"], business: Business, known_until: date, extracts: Extracts
) -> "DataFrame":
    """customer_key, the silver key of a spell source (its customer is then the owner's), and the columns of STAY.

    The customer is there on the days from `started` to the one before `until` (null: the stay goes on); `by_choice`
    says how it ended. On the days from `unknown_from` to the one before `unknown_until` (null: up to now) nobody knows:
    a row was refused, a full source no longer lists the spell or the customer, or a merge names no valid survivor. A
    stay of which no row was accepted has no `started`. What merged customers did counts for their survivors.
    """
    merged = merges(silver, business, [(known_until, date.max)])
    source = business.label_source
    found = _of_spells if source.spell else _of_events
    told = found(silver[source.name], business, source, extracts, merged)
    return _without_the_gone(told, silver, business, known_until, extracts, merged)


def _of_spells(
    versions: "DataFrame",
    business: Business,
    source: Source,
    extracts: Extracts,
    merged: "DataFrame | None",
) -> "DataFrame":
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    rule, key = business.file.label, list(source.silver_key)
    of_key = Window.partitionBy(*key)
    newest_first = of_key.orderBy(F.desc("known_at"), F.desc("sequence"))
    refused = F.col("refused")
    newest = (
        versions.withColumn("_rank", F.row_number().over(newest_first))
        .withColumn("_accepted", F.min(F.when(~refused, F.col("_rank"))).over(of_key))
        .withColumn("_later", refused & F.coalesce(F.col("_rank") < F.col("_accepted"), F.lit(True)))
        .withColumn("_refused_on", F.min(F.when(F.col("_later"), F.col("known_at"))).over(of_key))
        .where(F.col("_rank") == F.coalesce("_accepted", F.lit(1)))
    )
    told, churned = effective_end(rule, source), F.lit(business.file.people.disappeared == "churn")
    none = F.lit(None).cast("date")
    gone = F.when(told.isNull() & F.col("_refused_on").isNull(), gone_on(source, extracts))
    started = F.to_date(spell_of(source).started_on)
    known = counted_for_survivors(newest, merged, by=None).select(
        *dict.fromkeys(["customer_key", *key, *(["owner_key"] if merged is not None else [])]),
        F.when(~refused, started).alias("started"),
        F.coalesce(told, F.when(churned, gone)).alias("until"),
        F.when(gone.isNotNull(), churned).otherwise(by_choice(rule, source)).alias("by_choice"),
        F.coalesce("_refused_on", F.when(~churned, gone)).alias("unknown_from"),
        none.alias("unknown_until"),
    )
    # what follows within the pause goes on with it
    of_customer = Window.partitionBy("customer_key")
    until = F.col("until")

    def follows(day: "Column") -> "Column":
        return (day > until) & (day <= F.date_add(until, rule.pause_days))

    following = F.array_min(F.filter(F.collect_set("started").over(of_customer), follows))
    return known.withColumn("until", F.coalesce(following, until))


def _of_events(
    versions: "DataFrame",
    business: Business,
    source: Source,
    extracts: Extracts,
    merged: "DataFrame | None",
) -> "DataFrame":
    """One stay per customer and month of events: months are all that is asked, and far fewer than events."""
    from pyspark.sql import functions as F

    silence, where = business.file.windows.outcome_days, business.file.label.where
    newest = events_with_validity(versions, source).where("superseded_index IS NULL")
    rows = counted_for_survivors(newest, merged, by=None)
    counts = F.coalesce(F.expr(where), F.lit(False)) if where else F.lit(True)
    day = F.coalesce(F.to_date(str(source.event_time)), "known_at")
    seen = (
        rows.where(F.col("refused") | counts)
        .withColumn("_day", day)
        .groupBy("customer_key", MONTHS.index_of(F.col("_day")).alias("_month"), "refused")
        .agg(F.min("_day").alias("first"), F.date_add(F.max("_day"), silence).alias("over"))
    )
    known, unknown = ~F.col("refused"), F.col("refused")
    return seen.select(
        "customer_key",
        F.when(known, F.col("first")).alias("started"),
        F.when(known, F.col("over")).alias("until"),
        F.lit(True).alias("by_choice"),
        F.when(unknown, F.col("first")).alias("unknown_from"),
        F.when(unknown, F.col("over")).alias("unknown_until"),
    )


def _without_the_gone(
    told: "DataFrame",
    silver: Mapping[str, "DataFrame"],
    business: Business,
    known_until: date,
    extracts: Extracts,
    merged: "DataFrame | None",
) -> "DataFrame":
    """Of customers whom no full entity lists any more, and of those merged into nobody, the rest is not known.

    If disappearing is churn, those who are gone have left by choice.
    """
    from pyspark.sql import functions as F

    as_of = F.lit(known_until).cast("date")
    known = [
        (s, latest(silver[s.name], s).withColumn("as_of_date", as_of))
        for s in business.tells_who_is_gone
        if s.name in extracts and s.delivery == "full"
    ]
    gone = departures(known, extracts, "as_of_date")
    if gone is not None:
        few = gone.where("gone_on IS NOT NULL").select("customer_key", "gone_on")
        told = told.join(few, "customer_key", "left")
        left = F.col("gone_on").isNotNull() & F.coalesce(F.col("until") > F.col("gone_on"), F.lit(True))
        if business.file.people.disappeared == "churn":
            told = told.withColumn("by_choice", left | F.col("by_choice"))
            told = told.withColumn("until", F.when(left, F.col("gone_on")).otherwise(F.col("until")))
        else:
            told = _unknown_from(told, F.when(left, F.col("gone_on")))
        told = told.drop("gone_on")
    if merged is not None:
        month = F.make_date(
            F.floor(F.col("merge_index") / 12).cast("int"),
            (F.col("merge_index") % 12 + 1).cast("int"),
            F.lit(1),
        )
        doubts = merged.where("survivor_key IS NULL").select("customer_key", month.alias("doubted"))
        told = told.join(F.broadcast(doubts), "customer_key", "left")
        open_ = F.coalesce(F.col("until") > F.col("doubted"), F.lit(True))
        told = _unknown_from(told, F.when(open_, F.col("doubted"))).drop("doubted")
    return told


def _unknown_from(told: "DataFrame", day: "Column") -> "DataFrame":
    """The stays, of which nothing is known from that day on, if there is one."""
    from pyspark.sql import functions as F

    here = day.isNotNull() & F.coalesce(F.col("unknown_from") > day, F.lit(True))
    # of a stay that is unknown for a while only, the rest of it is not known either
    return told.withColumn("unknown_until", F.when(here, None).otherwise(F.col("unknown_until"))).withColumn(
        "unknown_from", F.when(here, day).otherwise(F.col("unknown_from"))
    )
