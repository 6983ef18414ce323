"""Assigns segment and recommended action by risk tier, value tier and main driver, by the rules of churn.yaml."""

from functools import reduce
from typing import TYPE_CHECKING

from churn_assets.contracts.segments import SegmentRule, Segments, When
from churn_assets.scores.deciles_and_tiers import with_tiers

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def _fits(when: When) -> "Column":
    from pyspark.sql import functions as F

    wanted = [("risk_tier", when.risk), ("value_tier", when.value), ("driver", when.driver)]
    conditions = [F.col(column).isin(*values) for column, values in wanted if values is not None]
    return reduce(lambda a, b: a & b, conditions, F.lit(True))


def customer_segments(scores: "DataFrame", snapshots: "DataFrame", rules: Segments) -> "DataFrame":
    """Returns one segment per customer and as_of_date, from scores of one version per cohort and the value feature."""
    return with_segments(scores, snapshots, rules).select(
        "customer_key",
        "as_of_date",
        "segment",
        "action",
        "risk_tier",
        "value_tier",
        "driver",
        "probability",
        "value",
        "model_version",
    )


def with_segments(scores: "DataFrame", snapshots: "DataFrame", rules: Segments) -> "DataFrame":
    """Adds value, risk_tier, value_tier, segment and action to the scores; ranks are those of their as_of_date."""
    from pyspark.sql import functions as F

    value = snapshots.select("customer_key", "as_of_date", F.col(rules.value.feature).alias("value"))
    return with_segment_and_action(
        with_tiers(scores.join(value, ["customer_key", "as_of_date"]), rules), rules
    )


def with_segment_and_action(tiered: "DataFrame", rules: Segments) -> "DataFrame":
    """Adds segment and action by risk_tier, value_tier and driver: those of the first rule that fits."""
    from pyspark.sql import functions as F

    def told(rule: SegmentRule) -> "Column":
        return F.struct(F.lit(rule.name).alias("segment"), F.lit(rule.action).alias("action"))

    first, *others = rules.rules
    chosen = reduce(
        lambda chain, r: chain.when(_fits(r.when), told(r)), others, F.when(_fits(first.when), told(first))
    )
    told_by_rule = tiered.withColumn("_rule", chosen)
    return told_by_rule.withColumns({name: F.col(f"_rule.{name}") for name in ("segment", "action")}).drop(
        "_rule"
    )
