"""Tests of churn_assets.alerts."""
