"""Tests of churn_assets.bronze."""
