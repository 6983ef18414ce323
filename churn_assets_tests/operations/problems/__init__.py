"""Tests of churn_assets.operations.problems."""
