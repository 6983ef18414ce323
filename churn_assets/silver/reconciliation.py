"""silver/reconciliation: what became of every delivered row, counted again from the tables as they lie."""

from collections.abc import Sequence
from datetime import date
from functools import reduce
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import between

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SCHEMA = (
    "source string, extract_month string, delivered bigint, accepted bigint, duplicate bigint, quarantined bigint, "
    "extracts bigint, last_extract_date date, balances boolean"
)


class SilverIncomplete(RuntimeError):
    """A month that is needed has not passed silver; the message names sources and months."""


def _tagged(frame: "DataFrame", source: str, kind: str) -> "DataFrame":
    from pyspark.sql import functions as F

    return frame.select(F.lit(source).alias("source"), F.lit(kind).alias("kind"), "extract_month", "rows", "other", "last")


def reconcile(lakehouse: Lakehouse, business: Business, months: Sequence[str]) -> "DataFrame":
    """One row per source and month with extracts; read back from bronze, silver and quarantine."""
    from pyspark.sql import functions as F

    where, nothing = between(months), F.lit(None).cast("date")
    parts = []
    for source in business.sources:
        delivered = lakehouse.read(tables.bronze(source)).where(where).groupBy("extract_month")
        parts.append(
            _tagged(
                delivered.agg(
                    F.count("*").alias("rows"),
                    F.count_distinct("extract_date").alias("other"),
                    F.max("extract_date").alias("last"),
                ),
                source.name,
                "delivered",
            )
        )
        accepted = lakehouse.read(tables.silver(source)).where(where).groupBy("extract_month")
        parts.append(
            _tagged(
                accepted.agg(F.count("*").alias("rows"), F.sum(F.col("copies") - 1).alias("other"), nothing.alias("last")),
                source.name,
                "accepted",
            )
        )
    if lakehouse.exists(tables.QUARANTINE):
        refused = lakehouse.read(tables.QUARANTINE).where(where).groupBy("source", "extract_month")
        counted = refused.agg(F.count("*").alias("rows"), F.lit(0).cast("bigint").alias("other"), nothing.alias("last"))
        parts.append(
            counted.select("source", F.lit("quarantined").alias("kind"), "extract_month", "rows", "other", "last")
        )
    every = reduce(lambda a, b: a.unionByName(b), parts)

    def total(kind: str, column: str) -> "F.Column":
        return F.coalesce(F.sum(F.when(F.col("kind") == kind, F.col(column))), F.lit(0))

    return (
        every.groupBy("source", "extract_month")
        .agg(
            total("delivered", "rows").alias("delivered"),
            total("accepted", "rows").alias("accepted"),
            total("accepted", "other").alias("duplicate"),
            total("quarantined", "rows").alias("quarantined"),
            total("delivered", "other").alias("extracts"),
            F.max("last").alias("last_extract_date"),
        )
        .withColumn("balances", F.expr("delivered = accepted + duplicate + quarantined"))
    )


def require_complete(lakehouse: Lakehouse, business: Business, months: Sequence[str]) -> None:
    """Feed loss is not churn: refuses to go on unless every source passed silver in every one of these months.

    Raises:
        SilverIncomplete: names each source with its missing months and the remedy.
    """
    have = {
        (row["source"], row["extract_month"])
        for row in lakehouse.arrow(tables.RECONCILIATION, ["source", "extract_month", "balances"]).to_pylist()
        if row["balances"]
    }
    missing = {
        source.name: [m for m in months if m >= business.first_month(source) and (source.name, m) not in have]
        for source in business.sources
    }
    broken = {name: gaps for name, gaps in missing.items() if gaps}
    if broken:
        listed = "; ".join(f"{name}: {', '.join(gaps)}" for name, gaps in broken.items())
        raise SilverIncomplete(
            f"Not every source has passed silver ({listed}). An extract that is missing or was refused is not churn: "
            "mend it, materialise bronze and silver of those months, then this."
        )


def known_until(lakehouse: Lakehouse, source: Source) -> date:
    """Newest extract_date of the source that passed silver; the lake knows nothing later about it.

    Raises:
        SilverIncomplete: no extract of the source passed yet.
    """
    rows = lakehouse.arrow(tables.RECONCILIATION, ["source", "last_extract_date"]).to_pylist()
    days = [r["last_extract_date"] for r in rows if r["source"] == source.name and r["last_extract_date"]]
    if not days:
        raise SilverIncomplete(f"No extract of {source.name} has passed silver. Materialise bronze and silver first.")
    return max(days)
