"""Versions of a key: from delivered rows to knowledge, and back to what was known at a date.

Within an ingest month a row that repeats the version before it is a duplicate, counted in `copies`. Months are kept
apart on purpose: each can then be rebuilt alone and in any order.
"""

from typing import TYPE_CHECKING

from churn_assets.contracts.source import Source

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

BOOKKEEPING = ("known_at", "sequence", "latest_in_month", "copies", "extract_month")


def to_versions(accepted: "DataFrame", source: Source) -> "DataFrame":
    """Accepted conformed rows -> one row per version of a key within its ingest month.

    Adds `sequence` (1, 2, ... within key and month, in the order of extract_date, file, row), `latest_in_month`, and
    `copies`: how many delivered rows the version stands for, itself included.

    Nearly all keys are delivered once a month; only those that may not be are sorted. They are found by a hash, whose
    collisions cost nothing but a needless sort.
    """
    from pyspark.sql import functions as F

    hashed = accepted.withColumn("_hash", F.xxhash64("extract_month", *source.key))
    repeated = F.broadcast(hashed.groupBy("_hash").count().where("count > 1").select("_hash"))
    columns = [*(c.name for c in source.columns), *BOOKKEEPING]
    once = (
        hashed.join(repeated, "_hash", "left_anti")
        .withColumn("sequence", F.lit(1))
        .withColumn("latest_in_month", F.lit(True))
        .withColumn("copies", F.lit(1))
    )
    return once.select(columns).unionByName(
        _in_order(hashed.join(repeated, "_hash", "left_semi"), source).select(columns)
    )


def _in_order(rows: "DataFrame", source: Source) -> "DataFrame":
    """The versions of keys with several rows, by sorting them."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    of_key = Window.partitionBy("extract_month", *source.key)
    by_arrival = of_key.orderBy("extract_date", "source_file", "row_number")
    content = [c.name for c in source.columns if c.name not in source.key]
    numbered = rows.withColumn("_rank", F.row_number().over(by_arrival)).withColumn(
        "_rows", F.count("*").over(of_key)
    )
    new = F.col("_rank") == 1
    if content:
        row = F.struct(*content)
        new = new | ~F.lag(row).over(by_arrival).eqNullSafe(row)
    kept = numbered.withColumn("_new", new).where("_new")
    following = F.lead("_rank").over(by_arrival)
    return (
        kept.withColumn("sequence", F.row_number().over(by_arrival))
        .withColumn("latest_in_month", following.isNull())
        .withColumn("copies", (F.coalesce(following, F.col("_rows") + 1) - F.col("_rank")).cast("int"))
    )


def with_customer_key(versions: "DataFrame", keys: "DataFrame", source: Source) -> "DataFrame":
    """Replaces the natural id by customer_key; `keys` has customer_id and customer_key."""
    from pyspark.sql import functions as F

    named = keys.select(F.col("customer_id").alias(source.customer), "customer_key")
    return versions.join(named, source.customer, "inner").drop(source.customer)


def latest(versions: "DataFrame", source: Source) -> "DataFrame":
    """The newest version of each key: what is known today."""
    return _newest(versions, source, [])


def known_at_each(versions: "DataFrame", source: Source, cohorts: "DataFrame", known_by: str) -> "DataFrame":
    """For each row of `cohorts` (as_of_date and a date column `known_by`), the newest version of each key by then.

    Adds the cohort's columns to the version's. `cohorts` is small and broadcast.
    """
    from pyspark.sql import functions as F

    joined = versions.join(F.broadcast(cohorts), F.col("known_at") <= F.col(known_by))
    return _newest(joined, source, ["as_of_date"])


def _newest(versions: "DataFrame", source: Source, by: list[str]) -> "DataFrame":
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    newest_first = Window.partitionBy(*by, *source.silver_key).orderBy(F.desc("known_at"), F.desc("sequence"))
    return versions.withColumn("_rank", F.row_number().over(newest_first)).where("_rank = 1").drop("_rank")
