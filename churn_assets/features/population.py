"""Who gets a snapshot at an as_of_date, and why others do not."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.eligibility import Eligibility
from churn_assets.features.cells import Term, monthly_cells
from churn_assets.history.knowledge import at_each, states
from churn_assets.history.merges import counted_for_survivors
from churn_assets.history.periods import MONTHS, Periods
from churn_assets.history.presence import NO_EXTRACTS, NOBODY_GONE, Extracts, departures
from churn_assets.history.spells import running_spells

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def _with_exclusion(people: "DataFrame", rule: Eligibility) -> "DataFrame":
    from pyspark.sql import functions as F

    over = ~F.col("running") & ~F.col("unknown") & ~F.col("vanished")
    excluded = (
        F.when(over, F.lit("not_active"))
        .when(F.col("merged"), F.lit("merged"))
        # whoever is gone does not stay unknown for ever
        .when(F.col("gone"), F.lit("disappeared"))
        .when(F.col("unknown") | F.col("merge_in_doubt"), F.lit("unknown"))
        .when(F.col("vanished"), F.lit("disappeared"))
    )
    if rule.exclude_in_notice:
        excluded = excluded.when(F.col("in_notice"), F.lit("in_notice"))
    excluded = excluded.when(F.col("tenure_days") < rule.min_tenure_days, F.lit("short_tenure"))
    return people.withColumn("excluded", excluded)


def population(
    versions: "DataFrame",
    business: Business,
    as_of_indexes: Sequence[int],
    entities: "Mapping[str, DataFrame]" = NOBODY_GONE,
    extracts: Extracts = NO_EXTRACTS,
    merged: "DataFrame | None" = None,
    periods: Periods = MONTHS,
) -> "DataFrame":
    """Every customer known at each as_of date: customer_key, as_of_index, as_of_date, tenure_days, known_index (of the
    newest row that was looked at), `excluded` (null = eligible).

    With a spell label source the spell's own columns are kept too. With an event source everybody with an event that
    meets the label's `where` is active, since churn is then the absence of further ones; or with one in the last
    `active_within_days`.

    `versions` are those of the label source. `entities` holds by name the versions of entities that tell who is gone;
    `extracts` says when such sources delivered. Without both, nobody is gone. `merged` is what `history.merges` tells
    of these months: what merged customers did counts for their survivors, and they themselves are excluded.
    """
    from pyspark.sql import functions as F

    source, rule = business.label_source, business.file.eligibility
    if source.role == "spell":
        people = running_spells(
            versions, business, source, as_of_indexes, extracts, merged, keep=True, periods=periods
        )
    else:
        people = _with_events(versions, business, as_of_indexes, merged, periods)
    told_by = [
        (business.source(n), states(v, business.source(n), as_of_indexes, periods))
        for n, v in entities.items()
    ]
    gone = departures(told_by, extracts, "as_of_date")
    if gone is None:
        people = people.withColumn("gone", F.lit(False))
    else:
        told = gone.select("customer_key", "as_of_date", F.col("gone_on").isNotNull().alias("gone"))
        people = people.join(told, ["customer_key", "as_of_date"], "left").fillna(False, ["gone"])
    return _with_exclusion(_with_merges(people, merged), rule)


def _with_merges(people: "DataFrame", merged: "DataFrame | None") -> "DataFrame":
    """Adds merged and merge_in_doubt."""
    from pyspark.sql import functions as F

    if merged is None:
        return people.withColumns({"merged": F.lit(False), "merge_in_doubt": F.lit(False)})
    told = merged.select(
        "customer_key",
        "as_of_index",
        F.col("survivor_key").isNotNull().alias("merged"),
        F.col("doubt").isNotNull().alias("merge_in_doubt"),
    )
    joined = people.join(F.broadcast(told), ["customer_key", "as_of_index"], "left")
    return joined.fillna(False, ["merged", "merge_in_doubt"])


def _with_events(
    versions: "DataFrame",
    business: Business,
    as_of_indexes: Sequence[int],
    merged: "DataFrame | None",
    periods: Periods,
) -> "DataFrame":
    """Every customer with an event: whether they are active, and since when they are customers."""
    from pyspark.sql import functions as F

    source, rule = business.label_source, business.file.eligibility
    where = business.file.label.where
    first, last = Term("first", where=where), Term("last", where=where)
    cells = monthly_cells(versions, source, [first, last], periods)
    known = counted_for_survivors(at_each(cells, as_of_indexes), merged, keep=True)
    silent_days = F.datediff("as_of_date", "_last")
    running = F.lit(True) if rule.active_within_days is None else silent_days < rule.active_within_days
    return (
        known.groupBy("customer_key", "as_of_index")
        .agg(
            F.min(f"`{first.name}`").alias("_first"),
            F.max(f"`{last.name}`").alias("_last"),
            F.max("known_index").alias("known_index"),
        )
        .where("_first IS NOT NULL")
        .withColumn("as_of_date", periods.end_of(F.col("as_of_index")))
        .withColumn("tenure_days", F.datediff("as_of_date", "_first").cast("double"))
        .withColumn("running", running)
        .withColumn("in_notice", F.lit(False))
        .withColumn("unknown", F.lit(False))
        .withColumn("vanished", F.lit(False))
        .drop("_first", "_last")
    )
