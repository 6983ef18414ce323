"""Assigns segment and recommended action by risk tier, value tier and main driver, by the rules of churn.yaml."""

from functools import reduce
from typing import TYPE_CHECKING

from churn_assets.contracts.segments import SegmentRule, Segments, TierBounds, When

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def _fits(when: When) -> "Column":
    from pyspark.sql import functions as F

    wanted = [("risk_tier", when.risk), ("value_tier", when.value), ("driver", when.driver)]
    conditions = [F.col(column).isin(*values) for column, values in wanted if values is not None]
    return reduce(lambda a, b: a & b, conditions, F.lit(True))


def _tier(rank: str, bounds: TierBounds) -> "Column":
    """Returns the tier of a percent rank; ml.metrics.tiers does the same without Spark."""
    from pyspark.sql import functions as F

    *upper, (lowest, _) = bounds
    tiers = [F.when(F.col(rank) >= start, name) for name, start in upper]
    return F.coalesce(*tiers, F.lit(lowest))


def customer_segments(scores: "DataFrame", snapshots: "DataFrame", rules: Segments) -> "DataFrame":
    """Returns one segment per customer and as_of_date, from scores of one version per cohort and the value feature.

    Tiers are shares of the cohort, ranked by raw score and by the value feature (missing ranks lowest).
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    value = snapshots.select("customer_key", "as_of_date", F.col(rules.value.feature).alias("value"))
    of_cohort = Window.partitionBy("as_of_date")
    ranked = (
        scores.join(value, ["customer_key", "as_of_date"])
        .withColumn("_risk", F.percent_rank().over(of_cohort.orderBy("raw", "customer_key")))
        .withColumn(
            "_value", F.percent_rank().over(of_cohort.orderBy(F.asc_nulls_first("value"), "customer_key"))
        )
    )
    tiered = ranked.withColumns(
        {"risk_tier": _tier("_risk", rules.risk.bounds), "value_tier": _tier("_value", rules.value.bounds)}
    )

    def told(rule: SegmentRule) -> "Column":
        return F.struct(F.lit(rule.name).alias("segment"), F.lit(rule.action).alias("action"))

    first, *others = rules.rules
    chosen = reduce(
        lambda chain, r: chain.when(_fits(r.when), told(r)), others, F.when(_fits(first.when), told(first))
    )
    return tiered.withColumn("_rule", chosen).select(
        "customer_key",
        "as_of_date",
        "_rule.segment",
        "_rule.action",
        "risk_tier",
        "value_tier",
        "driver",
        "probability",
        "value",
        "model_version",
    )
