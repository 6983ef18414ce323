"""The small lake with three scored cohorts, made without Spark."""

from churn_assets_tests.scored_cohorts import business, lakehouse

__all__ = ["business", "lakehouse"]
