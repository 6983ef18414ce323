"""Tests of churn_assets.models."""
