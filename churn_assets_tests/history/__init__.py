"""Tests of churn_assets.history."""
