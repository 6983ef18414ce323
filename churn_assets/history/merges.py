"""Customers who were merged into others, and whose history counts for whom since when.

An entity says so in the column that `mergedInto` of its contract names. From the day on which that is known, the events
and spells of the merged customer count for the survivor; before it, both are customers of their own. If the survivor is
merged in turn, they count for the last of the chain. A newer row without a survivor ends the merge. A row that names
its own customer says that the customer was not merged.

Some merges lead nowhere: A into B and B into A (`cycle`), into a customer of whom the entity has no row
(`unknown_survivor`), and those whose newest row was refused (`refused`). Nobody inherits then, and what became of the
merged customer is unknown.
"""

from collections.abc import Mapping, Sequence, Set
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.history.knowledge import days_frame
from churn_assets.history.periods import MONTHS, Periods
from churn_assets.silver.customer_keys import MERGED_INTO

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

OWNER = "owner_key"  # the customer that a row was delivered for, whoever it counts for
MERGED, IN_DOUBT = 2, 1  # what a row says of a merge: it was one, or may be one; 0: there is none


class Heir(NamedTuple):
    """Who goes on for a merged customer since when: `survivor`, or None and the `doubt`."""

    survivor: str | None
    doubt: str | None
    known_at: date


def is_merged(source: Source) -> "Column":
    """True where a row of an entity says that the customer was merged into another; never null."""
    from pyspark.sql import functions as F

    if source.merged_into is None:
        return F.lit(False)
    return F.coalesce(F.col(MERGED_INTO) != F.col("customer_key"), F.lit(False))


def merges(
    entities: "Mapping[str, DataFrame]",
    business: Business,
    dates: Sequence[tuple[date, date]],
    periods: Periods = MONTHS,
) -> "DataFrame | None":
    """Who is merged at each as_of_date, by what is known at another date.

    Merges are few. They are collected and followed in Python, since a chain has any length.

    Args:
        entities: versions by the name of their source; only those of `Business.tells_merges` are read.
        business: whose entities.
        dates: pairs of an as_of_date and the day until which rows are known.
        periods: those that end on the as_of_dates.

    Returns:
        customer_key, as_of_date, as_of_index, survivor_key (null in doubt), doubt (null, or why nobody inherits), and
        merge_index (the period in which the merge became known). None where nobody is merged.
    """
    import pyarrow as pa

    telling = [source for source in business.tells_merges if source.name in entities]
    if not telling or not dates:
        return None
    into: dict[date, dict[str, tuple[int, date, str | None]]] = {as_of: {} for as_of, _ in dates}
    listed: dict[date, set[str]] = {as_of: set() for as_of, _ in dates}
    for source in telling:
        told = _said(entities[source.name], source, dates, periods).toArrow()
        for who, day, rank, known_at, to in zip(*(c.to_pylist() for c in told.columns), strict=True):
            listed[day].add(who)
            if rank:
                into[day][who] = max((rank, known_at, to), into[day].get(who, (0, known_at, to)))
    found = [
        (
            who,
            day,
            periods.index(day),
            heir.survivor,
            heir.doubt,
            periods.index(heir.known_at),
        )
        for day, merged in into.items()
        for who, heir in heirs({w: (s, k) for w, (_, k, s) in merged.items()}, listed[day]).items()
    ]
    if not found:
        return None
    schema = pa.schema(
        [
            ("customer_key", pa.string()),
            ("as_of_date", pa.date32()),
            ("as_of_index", pa.int32()),
            ("survivor_key", pa.string()),
            ("doubt", pa.string()),
            ("merge_index", pa.int32()),
        ]
    )
    columns = [pa.array(c, f.type) for c, f in zip(zip(*found, strict=True), schema, strict=True)]
    spark = entities[telling[0].name].sparkSession
    return spark.createDataFrame(pa.Table.from_arrays(columns, schema=schema))


