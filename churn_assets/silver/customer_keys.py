"""Natural id -> random customer_key: the only place that joins the two.

Every id of any source gets a key, so an event may arrive before its customer. A key is random, says nothing about the
person, and is given once: forgetting the row makes the person's history anonymous.
"""

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING

from churn_assets.contracts.source import Source

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

KEY_LENGTH = (
    16  # hexadecimal digits of a random UUID: 60 random bits, 4e-5 odds of one collision in 10 million
)


def delivered_ids(bronze: Sequence[tuple[Source, "DataFrame"]]) -> "DataFrame":
    """Distinct natural ids in these bronze frames, as one column `customer_id`."""
    from pyspark.sql import functions as F

    # few ids stand in many rows: distinct first, trimmed after
    fields = [
        frame.select(F.col(f"`{source.column(source.customer).field}`").alias("id")).distinct()
        for source, frame in bronze
    ]
    for position, (source, _) in enumerate(bronze):
        path = source.column(source.customer).json_path
        if path:
            fields[position] = fields[position].select(F.get_json_object("id", path).alias("id"))
    ids = reduce(lambda a, b: a.unionByName(b), fields)
    return (
        ids.select(F.nullif(F.trim("id"), F.lit("")).alias("customer_id"))
        .where("customer_id IS NOT NULL")
        .distinct()
    )


def new_keys(ids: "DataFrame", known: "DataFrame | None") -> "DataFrame":
    """A random key for each id that has none yet: customer_id, customer_key."""
    from pyspark.sql import functions as F

    unknown = ids if known is None else ids.join(known, "customer_id", "left_anti")
    return unknown.withColumn(
        "customer_key", F.substring(F.replace(F.uuid(), F.lit("-"), F.lit("")), 1, KEY_LENGTH)
    )
