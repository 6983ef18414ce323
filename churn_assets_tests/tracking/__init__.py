"""Tests of churn_assets.tracking."""
