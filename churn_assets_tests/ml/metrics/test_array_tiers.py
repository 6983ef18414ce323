"""Tiers by rank."""

import numpy as np
import pytest

from churn_assets.contracts.segments import RiskTiers, ValueTiers
from churn_assets.ml.metrics.array_tiers import rank_tiers

BOUNDS = RiskTiers(high=0.9, elevated=0.7).bounds


@pytest.mark.parametrize(("customers", "high", "elevated"), [(11, 2, 2), (101, 11, 20), (1, 0, 0)])
def test_a_tier_starts_at_its_percent_rank(customers: int, high: int, elevated: int) -> None:
    values = np.random.default_rng(1).permutation(customers).astype(float)
    found = rank_tiers(values, np.arange(customers), BOUNDS)
    counts = {name: int((found == name).sum()) for name, _ in BOUNDS}
    assert counts == {"high": high, "elevated": elevated, "low": customers - high - elevated}
    if high:
        assert values[found == "high"].min() > values[found == "elevated"].max()


def test_ties_are_broken_by_the_given_order_and_not_by_place() -> None:
    keys = np.array(["b", "a", "d", "c"])
    bounds = ValueTiers(feature="worth", high=0.9, middle=0.5).bounds
    assert rank_tiers(np.zeros(4), keys, bounds).tolist() == ["low", "low", "high", "middle"]
