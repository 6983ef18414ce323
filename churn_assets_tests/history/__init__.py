"""Tests of churn_assets.history: who is present, former, merged or gone at a date."""
