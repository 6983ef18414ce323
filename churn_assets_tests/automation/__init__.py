"""Tests of churn_assets.automation."""
