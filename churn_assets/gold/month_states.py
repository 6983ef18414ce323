"""What each customer is at the end of each month, by what is known today: there, or not known."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.churn_rates import RateGroup
from churn_assets.contracts.customer_months import MonthColumn
from churn_assets.contracts.source import Source
from churn_assets.history.knowledge import at_each, from_to, newest_rows, spell_of, with_validity
from churn_assets.history.merges import counted_for_survivors, own_key
from churn_assets.history.periods import MONTHS

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

# Revenue is counted in whole ten-thousandths, so that sums are exact and equations hold to the last digit.
UNITS = 10_000
REVENUE = ("revenue", "whole", "fades", "reappears")
_KEPT = ("customer_key", "as_of_index", "joined_index", "stays")


def month_states(
    told: "DataFrame",
    silver: Mapping[str, "DataFrame"],
    business: Business,
    indexes: Sequence[int],
    sums: "DataFrame | None",
    by: Sequence[RateGroup] = (),
    *,
    moves: bool = True,
) -> "DataFrame":
    """customer_key, as_of_index, known, joined_index, the columns of REVENUE in UNITS, and one for each group in `by`.

    One row per customer and month at whose end the customer is there (`known`) or may be there. `told`: see
    `stays.stays`. `sums`: see `revenue_of_months`; None if the revenue is a column of the spells, or none.

    `revenue` is what is known of it, null where nothing is; `whole` says whether all of it is known. Of customers with
    several stays, `fades` is the part of it that is unknown at the end of the next month, and `reappears` the part that
    was unknown at the end of the month before; null of others, whose revenue is known or unknown as a whole.
    Without `moves` there are no groups of spells, and both are null of everybody.

    A group is told by what was known at the end of the month; where nothing was known then, by what was known first
    after it.
    """
    from pyspark.sql import functions as F

    source = business.label_source
    own = own_key(source, told) if source.spell else []
    order = list(dict.fromkeys(["started", *own]))
    of_spell = [group.column for group in by if group.source == source.name]
    of_customer = told.groupBy("customer_key").agg(
        MONTHS.index_of(F.min("started")).alias("joined_index"), F.count(F.lit(1)).alias("stays")
    )
    named = told.join(of_customer, "customer_key")
    there = _there(named, silver[source.name], business, indexes, of_spell, priced=sums is None)
    since, until = MONTHS.index_of(F.col("unknown_from")), MONTHS.index_of(F.col("unknown_until")) - 1
    doubted = from_to(named.where("unknown_from IS NOT NULL"), since, until, indexes).select(
        *_KEPT,
        *(name for name in order if name not in _KEPT),
        F.lit(False).alias("known"),
        F.lit(None).cast("long").alias("revenue"),
        *(F.lit(None).cast(source.column(name).spark_type).alias(group_column(name)) for name in of_spell),
    )
    groups, rows = [group_column(name) for name in of_spell], there.unionByName(doubted)
    found = _one_row(rows, order, groups, priced=sums is None) if moves else _sums_alone(rows)
    for entity in business.of_role("entity"):
        names = [group.column for group in by if group.source == entity.name]
        if names:
            attributes = _attributes(silver[entity.name], entity, names, indexes)
            found = found.join(attributes, ["customer_key", "as_of_index"], "left")
    if sums is None:
        return found
    paid = found.drop(*REVENUE).join(
        sums.withColumn("_told", F.lit(True)), ["customer_key", "as_of_index"], "left"
    )
    none = F.lit(None).cast("long")
    revenue = F.when(F.col("_told"), F.col("revenue")).otherwise(F.lit(0).cast("long"))
    told_of = {"revenue": revenue, "whole": revenue.isNotNull(), "fades": none, "reappears": none}
    return paid.withColumns(told_of).drop("_told")


def _sums_alone(rows: "DataFrame") -> "DataFrame":
    """One row per customer and month with all revenue, without groups, and without what fades and reappears."""
    from pyspark.sql import functions as F

    none = F.lit(None).cast("long")
    return rows.groupBy("customer_key", "as_of_index").agg(
        F.max("known").alias("known"),
        F.max("joined_index").alias("joined_index"),
        F.sum("revenue").alias("revenue"),
        F.min(F.col("revenue").isNotNull()).alias("whole"),
        F.max(none).alias("fades"),
        F.max(none).alias("reappears"),
    )


def _one_row(rows: "DataFrame", order: Sequence[str], groups: Sequence[str], *, priced: bool) -> "DataFrame":
    """One row per customer and month: all revenue, and the groups of the stay that began last."""
    from pyspark.sql import functions as F

    of_month, rest = ["customer_key", "as_of_index"], ["known", "joined_index"]
    # most customers have one stay, and a greatest struct costs far more than the rows
    several, alone = rows.where("stays > 1"), rows.where("stays = 1")
    if priced:
        several = several.localCheckpoint()  # few rows that are read twice, and dear to work out
    found = several.groupBy(*of_month).agg(
        F.max(F.struct("known", *order, *groups)).alias("_row"),
        F.max("known").alias("known"),
        F.max("joined_index").alias("joined_index"),
        F.sum("revenue").alias("revenue"),
        F.min(F.col("revenue").isNotNull()).alias("whole"),
    )
    one = found.select(*of_month, *rest, "revenue", "whole", *(F.col("_row")[g].alias(g) for g in groups))
    if priced:
        one = one.join(_unknown_parts(several, order), of_month, "left").fillna(0, ["fades", "reappears"])
    else:
        one = one.withColumns(dict.fromkeys(("fades", "reappears"), F.lit(0).cast("long")))
    none = F.lit(None).cast("long")
    of_one = alone.withColumns({"whole": F.col("revenue").isNotNull(), "fades": none, "reappears": none})
    kept = [*of_month, *rest, *REVENUE, *groups]
    return of_one.select(*kept).unionByName(one.select(*kept))


def _unknown_parts(rows: "DataFrame", order: Sequence[str]) -> "DataFrame":
    """customer_key, as_of_index, `fades` and `reappears`: see `month_states`."""
    from pyspark.sql import functions as F

    index, side = F.col("as_of_index"), F.col("_side")
    stay = dict.fromkeys(["customer_key", *order])
    # each row of a stay is the end of one month and the start of the next
    pairs = (
        rows.withColumn("_side", F.explode(F.array(F.lit(0), F.lit(1))))
        .withColumn("_month", index + side)
        .groupBy(*stay, "_month")
        .agg(
            F.count_if(side == 1).alias("before"),
            F.count_if(side == 0).alias("after"),
            F.max(F.when(side == 1, F.col("revenue"))).alias("was"),
            F.max(F.when(side == 0, F.col("revenue"))).alias("now"),
        )
        .where((F.col("before") > 0) & (F.col("after") > 0))
    )
    fades, reappears = (
        F.col(known).isNotNull() & F.col(lost).isNull() for known, lost in (("was", "now"), ("now", "was"))
    )
    # what fades belongs to the month end before, what reappears to the one at which it is back
    at = F.when(fades, F.col("_month") - 1).otherwise(F.col("_month"))
    return (
        pairs.where(fades | reappears)
        .groupBy("customer_key", at.alias("as_of_index"))
        .agg(F.sum("was").alias("fades"), F.sum("now").alias("reappears"))
    )


def _there(
    named: "DataFrame",
    versions: "DataFrame",
    business: Business,
    indexes: Sequence[int],
    groups: Sequence[str],
    *,
    priced: bool,
) -> "DataFrame":
    """The stays at the end of each month, with the groups of the spell and its revenue if it is `priced`."""
    from pyspark.sql import functions as F

    source = business.label_source
    over = F.least(MONTHS.index_of(F.col("until")), MONTHS.index_of(F.col("unknown_from"))) - 1
    there = from_to(named.where("started IS NOT NULL"), MONTHS.index_of(F.col("started")), over, indexes)
    own = own_key(source, named) if source.spell else []
    price = business.file.churn_rates.revenue if priced and source.spell else None
    columns = list(dict.fromkeys([*groups, *([price] if price else [])]))
    if columns:
        values = _values(versions, source, columns, indexes)
        renamed = values.withColumnsRenamed(dict(zip(source.silver_key, own, strict=True)))
        there = there.join(renamed, [*own, "as_of_index"], "left")
    return there.select(
        *_KEPT,
        *(name for name in dict.fromkeys(["started", *own]) if name not in _KEPT),
        F.lit(True).alias("known"),
        (in_units(F.col(price)) if price else F.lit(0).cast("long")).alias("revenue"),
        *(F.col(name).alias(group_column(name)) for name in groups),
    )


def group_column(name: str) -> str:
    """The column of a group among those of the states."""
    return f"by_{name}"


def groups_of(business: Business) -> list[str]:
    """The declared groups, in order."""
    return [group.column for group in business.file.churn_rates.by]


def in_units(amount: "Column") -> "Column":
    """An amount in whole UNITS."""
    from pyspark.sql import functions as F

    return F.round(amount * UNITS).cast("long")


def _values(
    versions: "DataFrame", source: Source, columns: Sequence[str], indexes: Sequence[int]
) -> "DataFrame":
    """The silver key, as_of_index and columns of each key at the end of each month.

    A month of which nothing was known at its end, before the first version or while the newest was refused, has the
    values of the first accepted one after it.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    key = list(source.silver_key)
    begin: Column = F.lit(min(indexes))
    if source.spell:
        begin = MONTHS.index_of(F.to_date(spell_of(source).started_on))
    before = F.lag("superseded_index").over(Window.partitionBy(*key).orderBy("known_index"))
    accepted = with_validity(versions, source).where("NOT refused")
    since = F.coalesce(before, F.least(F.col("known_index"), begin))
    valid = accepted.withColumn("known_index", since)
    kept = dict.fromkeys([*key, "as_of_index", *columns])
    return at_each(valid, indexes).select(*kept)


