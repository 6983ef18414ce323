"""Versions of a key, made from delivered rows; `history.knowledge` says what was known at a date.

Within an ingest month a row that repeats the version before it is a duplicate, counted in `copies`. Months are kept
apart on purpose: each can then be rebuilt alone and in any order.

A refused row whose key and customer can be read is a version, too: `refused` is true and its values are null. From its
known_at on the state of the key is unknown, until an accepted version arrives; the state before it no longer counts.
"""

from typing import TYPE_CHECKING

from churn_assets.contracts.source import Source
from churn_assets.sources.delivered_text import REPLACED

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

BOOKKEEPING = (
    "known_at",
    "sequence",
    "latest_in_month",
    "copies",
    "refused",
    "refused_rule",
    "remarks",
    "extract_month",
)
LISTED_UNTIL = "listed_until"  # of sources that list everything


def bookkeeping(source: Source) -> tuple[str, ...]:
    """The columns that silver adds to the versions of a source."""
    return (*BOOKKEEPING, LISTED_UNTIL) if source.delivery == "full" else BOOKKEEPING


def with_known_keys(conformed: "DataFrame", source: Source) -> "DataFrame":
    """Conformed rows that speak of a known key: accepted rows, and refused ones whose key and customer are readable.

    Adds `refused`. Values of refused rows are null, but for the key and the customer.
    """
    from pyspark.sql import functions as F

    identifying = {*source.key, source.customer}
    refused = F.col("refused_rule").isNotNull()
    readable = F.lit(True)
    for name in sorted(identifying):
        column = F.col(name)
        readable = readable & column.isNotNull() & ~F.contains(column.cast("string"), F.lit(REPLACED))
    values = (
        F.col(c.name) if c.name in identifying else F.when(~refused, F.col(c.name)).alias(c.name)
        for c in source.columns
    )
    others = (name for name in conformed.columns if name not in {c.name for c in source.columns})
    return conformed.where(~refused | readable).select(*values, *others, refused.alias("refused"))


def to_versions(rows: "DataFrame", source: Source) -> "DataFrame":
    """Rows of `with_known_keys` -> one row per version of a key within its ingest month.

    Adds `sequence` (1, 2, ... within key and month, in the order of extract_date, file, row), `latest_in_month`,
    `copies`: how many delivered rows the version stands for, itself included, and of a source that lists everything
    `listed_until`: the day of the last of them.
    """
    return _in_order(rows, source).select(_columns(source))


def repeated_keys(conformed: "DataFrame", source: Source) -> "DataFrame":
    """Hashes (`_hash`) of keys that are delivered several times in an ingest month; small. Refused rows count too.

    Where rows are many and repeats few, `set_apart` and `to_versions_sparing` give the result of `to_versions` without
    sorting every row. A collision of hashes costs nothing but a needless sort.
    """
    hashes = conformed.select(_hash(source).alias("_hash"))
    return hashes.groupBy("_hash").count().where("count > 1").select("_hash")


def set_apart(conformed: "DataFrame", source: Source, repeated: "DataFrame") -> "DataFrame":
    """The rows that need a second look: refused ones, and those of repeated keys."""
    from pyspark.sql import functions as F

    flags = F.broadcast(repeated.withColumn("_repeated", F.lit(True)))
    flagged = conformed.withColumn("_hash", _hash(source)).join(flags, "_hash", "left").drop("_hash")
    return flagged.where("refused_rule IS NOT NULL OR _repeated")


def to_versions_sparing(
    conformed: "DataFrame", source: Source, repeated: "DataFrame", apart: "DataFrame"
) -> "DataFrame":
    """`to_versions` of `conformed`, sorting only the rows that lie `apart`."""
    from pyspark.sql import functions as F

    # not `with_known_keys`: Sail would test all rules once more for each of its columns
    hashed = conformed.where("refused_rule IS NULL").withColumn("_hash", _hash(source))
    once = (
        hashed.withColumn("refused", F.lit(False))
        .withColumn("refused_rule", F.lit(None).cast("string"))
        .join(F.broadcast(repeated), "_hash", "left_anti")
        .withColumn("sequence", F.lit(1))
        .withColumn("latest_in_month", F.lit(True))
        .withColumn("copies", F.lit(1))
        .withColumn(LISTED_UNTIL, F.col("extract_date"))
    )
    return once.select(_columns(source)).unionByName(to_versions(with_known_keys(apart, source), source))


def _columns(source: Source) -> list[str]:
    return [*(c.name for c in source.columns), *bookkeeping(source)]


def _hash(source: Source) -> "Column":
    from pyspark.sql import functions as F

    return F.xxhash64("extract_month", *source.key)


def _in_order(rows: "DataFrame", source: Source) -> "DataFrame":
    """The versions of keys with several rows, by sorting them."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    of_key = Window.partitionBy("extract_month", *source.key)
    by_arrival = of_key.orderBy("extract_date", "source_file", "row_number")
    content = ["refused_rule", *(c.name for c in source.columns if c.name not in source.key)]
    numbered = rows.withColumn("_rank", F.row_number().over(by_arrival)).withColumn(
        "_rows", F.count("*").over(of_key)
    )
    row = F.struct(*content)
    new = (F.col("_rank") == 1) | ~F.lag(row).over(by_arrival).eqNullSafe(row)
    numbered = numbered.withColumn("_new", new)
    if source.delivery == "full":
        numbered = numbered.withColumn("_before", F.lag("extract_date").over(by_arrival)).withColumn(
            "_last", F.max("extract_date").over(of_key)
        )
    kept = numbered.where("_new")
    if source.delivery == "full":
        kept = kept.withColumn(LISTED_UNTIL, F.coalesce(F.lead("_before").over(by_arrival), "_last"))
    following = F.lead("_rank").over(by_arrival)
    return (
        kept.withColumn("sequence", F.row_number().over(by_arrival))
        .withColumn("latest_in_month", following.isNull())
        .withColumn("copies", (F.coalesce(following, F.col("_rows") + 1) - F.col("_rank")).cast("int"))
    )
