"""Knowledge time in months: from which month end a version holds, and until which it is replaced.

as_of dates are month ends, so two numbers say all: the version counts at every as_of month `a` with
`known_index <= a < superseded_index`. Where they are another day of each month, the months are `Periods` that end on
that day.
"""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from churn_assets.contracts.source import Source, SpellColumns
from churn_assets.history.periods import MONTHS, Periods
from churn_assets.lakehouse.engine.frames import windows_are_dear
from churn_assets.silver.versions import LISTED_UNTIL

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession


EPOCH = date(1970, 1, 1)
A_DAY = 2**32  # more than a key has versions in one extract: day * A_DAY + sequence is the place of a version
LAST_OF_PERIOD = "superseded_index IS NULL OR superseded_index > known_index"
FEW = 1_000_000  # late versions: what every executor may hold in memory, some hundred bytes each


def spell_of(source: Source) -> SpellColumns:
    """The spell columns of a source.

    Raises:
        ValueError: the source is not a spell.
    """
    if source.spell is None:
        raise ValueError(f"{source.name} has the role {source.role}; only a spell has a start and an end.")
    return source.spell


def days_frame(spark: "SparkSession", rows: Sequence[tuple[date, ...]], names: Sequence[str]) -> "DataFrame":
    """Rows of days as a small Spark frame."""
    import pyarrow as pa

    columns = [pa.array(column, pa.date32()) for column in zip(*rows, strict=True)]
    return spark.createDataFrame(pa.Table.from_arrays(columns, list(names)))


def newest(value: "Column", source: Source, *before: str) -> "Column":
    """Aggregate over versions of several keys: the value of the newest, told by columns that count `before` that.

    Of several that came in one extract (accounts of a customer) the last by key, so that each run says the same.
    """
    from pyspark.sql import functions as F

    # a greatest struct instead of max_by: Sail counts a whole batch for each group of max_by, and runs out of memory
    order = (*before, "known_at", "sequence", *source.silver_key)
    numbered = (F.col(name).alias(f"by_{number}") for number, name in enumerate(order))
    return F.max(F.struct(*numbered, value.alias("value")))["value"]


def newest_rows(
    rows: "DataFrame", by: Sequence[str], source: Source, values: "Sequence[Column]"
) -> "DataFrame":
    """One row for each value of `by`, with these values of the row that `newest` chooses."""
    from pyspark.sql import functions as F

    def chosen(frame: "DataFrame") -> "DataFrame":
        return frame.groupBy(*by).agg(newest(F.struct(*values), source).alias("_row")).select(*by, "_row.*")

    if not windows_are_dear(rows):
        return chosen(rows)
    # Few have several rows, and for the others a greatest struct would cost far more than the rows.
    several = rows.groupBy(*by).count().where("count > 1").select(*by).localCheckpoint()
    alone = rows.join(F.broadcast(several), [*by], "left_anti").select(*by, *values)
    return alone.unionByName(chosen(rows.join(F.broadcast(several), [*by], "left_semi")))


