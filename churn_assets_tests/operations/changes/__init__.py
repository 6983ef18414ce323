"""Tests of churn_assets.operations.changes."""
