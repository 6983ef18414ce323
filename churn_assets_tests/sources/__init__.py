"""Tests of churn_assets.sources: what the simulator delivers and how it relates to its own truth.

Tests of the tables built from these files belong beside bronze, silver and the later rooms.
"""
