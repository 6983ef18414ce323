"""Tests of churn_assets.contracts."""
