"""What each customer is at the end of each month, by what is known today: there, or not known."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.history.knowledge import at_each, from_to, index_of, spell_of, with_validity
from churn_assets.history.merges import counted_for_survivors, own_key

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

# Revenue is counted in whole ten-thousandths, so that sums are exact and equations hold to the last digit.
UNITS = 10_000
_KEPT = ("customer_key", "as_of_index", "joined_index")


def month_states(
    told: "DataFrame",
    silver: Mapping[str, "DataFrame"],
    business: Business,
    indexes: Sequence[int],
    sums: "DataFrame | None",
) -> "DataFrame":
    """customer_key, as_of_index, known, joined_index, revenue (in UNITS), and the columns of `groups_of`.

    One row per customer and month at whose end the customer is there (`known`) or may be there. `told`: see
    `stays.stays`. `sums`: see `revenue_of_months`; None if the revenue is a column of the spells, or none.

    A group is told by what was known at the end of the month; where nothing was known then, by what was known first
    after it.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    source = business.label_source
    own = own_key(source, told) if source.spell else []
    order = list(dict.fromkeys(["started", *own]))
    of_spell = [group.column for group in business.file.churn_rates.by if group.source == source.name]
    joined = F.min("started").over(Window.partitionBy("customer_key"))
    named = told.withColumn("joined_index", index_of(joined))
    there = _there(named, silver[source.name], business, indexes, of_spell, priced=sums is None)
    since, until = index_of(F.col("unknown_from")), index_of(F.col("unknown_until")) - 1
    doubted = from_to(named.where("unknown_from IS NOT NULL"), since, until, indexes).select(
        *_KEPT,
        *(name for name in order if name not in _KEPT),
        F.lit(False).alias("known"),
        F.lit(0).cast("long").alias("revenue"),
        *(F.lit(None).cast(source.column(name).spark_type).alias(group_column(name)) for name in of_spell),
    )
    # of several stays the one that began last speaks for the customer
    of_customer = Window.partitionBy("customer_key", "as_of_index")
    newest_first = of_customer.orderBy(*(F.desc(name) for name in ("known", *order)))
    found = (
        there.unionByName(doubted)
        .withColumn("revenue", F.sum("revenue").over(of_customer))
        .withColumn("_rank", F.row_number().over(newest_first))
        .where("_rank = 1")
        .select(*_KEPT, "known", "revenue", *(group_column(name) for name in of_spell))
    )
    for entity in business.of_role("entity"):
        names = [group.column for group in business.file.churn_rates.by if group.source == entity.name]
        if names:
            attributes = _attributes(silver[entity.name], entity, names, indexes)
            found = found.join(attributes, ["customer_key", "as_of_index"], "left")
    if sums is None:
        return found
    paid = found.drop("revenue").join(sums, ["customer_key", "as_of_index"], "left")
    return paid.fillna(0, ["revenue"])


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
    over = F.least(index_of(F.col("until")), index_of(F.col("unknown_from"))) - 1
    there = from_to(named.where("started IS NOT NULL"), index_of(F.col("started")), over, indexes)
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
        begin = index_of(F.to_date(spell_of(source).started_on))
    before = F.lag("superseded_index").over(Window.partitionBy(*key).orderBy("known_index"))
    accepted = with_validity(versions, source).where("NOT refused")
    since = F.coalesce(before, F.least(F.col("known_index"), begin))
    valid = accepted.withColumn("known_index", since)
    return at_each(valid, indexes).select(*key, "as_of_index", *columns)


def _attributes(
    versions: "DataFrame", source: Source, names: Sequence[str], indexes: Sequence[int]
) -> "DataFrame":
    """customer_key, as_of_index and the group columns of an entity source."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    # of several accounts of a customer the newest speaks, as in gold/customer_months
    order = [] if source.silver_key == ("customer_key",) else ["known_at", "sequence"]
    values = _values(versions, source, [*order, *names], indexes)
    if order:
        of_customer = Window.partitionBy("customer_key", "as_of_index")
        newest_first = of_customer.orderBy(*(F.desc(name) for name in (*order, *source.silver_key)))
        values = values.withColumn("_rank", F.row_number().over(newest_first)).where("_rank = 1")
    return values.select("customer_key", "as_of_index", *(F.col(n).alias(group_column(n)) for n in names))


def revenue_of_months(months: "DataFrame", column: str, merged: "DataFrame | None") -> "DataFrame":
    """customer_key, as_of_index and revenue in UNITS, from gold/customer_months.

    What merged customers paid counts for their survivors.
    """
    from pyspark.sql import functions as F

    rows = counted_for_survivors(months, merged, by=None)
    index = index_of(F.to_date(F.concat("month", F.lit("-01"))))
    return rows.groupBy("customer_key", index.alias("as_of_index")).agg(
        F.sum(in_units(F.col(column))).alias("revenue")
    )
