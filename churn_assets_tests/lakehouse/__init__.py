"""Tests of churn_assets.lakehouse."""