def with_validity(versions: "DataFrame", source: Source, periods: Periods = MONTHS) -> "DataFrame":
    """Adds known_index and superseded_index (null while newest); one row per key and period remains.

    Only the last version of a period can be seen from its end, so the others are dropped.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    known = versions.withColumn("known_index", periods.index_of(F.col("known_at")))
    of_key = Window.partitionBy(*source.silver_key)
    if periods.are_months:
        seen = known.where("latest_in_month")
        return seen.withColumn("superseded_index", F.lead("known_index").over(of_key.orderBy("known_index")))
    following = F.lead("known_index").over(of_key.orderBy("known_at", "sequence"))
    return known.withColumn("superseded_index", following).where(LAST_OF_PERIOD)


def with_validity_by_exception(events: "DataFrame", source: Source, periods: Periods = MONTHS) -> "DataFrame":
    """`with_validity` for event sources whose key contains the event day, without sorting every row.

    No version of such a key is known before the month of its day (silver refuses what lies after its extract), and at
    most one in that month; any other came later. So only a key that has a late version can have two, and where those
    are few, each row looks up the versions that came after it. Other days than
    month ends also see the versions within the month of the day; there those after the first count as late, too.
    """
    from pyspark.sql import functions as F

    key = list(source.silver_key)
    # known in a later month than its day: one look at the calendar instead of four
    is_late = F.datediff("known_at", str(source.event_time)) >= F.dayofmonth("known_at")
    if periods.are_months:
        seen, place = events.where("latest_in_month"), periods.index_of(F.col("known_at"))
    else:
        seen, place = events, F.datediff("known_at", F.lit(EPOCH)) * F.lit(A_DAY) + F.col("sequence")
        is_late = is_late | (F.col("sequence") > 1)
    late = seen.where(is_late).select(*key, place.alias("_place")).localCheckpoint()
    if (found := late.count()) > FEW:  # such as a source that delivers each month in the next one
        return with_validity(events, source, periods)
    seen = seen.withColumn("known_index", periods.index_of(F.col("known_at")))
    if not found:
        return seen.withColumn("superseded_index", F.lit(None).cast("int"))
    later = late.groupBy(*key).agg(F.sort_array(F.collect_list("_place")).alias("_later"))
    # the one behind its own; the first, if it is none of them
    following = F.get("_later", F.array_position("_later", place).cast("int"))
    looked_up = seen.join(F.broadcast(later), key, "left").withColumn("superseded_index", following)
    if periods.are_months:
        return looked_up.drop("_later")
    day = F.date_add(F.lit(EPOCH), F.floor(F.col("superseded_index") / A_DAY).cast("int"))
    return (
        looked_up.withColumn("superseded_index", periods.index_of(day)).where(LAST_OF_PERIOD).drop("_later")
    )


def events_with_validity(events: "DataFrame", source: Source, periods: Periods = MONTHS) -> "DataFrame":
    """`with_validity` of an event source, by the cheaper way where its key allows."""
    way = with_validity_by_exception if source.events_stay else with_validity
    return way(events, source, periods)


def at_each(valid: "DataFrame", as_of_indexes: Sequence[int]) -> "DataFrame":
    """One row per version and as_of month at which it counts; adds as_of_index. `valid` comes from `with_validity`."""
    from pyspark.sql import functions as F

    return from_to(valid, F.col("known_index"), F.col("superseded_index") - 1, as_of_indexes)


def states(
    versions: "DataFrame", source: Source, as_of_indexes: Sequence[int], periods: Periods = MONTHS
) -> "DataFrame":
    """The version of each key known at each as_of date; adds as_of_index and as_of_date.

    A version that is `refused` has null values: the state of the key is unknown then.
    """
    from pyspark.sql import functions as F

    return at_each(with_validity(versions, source, periods), as_of_indexes).withColumn(
        "as_of_date", periods.end_of(F.col("as_of_index"))
    )


def from_to(frame: "DataFrame", first: "Column", last: "Column", as_of_indexes: Sequence[int]) -> "DataFrame":
    """One row per row and as_of month from `first` to `last` (null: without end); adds as_of_index."""
    from pyspark.sql import functions as F

    wanted = sorted(as_of_indexes)
    low, high = F.greatest(first, F.lit(wanted[0])), F.least(last, F.lit(wanted[-1]))
    # a sequence is compiled, a filter over an array is not
    found = frame.where(low <= high).withColumn("as_of_index", F.explode(F.sequence(low, high)))
    every = wanted == list(range(wanted[0], wanted[-1] + 1))
    return found if every else found.where(F.col("as_of_index").isin(wanted))


def current(versions: "DataFrame", source: Source) -> "DataFrame":
    """The newest version of each key of an event source: what is known today, with columns of `with_validity`.

    Keys whose newest version was refused are left out: nothing is known of them.
    """
    return events_with_validity(versions, source).where("superseded_index IS NULL AND NOT refused")


def latest(versions: "DataFrame", source: Source) -> "DataFrame":
    """The newest version of each key: what is known today, `refused` where that is nothing."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    newest_first = Window.partitionBy(*source.silver_key).orderBy(F.desc("known_at"), F.desc("sequence"))
    return versions.withColumn("_rank", F.row_number().over(newest_first)).where("_rank = 1").drop("_rank")


def known_at_each(versions: "DataFrame", source: Source, cohorts: "DataFrame", known_by: str) -> "DataFrame":
    """For each row of `cohorts` (see `at_days`; with a date column `known_by`), the newest version of each key by then.

    Adds the cohort's columns to the version's, and superseded_at, when the next version became known. A version that is
    `refused` says that the state of the key is unknown.
    """
    from pyspark.sql import functions as F

    newest = F.coalesce(F.col("superseded_at") > F.col(known_by), F.lit(True))
    return at_days(
        with_superseded_at(versions, source), cohorts, (F.col("known_at") <= F.col(known_by)) & newest
    )


def with_superseded_at(versions: "DataFrame", source: Source) -> "DataFrame":
    """Adds superseded_at: known_at of the next version of the key, whoever its customer is; null while newest."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    in_order = Window.partitionBy(*source.silver_key).orderBy("known_at", "sequence")
    return versions.withColumn("superseded_at", F.lead("known_at").over(in_order))


def at_days(versions: "DataFrame", days: "DataFrame", counts: "Column") -> "DataFrame":
    """Each version beside each row of `days` at which it counts; of the same customer, where `days` names customers.

    Without customers `days` is small and broadcast.
    """
    from pyspark.sql import functions as F

    if "customer_key" in days.columns:
        return versions.join(days, "customer_key").where(counts)
    return versions.join(F.broadcast(days), counts)


def last_listed(source: Source, versions: "DataFrame") -> "Column":
    """The day of the last extract of its month that held a version; of a source of changes its known_at.

    Earlier releases did not keep that day.
    """
    from pyspark.sql import functions as F

    if source.delivery != "full" or LISTED_UNTIL not in versions.columns:
        return F.col("known_at")
    return F.coalesce(LISTED_UNTIL, "known_at")
