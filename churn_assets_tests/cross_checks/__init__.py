"""Tests of churn_assets.cross_checks."""
