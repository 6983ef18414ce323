"""Tests of churn_assets.operations.service_levels."""
