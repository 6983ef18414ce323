"""Tests of churn_assets.silver."""
