"""Tests of churn_assets.operations.incidents."""