def _said(
    versions: "DataFrame", source: Source, dates: Sequence[tuple[date, date]], periods: Periods
) -> "DataFrame":
    """What the newest row says at each as_of_date of all who are ever named in a merge.

    Columns customer_key, as_of_date, rank, known_at, into. Of several newest rows of a customer one that tells of a
    merge is enough.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    merged = is_merged(source)
    both = F.explode(F.array("customer_key", MERGED_INTO))
    named = versions.where(merged).select(both.alias("customer_key")).distinct()
    few = versions.join(F.broadcast(named), "customer_key", "left_semi")
    if "customer_key" not in source.silver_key:  # an account may be handed over to somebody who is not named
        keys = few.select(*source.silver_key).distinct()
        few = versions.join(F.broadcast(keys), [*source.silver_key], "left_semi")
    in_order = Window.partitionBy(*source.silver_key).orderBy("known_at", "sequence")
    last_of_period = F.col("latest_in_month")
    if not periods.are_months:
        following = F.lead(periods.index_of(F.col("known_at"))).over(in_order)
        last_of_period = F.coalesce(following > periods.index_of(F.col("known_at")), F.lit(True))
    few = few.withColumn("_seen", last_of_period)
    accepted = F.when(F.col("_seen") & ~F.col("refused"), merged)
    was_merged = F.coalesce(F.last(accepted, ignorenulls=True).over(in_order), F.lit(False))
    rank = F.when(merged, MERGED).when(F.col("refused") & was_merged, IN_DOUBT).otherwise(0)
    told = few.select(
        "customer_key",
        F.struct("known_at", rank.alias("rank"), F.when(merged, F.col(MERGED_INTO)).alias("into")).alias(
            "said"
        ),
        F.lead("known_at").over(in_order).alias("_until"),
    )
    days = F.broadcast(days_frame(versions.sparkSession, dates, ("as_of_date", "_known_by")))
    replaced = F.coalesce(F.col("_until") <= F.col("_known_by"), F.lit(False))
    in_force = told.join(days, (F.col("said.known_at") <= F.col("_known_by")) & ~replaced)
    newest = in_force.groupBy("customer_key", "as_of_date").agg(F.max("said").alias("said"))
    return newest.select("customer_key", "as_of_date", "said.rank", "said.known_at", "said.into")


def heirs(into: Mapping[str, tuple[str | None, date]], listed: Set[str]) -> dict[str, Heir]:
    """Who goes on for each merged customer.

    Args:
        into: merged customer -> into whom, None where the row that would tell was refused; and known_at of that row.
        listed: the customers of whom an entity has a row.
    """
    found: dict[str, Heir] = {}
    for who in into:
        path: dict[str, date] = {}  # those between `who` and whoever is known to go on
        at: str | None = who
        while at is not None and at in into and at not in found and at not in path:
            to, path[at] = into[at]
            at = to
        if at in found:
            end = found[at]
        elif at is None:
            end = Heir(None, "refused", date.min)
        elif at in path:
            end = Heir(None, "cycle", date.min)
        elif at not in listed:
            end = Heir(None, "unknown_survivor", date.min)
        else:
            end = Heir(at, None, date.min)
        for passed, known_at in reversed(path.items()):
            end = end._replace(known_at=max(known_at, end.known_at))
            found[passed] = end
    return found


def own_key(source: Source, frame: "DataFrame") -> list[str]:
    """The columns of a frame with the silver key of a source: the owner's, where rows count for others."""
    own = OWNER if OWNER in frame.columns else "customer_key"
    return [own if name == "customer_key" else name for name in source.silver_key]


def counted_for_survivors(
    frame: "DataFrame", merged: "DataFrame | None", by: str | None = "as_of_index", keep: bool = False
) -> "DataFrame":
    """The frame with the rows of merged customers counted for their survivors: customer_key is then the survivor's.

    Adds OWNER, the customer that the row was delivered for. A `known_index` becomes no earlier than the month in which
    the merge was told.

    Args:
        frame: with customer_key, and `by` unless that is None.
        merged: see `merges`; without it the frame is returned as it is.
        by: as_of_index or as_of_date: the merge counts at these. None: `merged` is of one as_of_date.
        keep: the rows also count for the merged customers themselves.
    """
    from pyspark.sql import functions as F

    if merged is None:
        return frame
    on = ["customer_key", *([by] if by else [])]
    found = merged.where("survivor_key IS NOT NULL").select(*on, "survivor_key", "merge_index")
    joined = frame.join(F.broadcast(found), on, "left").withColumn(OWNER, F.col("customer_key"))
    if "known_index" in frame.columns:
        joined = joined.withColumn("known_index", F.greatest("known_index", "merge_index"))
    one = F.coalesce("survivor_key", "customer_key")
    both = F.when(F.col("survivor_key").isNotNull(), F.array("customer_key", "survivor_key"))
    each = F.explode(F.coalesce(both, F.array("customer_key"))) if keep else one
    return joined.withColumn("customer_key", each).drop("survivor_key", "merge_index")