def _attributes(
    versions: "DataFrame", source: Source, names: Sequence[str], indexes: Sequence[int]
) -> "DataFrame":
    """customer_key, as_of_index and the group columns of an entity source; of several accounts the newest speaks."""
    from pyspark.sql import functions as F

    columns = [F.col(name).alias(group_column(name)) for name in names]
    if source.silver_key == ("customer_key",):
        return _values(versions, source, names, indexes).select("customer_key", "as_of_index", *columns)
    values = _values(versions, source, ["customer_key", "known_at", "sequence", *names], indexes)
    return newest_rows(values, ["customer_key", "as_of_index"], source, columns)


def revenue_of_months(
    months: "DataFrame", column: str, merged: "DataFrame | None", unknown: "DataFrame | None" = None
) -> "DataFrame":
    """customer_key, as_of_index and revenue in UNITS, from gold/customer_months; null in the `unknown` months.

    What merged customers paid counts for their survivors. `unknown`: see `unknown_revenue`.
    """
    from pyspark.sql import functions as F

    rows = counted_for_survivors(months, merged, by=None)
    index = MONTHS.index_of(F.to_date(F.concat("month", F.lit("-01"))))
    sums = rows.groupBy("customer_key", index.alias("as_of_index")).agg(
        F.sum(in_units(F.col(column))).alias("revenue")
    )
    if unknown is None:
        return sums
    found = sums.join(unknown.withColumn("_unknown", F.lit(True)), ["customer_key", "as_of_index"], "full")
    return found.select(
        "customer_key", "as_of_index", F.when(F.col("_unknown").isNull(), F.col("revenue")).alias("revenue")
    )


