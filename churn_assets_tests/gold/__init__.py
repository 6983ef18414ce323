"""Tests of churn_assets.gold."""
