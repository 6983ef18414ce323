"""Who is gone from the extracts of a source that lists everything, and whom an entity calls former.

A `full` source delivers every row that it holds. Silver keeps one version per key and month, so presence is told by
month: a key is gone from the day of the first extract of the first month that no longer holds it. Later extracts of
that month do not move this day, so a label that settles in the middle of a month comes out the same when it is computed
again. The version tells until when its last month listed the key (`listed_until`). A source of `changes` says nothing
by its silence.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import reduce
from types import MappingProxyType
from typing import TYPE_CHECKING

from churn_assets.contracts.source import Source
from churn_assets.history.knowledge import last_listed
from churn_assets.history.periods import MONTHS
from churn_assets.months import month_index, month_of

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

Extracts = Mapping[str, Sequence[date]]  # source -> the first extract of each month that has passed silver
NO_EXTRACTS: Extracts = MappingProxyType({})
NOBODY_GONE: "Mapping[str, DataFrame]" = MappingProxyType({})  # no entities that tell


def gone_on(source: Source, extracts: Extracts) -> "Column":
    """The day from which a key is gone, over versions that are the newest of their key; null while it is not.

    Compare it with the day until which something is known: only extracts up to then have been seen.
    """
    from pyspark.sql import functions as F

    days = sorted(extracts.get(source.name, ()))
    never = F.lit(None).cast("date")
    if source.delivery != "full" or not days:
        return never
    months = [month_index(month_of(day)) for day in days]
    # for each month from the one before the first extract: the first extract of a later month
    following = [
        next((day for day, month in zip(days, months, strict=True) if month > index), None)
        for index in range(months[0] - 1, months[-1] + 1)
    ]
    place = F.greatest(MONTHS.index_of(F.col("known_at")), F.lit(months[0] - 1)) - (months[0] - 1)
    return F.get(F.array(*(F.lit(day).cast("date") for day in following)), place)


def is_former(source: Source) -> "Column":
    """True where a row of an entity calls the customer former; false without such a declaration, never null."""
    from pyspark.sql import functions as F

    if source.former is None:
        return F.lit(False)
    return F.coalesce(F.col(source.former.column).isin(*source.former.values), F.lit(False))


def departures(
    known: "Sequence[tuple[Source, DataFrame]]", extracts: Extracts, by: str
) -> "DataFrame | None":
    """What entities say of customers beside their spells: customer_key, as_of_date, gone_on, last_seen.

    gone_on is the day from which no entity that delivers everything lists the customer any more; null while one does,
    and for a customer whom none ever listed. last_seen is the day of the last extract that listed the customer; of a
    source of changes it is the known_at of the newest row.

    Args:
        known: those that `Business.tells_who_is_gone` lists, each with the versions known at each as_of_date (the
            newest of each key, or more), and a date column `by`.
        extracts: see `Extracts`.
        by: the column with the day until which something is known.

    Returns:
        None if no entity can tell.
    """
    from pyspark.sql import functions as F

    parts: list[DataFrame] = []
    for source, versions in known:
        day = gone_on(source, extracts)
        gone = F.coalesce(day <= F.col(by), F.lit(False)) if source.delivery == "full" else F.lit(None)
        # an older version is gone no later than a newer one, so all of them agree with the newest
        part = versions.groupBy("customer_key", "as_of_date").agg(
            F.bool_and(gone.cast("boolean")).alias("gone"),
            F.max(day).alias("gone_on"),
            F.max(last_listed(source, versions)).alias("last_seen"),
        )
        parts.append(part)
    if not parts:
        return None
    told = reduce(lambda a, b: a.unionByName(b), parts).groupBy("customer_key", "as_of_date")
    return told.agg(
        F.when(F.bool_and("gone"), F.max("gone_on")).alias("gone_on"),
        F.max("last_seen").alias("last_seen"),
    )
