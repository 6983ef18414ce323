"""Cuts each cohort by rank with Spark: deciles of the scores, risk tiers and value tiers.

`ml.metrics.array_tiers` cuts arrays by the same bounds.
"""

from typing import TYPE_CHECKING

from churn_assets.contracts.segments import Segments, TierBounds

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def with_decile(scores: "DataFrame") -> "DataFrame":
    """Adds `decile`: 1 is the tenth of the cohort with the highest risk; ties are ordered by customer_key (random)."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    by_risk = Window.partitionBy("as_of_date").orderBy(F.desc("raw"), "customer_key")
    return scores.withColumn("decile", F.ntile(10).over(by_risk))


def with_tiers(scores: "DataFrame", rules: Segments) -> "DataFrame":
    """Adds `risk_tier` by the rank of `raw`, and `value_tier` by the rank of `value`; a missing value ranks lowest.

    Tiers are shares of the cohort.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    of_cohort = Window.partitionBy("as_of_date")
    ranked = scores.withColumn(
        "_risk", F.percent_rank().over(of_cohort.orderBy("raw", "customer_key"))
    ).withColumn(
        "_value", F.percent_rank().over(of_cohort.orderBy(F.asc_nulls_first("value"), "customer_key"))
    )
    return ranked.withColumns(
        {"risk_tier": _tier("_risk", rules.risk.bounds), "value_tier": _tier("_value", rules.value.bounds)}
    ).drop("_risk", "_value")


def _tier(rank: str, bounds: TierBounds) -> "Column":
    """Returns the tier of a percent rank."""
    from pyspark.sql import functions as F

    *upper, (lowest, _) = bounds
    tiers = [F.when(F.col(rank) >= start, name) for name, start in upper]
    return F.coalesce(*tiers, F.lit(lowest))
