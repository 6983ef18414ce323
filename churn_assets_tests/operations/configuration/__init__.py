"""Tests of churn_assets.operations.configuration."""
