"""Fixtures of this folder's tests."""

from churn_assets_tests.scored_cohorts import business, lakehouse

__all__ = ["business", "lakehouse"]