def unknown_revenue(
    versions: "DataFrame", source: Source, line: MonthColumn, merged: "DataFrame | None"
) -> "DataFrame":
    """customer_key and as_of_index of the months of which nobody knows the revenue, which `line` declares.

    The newest row of an event was refused, or it may count and has no amount. It belongs to the month of the event, by
    the last accepted row; without one by its key, else to the month in which it came.
    """
    from pyspark.sql import functions as F

    key, day = list(source.silver_key), F.to_date(str(source.event_time))
    lacks = F.col("refused")
    if line.measure is not None:
        counts = F.expr(line.where) if line.where else F.lit(True)
        lacks = lacks | (F.col(line.measure).isNull() & F.coalesce(counts, F.lit(True)))
    doubtful = versions.where(lacks).select(*key).distinct()
    newest = F.max(F.struct("known_at", "sequence", lacks.alias("lacks")))["lacks"]
    events = (
        versions.join(doubtful, key, "left_semi")
        .groupBy(*dict.fromkeys(["customer_key", *key]))
        .agg(
            newest.alias("lacks"),
            F.coalesce(F.max(F.when(~F.col("refused"), day)), F.max(F.coalesce(day, "known_at"))).alias(
                "day"
            ),
        )
        .where("lacks")
    )
    rows = counted_for_survivors(events, merged, by=None)
    return rows.select("customer_key", MONTHS.index_of(F.col("day")).alias("as_of_index")).distinct()
