"""Tests of churn_assets.api."""
