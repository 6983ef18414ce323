"""features/churn_labels: what became of each snapshot, settled once, when it could be known, and never before.

Three policies: `cancellation` (the spell ended by choice), `lapse` (it expired and was not renewed), `inactivity` (no
event in the outcome window). Whoever left inside the gap, or not by choice, is neither positive nor negative.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.contracts.windows import Windows
from churn_assets.history.knowledge import (
    at_days,
    days_frame,
    known_at_each,
    last_listed,
    spell_of,
    with_superseded_at,
)
from churn_assets.history.merges import counted_for_survivors, merges
from churn_assets.history.presence import NO_EXTRACTS, NOBODY_GONE, Extracts, departures, gone_on
from churn_assets.history.spells import by_choice, effective_end
from churn_assets.months import month_of, month_start

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

OUTCOMES = (
    *("stayed", "churned", "involuntary_end", "ended_in_gap", "ended_before"),
    *("merged", "disappeared", "unknown", "pending"),
)


@dataclass(frozen=True)
class Cohort:
    """The dates of one cohort. The outcome window is `(gap_end, outcome_end]`."""

    as_of_date: date
    gap_end: date
    outcome_end: date
    label_available_at: date
    mature: bool


def cohorts(as_of_dates: Iterable[date], windows: Windows, extracts: Sequence[date]) -> list[Cohort]:
    """The cohorts of these days; mature when one of the label source's extracts (their dates) settles them.

    The extract that settles a cohort is the first on or after the end of the settlement lag: an older one cannot tell
    of the last days of the outcome window. Its date is label_available_at; until it is there, the earliest possible.
    """
    result = []
    for as_of in as_of_dates:
        gap_end = as_of + timedelta(days=windows.gap_days)
        outcome_end = gap_end + timedelta(days=windows.outcome_days)
        earliest = outcome_end + timedelta(days=windows.settlement_days)
        settling = min((day for day in extracts if day >= earliest), default=None)
        result.append(Cohort(as_of, gap_end, outcome_end, settling or earliest, settling is not None))
    return result


def cohort_frame(spark: "SparkSession", dates: Sequence[Cohort]) -> "DataFrame":
    """The cohorts as a small Spark frame."""
    import pyarrow as pa

    days = ("as_of_date", "gap_end", "outcome_end", "label_available_at")
    schema = pa.schema([*((name, pa.date32()) for name in days), ("mature", pa.bool_())])
    # as Arrow: rows of Python would be handed to Spark by a Python process of its own
    return spark.createDataFrame(pa.Table.from_pylist([asdict(c) for c in dates], schema))


def _spells_as_known(
    spells: "DataFrame",
    business: Business,
    dates: "DataFrame",
    extracts: Extracts,
    merged: "DataFrame | None",
) -> "DataFrame":
    """The spells of each cohort as known at label_available_at: when each started, ended and was last seen, and how.

    A spell that is gone from the extracts without an end has ended on the day from which it is gone, by choice only if
    churn.yaml says so; only then `last_seen` is not null. The spells of `merged` customers count for them and for their
    survivors.
    """
    from pyspark.sql import functions as F

    source, rule = business.label_source, business.file.label
    told, gone = effective_end(rule, source), gone_on(source, extracts)
    vanished = (
        told.isNull() & ~F.col("refused") & F.coalesce(gone <= F.col("label_available_at"), F.lit(False))
    )
    known = known_at_each(spells, source, dates, "label_available_at")
    return counted_for_survivors(known, merged, by="as_of_date", keep=True).select(
        "customer_key",
        *("as_of_date", "gap_end", "outcome_end"),
        F.to_date(spell_of(source).started_on).alias("started"),
        F.when(vanished, gone).otherwise(told).alias("ended"),
        F.when(vanished, F.lit(business.file.people.disappeared == "churn"))
        .otherwise(by_choice(rule, source))
        .alias("by_choice"),
        F.when(vanished, last_listed(source, spells)).alias("last_seen"),
        "refused",
    )


def _spell_outcomes(known: "DataFrame", business: Business) -> "DataFrame":
    """customer_key, as_of_date, outcome and ended_on, from `_spells_as_known`.

    A customer leaves when the last spell that ran at the as_of_date ends and none starts within `pause_days` of that;
    where one does, when that one ends, and so on.
    """
    from pyspark.sql import functions as F

    rule, is_churn = business.file.label, business.file.people.disappeared == "churn"
    ending = ("ended", "by_choice", "last_seen")
    ran = (
        ~F.col("refused")
        & (F.col("started") <= F.col("as_of_date"))
        & F.coalesce(F.col("ended") > F.col("as_of_date"), F.lit(True))
    )
    # of several that end on one day, one by choice is enough
    last = F.max(F.when(ran, F.struct(*ending)))
    one = known.groupBy("customer_key", "as_of_date", "gap_end", "outcome_end").agg(
        F.count_if(ran).alias("ran"),
        F.count_if(ran & F.col("ended").isNull()).alias("still_running"),
        last.alias("last"),
        # in the order in which they start: each may carry on from those before it
        F.array_sort(F.collect_list(F.when(~F.col("refused"), F.struct("started", *ending)))).alias("spells"),
        F.bool_or("refused").alias("some_unknown"),
    )

    def carried_on(last: "Column", spell: "Column") -> "Column":
        begins_in_time = (spell["started"] > F.col("as_of_date")) & (
            spell["started"] <= F.date_add(last["ended"], rule.pause_days)
        )
        lasts = F.coalesce(spell["ended"] > last["ended"], F.lit(True))
        return F.when(begins_in_time & lasts, F.struct(*(spell[n] for n in ending))).otherwise(last)

    one = one.withColumn(
        "last", F.when(F.col("still_running") == 0, F.aggregate("spells", F.col("last"), carried_on))
    )
    ended, last_seen = F.col("last.ended"), F.col("last.last_seen")
    untold = last_seen.isNotNull() & (last_seen < F.col("outcome_end"))
    if (
        is_churn
    ):  # the day is known, unless the outcome window ends between the last row and the extract without it
        untold &= ended > F.col("outcome_end")
    outcome = (
        F.when((F.col("ran") > 0) & untold, F.lit("disappeared"))
        .when((F.col("ran") > 0) & (ended.isNull() | (ended > F.col("outcome_end"))), F.lit("stayed"))
        .when(F.col("some_unknown"), F.lit("unknown"))  # a spell of which nothing is known may have gone on
        .when(F.col("ran") == 0, F.lit("ended_before"))
        .when(ended <= F.col("gap_end"), F.lit("ended_in_gap"))
        .when(F.col("last.by_choice"), F.lit("churned"))
        .otherwise(F.lit("involuntary_end"))
    )
    return one.select("customer_key", "as_of_date", outcome.alias("outcome"), ended.alias("ended_on"))


def _event_outcomes(
    events: "DataFrame", business: Business, dates: "DataFrame", merged: "DataFrame | None"
) -> "DataFrame":
    """customer_key, as_of_date, outcome of everybody with an event in the outcome window; who is absent left.

    Only events that meet the label's `where` count. With nothing but refused events there the outcome is unknown. One
    whose day is not known counts on its known_at. The events of `merged` customers count for them and for their
    survivors.
    """
    from pyspark.sql import functions as F

    source, where = business.label_source, business.file.label.where
    counts = F.col("refused") | F.coalesce(F.expr(where), F.lit(False)) if where else F.lit(True)
    day = F.coalesce(F.to_date(str(source.event_time)), "known_at")
    inside = (
        counts
        & (day > F.col("gap_end"))
        & (day <= F.col("outcome_end"))
        & (F.col("known_at") <= F.col("label_available_at"))
    )
    if not source.events_stay:  # a correction may have moved the event by then
        events = with_superseded_at(events, source)
        inside &= F.coalesce(F.col("superseded_at") > F.col("label_available_at"), F.lit(True))
    seen = counted_for_survivors(at_days(events, dates, inside), merged, by="as_of_date", keep=True)
    known = seen.groupBy("customer_key", "as_of_date").agg(F.bool_or(~F.col("refused")).alias("known"))
    outcome = F.when(F.col("known"), F.lit("stayed")).otherwise(F.lit("unknown"))
    return known.select(
        "customer_key", "as_of_date", outcome.alias("outcome"), F.lit(None).cast("date").alias("ended_on")
    )


def _departed(
    spark: "SparkSession",
    entities: "Mapping[str, DataFrame]",
    business: Business,
    dates: Sequence[Cohort],
    extracts: Extracts,
    asked: "DataFrame | None",
) -> "DataFrame | None":
    """`departures` as known at label_available_at, of customers who were listed at the as_of_date.

    `asked` are customer_key and as_of_date of those to look at; None: everybody.
    """
    from pyspark.sql import functions as F

    mature = [c for c in dates if c.mature]
    known = []
    for name, versions in entities.items() if mature else ():
        source = business.source(name)

        def since(cohort: Cohort, source: Source = source) -> date:
            """The first day of the month that lists everybody who was there at the as_of_date."""
            before = [day for day in extracts.get(source.name, ()) if day <= cohort.as_of_date]
            full = source.delivery == "full" and before
            return month_start(month_of(max(before))) if full else date.min

        rows = [(c.as_of_date, c.label_available_at, since(c)) for c in mature]
        days = days_frame(spark, rows, ("as_of_date", "label_available_at", "since"))
        if asked is not None:
            days = asked.join(F.broadcast(days), "as_of_date")
        inside = F.col("known_at").between(F.col("since"), F.col("label_available_at"))
        known.append((source, at_days(versions, days, inside)))
    return departures(known, extracts, "label_available_at")


def _assumed(business: Business) -> "Column":
    """Whether the outcome is that of customers of whom the label source tells nothing more."""
    from pyspark.sql import functions as F

    return F.col("outcome") == ("churned" if business.file.label.policy == "inactivity" else "stayed")


def _without_the_merged(
    base: "DataFrame", business: Business, found: "DataFrame", merged: "DataFrame"
) -> "DataFrame":
    """Outcomes of customers who are merged by label_available_at.

    `found` are the outcomes by the label source, `merged` is what `history.merges` tells. Who had left before the merge
    has left, unless the survivor stayed: a source may end the spells of a merged customer, or hand them on.
    """
    from pyspark.sql import functions as F

    told = merged.select("customer_key", "as_of_date", "survivor_key", "doubt")
    goes_on = _assumed(business)
    if business.file.label.policy != "inactivity":
        survivors = found.select(
            F.col("customer_key").alias("survivor_key"), "as_of_date", F.col("outcome").alias("_of_survivor")
        )
        told = told.join(survivors, ["survivor_key", "as_of_date"], "left")
        handed_on = (
            F.col("outcome") == "ended_before"
        )  # nothing of the spell that ran at the as_of_date is left
        goes_on |= handed_on | F.coalesce(F.col("_of_survivor") == "stayed", F.lit(False))
    outcome = (
        F.when(F.col("survivor_key").isNotNull() & goes_on, F.lit("merged"))
        .when(F.col("doubt").isNotNull() & _assumed(business), F.lit("unknown"))
        .otherwise(F.col("outcome"))
    )
    joined = base.join(F.broadcast(told), ["customer_key", "as_of_date"], "left")
    return joined.withColumn("outcome", outcome).drop("survivor_key", "doubt", "_of_survivor")


def _without_the_departed(base: "DataFrame", business: Business) -> "DataFrame":
    """Outcomes of customers who are gone by label_available_at, over columns of `departures`.

    Nobody stayed of whom nothing more was seen before the outcome window ended, and by inactivity nobody churned who
    could do nothing any more. If disappearing is churn, it happened on gone_on.
    """
    from pyspark.sql import functions as F

    by_event = business.file.label.policy == "inactivity"
    gone = _assumed(business) & F.col("gone_on").isNotNull() & (F.col("last_seen") < F.col("outcome_end"))
    became = F.lit("disappeared")
    if business.file.people.disappeared == "churn":
        became = (
            F.when(F.col("gone_on") <= F.col("gap_end"), F.lit("ended_in_gap"))
            .when(F.col("gone_on") <= F.col("outcome_end"), F.lit("churned"))
            .otherwise(F.col("outcome") if by_event else became)
        )
    return base.withColumn(
        "ended_on", F.when(gone, F.col("gone_on")).otherwise(F.col("ended_on"))
    ).withColumn("outcome", F.when(gone, became).otherwise(F.col("outcome")))


def _rule(business: Business) -> "dict[str, Column]":
    """The columns that say by which rule a label was given."""
    from pyspark.sql import functions as F

    windows = business.file.windows
    return {
        "policy": F.lit(business.file.label.rule),
        "observation_months": F.lit(windows.observation_months),
        "gap_days": F.lit(windows.gap_days),
        "outcome_days": F.lit(windows.outcome_days),
        "settlement_days": F.lit(windows.settlement_days),
        "disappeared": F.lit(business.file.people.disappeared),
    }


def _with_settled(found: "DataFrame", settled: "DataFrame | None", rule: Iterable[str]) -> "DataFrame":
    """The outcomes, those that were settled before by the same rule as they were, and `corrected`."""
    from pyspark.sql import functions as F

    if settled is None or not set(rule) <= set(settled.columns):
        return found.withColumn("corrected", F.lit(False))
    before = settled.where("outcome <> 'pending'").select(
        "customer_key",
        "as_of_date",
        *rule,
        F.col("outcome").alias("_outcome"),
        F.col("ended_on").alias("_ended_on"),
    )
    kept = F.col("_outcome").isNotNull()
    return (
        found.join(before, ["customer_key", "as_of_date", *rule], "left")
        .withColumn("corrected", kept & (F.col("_outcome") != F.col("outcome")))
        .withColumn("ended_on", F.when(kept, F.col("_ended_on")).otherwise(F.col("ended_on")))
        .withColumn("outcome", F.coalesce("_outcome", "outcome"))
    )


def _with_relatives(asked: "DataFrame", merged: "DataFrame | None") -> "DataFrame":
    """customer_key and as_of_date of customers, and of all who are merged then, or into whom somebody is."""
    if merged is None:
        return asked
    survivors = merged.where("survivor_key IS NOT NULL").selectExpr("survivor_key", "as_of_date")
    return asked.union(merged.select("customer_key", "as_of_date")).union(survivors).distinct()


def churn_labels(
    snapshots: "DataFrame",
    knowledge: "DataFrame",
    business: Business,
    dates: Sequence[Cohort],
    settled: "DataFrame | None",
    entities: "Mapping[str, DataFrame]" = NOBODY_GONE,
    extracts: Extracts = NO_EXTRACTS,
    *,
    few: bool = False,
) -> "DataFrame":
    """One row per snapshot: label (1 churned, 0 stayed, null neither or pending), outcome, and the rule it follows.

    `knowledge` holds the silver versions of the label source, `settled` earlier rows of these cohorts. A label settled
    under the same rule is kept as it is: what the source corrected since is flagged in `corrected`, not applied.
    `entities` and `extracts` as in `population`. `few` says that the snapshots are few of those who were there: then
    only versions of their customers are looked at. The labels are the same.
    """
    from pyspark.sql import functions as F

    frame = cohort_frame(snapshots.sparkSession, dates)
    mature = frame.where("mature")
    by_event = business.file.label.policy == "inactivity"
    merged = merges(entities, business, [(c.as_of_date, c.label_available_at) for c in dates if c.mature])
    asked = snapshots.select("customer_key", "as_of_date") if few else None
    if asked is not None:
        mature = _with_relatives(asked, merged).join(F.broadcast(mature), "as_of_date")
    if by_event:
        found = _event_outcomes(knowledge, business, mature, merged)
    else:
        known = _spells_as_known(knowledge, business, mature, extracts, merged)
        found = _spell_outcomes(known, business)
    default = "churned" if by_event else "ended_before"
    gone = _departed(snapshots.sparkSession, entities, business, dates, extracts, asked)
    rule = _rule(business)
    base = (
        snapshots.select("customer_key", "as_of_date")
        .join(F.broadcast(frame), "as_of_date")
        .join(found, ["customer_key", "as_of_date"], "left")
        .withColumn(
            "outcome",
            F.when(F.col("mature"), F.coalesce("outcome", F.lit(default))).otherwise(F.lit("pending")),
        )
    )
    if merged is not None:
        base = _without_the_merged(base, business, found, merged)
    if gone is not None:
        base = _without_the_departed(base.join(gone, ["customer_key", "as_of_date"], "left"), business)
    base = base.select("customer_key", "as_of_date", "label_available_at", "outcome", "ended_on")
    for name, value in rule.items():
        base = base.withColumn(name, value)
    base = _with_settled(base, settled, rule)
    label = F.when(F.col("outcome") == "churned", 1).when(F.col("outcome") == "stayed", 0)
    return base.select(
        "customer_key",
        "as_of_date",
        label.alias("label"),
        "outcome",
        "ended_on",
        "label_available_at",
        "corrected",
        *rule,
    )
