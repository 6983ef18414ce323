"""Natural id -> random customer_key; nothing else joins the two.

Every id of any source gets a key, so an event may arrive before its customer. A key is random, reveals nothing about
the person, and is never reassigned: deleting its row makes the person's history anonymous.
"""

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING

from churn_assets.contracts.source import Source
from churn_assets.silver.typed_values import raw_value

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

MERGED_INTO = "merged_into_key"
KEY_LENGTH = (
    16  # hexadecimal digits of a random UUID: 60 random bits, 4e-5 odds of one collision in 10 million
)


def delivered_ids(bronze: Sequence[tuple[Source, "DataFrame"]]) -> "DataFrame":
    """Distinct natural ids in these bronze frames, converted as in silver: source, extract_month, customer_id."""
    from pyspark.sql import functions as F

    def ids(source: Source, frame: "DataFrame", name: str) -> "DataFrame":
        column = source.column(name)
        if not column.transform:
            # few ids in many rows: first distinct, then trim
            frame = frame.select("extract_month", F.col(f"`{column.field}`")).distinct()
        return frame.select(
            F.lit(source.name).alias("source"),
            "extract_month",
            raw_value(column, source).alias("customer_id"),
        )

    found = [
        ids(source, frame, name)
        for source, frame in bronze
        for name in (source.customer, source.merged_into)
        if name is not None
    ]
    everyone = reduce(lambda a, b: a.unionByName(b), found)
    return everyone.where("customer_id IS NOT NULL").distinct()


def new_keys(ids: "DataFrame", known: "DataFrame | None", withheld: "DataFrame | None" = None) -> "DataFrame":
    """A random key for each id that has none yet and is not withheld: customer_id, customer_key."""
    from pyspark.sql import functions as F

    unknown = ids.select("customer_id").distinct()
    for others in (known, withheld):
        if others is not None:
            unknown = unknown.join(others, "customer_id", "left_anti")
    return unknown.withColumn(
        "customer_key", F.substring(F.replace(F.expr("uuid()"), F.lit("-"), F.lit("")), 1, KEY_LENGTH)
    )


def with_customer_key(versions: "DataFrame", keys: "DataFrame", source: Source) -> "DataFrame":
    """Replaces the natural id by customer_key; `keys` has customer_id and customer_key.

    A source that tells of merged customers also gets merged_into_key, null for a customer who was not merged.
    """
    from pyspark.sql import functions as F

    if source.merged_into is not None:
        survivors = keys.select(
            F.col("customer_id").alias(source.merged_into), F.col("customer_key").alias(MERGED_INTO)
        )
        versions = versions.join(survivors, source.merged_into, "left")
    named = keys.select(F.col("customer_id").alias(source.customer), "customer_key")
    return versions.join(named, source.customer, "inner").drop(source.customer)
