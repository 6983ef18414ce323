"""Lift, capture, calibration error and campaign profit of a cohort."""

import numpy as np
import pytest

from churn_assets.contracts.economics import Economics
from churn_assets.ml.metrics.campaign import calibration_error, quality, reached

ECONOMICS = Economics(lifetime_value=100, offer=10, contact=1, alpha=1, beta=1)


def test_who_is_reached_by_hand() -> None:
    """100 customers, riskiest first; churners at places 1, 2, 4, 11 and 50."""
    labels = np.zeros(100)
    labels[[0, 1, 3, 10, 49]] = 1
    score = np.linspace(1, 0.01, 100)
    found = quality(labels, score, score, [str(i) for i in range(100)], 0.1, ECONOMICS)
    assert [(r.customers, r.churners) for r in found.reached] == [(1, 1), (5, 3), (10, 3), (20, 4)]
    assert [r.lift for r in found.reached] == pytest.approx([20, 12, 6, 4])
    assert [r.capture for r in found.reached] == pytest.approx([0.2, 0.6, 0.6, 0.8])
    assert all(r.precision_low <= r.precision <= r.precision_high for r in found.reached)
    # at the mean acceptance of 1/2: 3 churners earn 0.5 x 90 - 1 each, 7 others cost 11
    assert found.profit.realised == pytest.approx((3 * 44 - 7 * 11) / 100)
    assert found.profit.low < found.profit.realised < found.profit.high
    promised = sum(p * 44 - (1 - p) * 11 for p in score[:10])
    assert found.profit.expected == pytest.approx(promised / 100)
    flat = found.as_dict()
    assert flat["lift_at_5"] == pytest.approx(12) and flat["capture_at_20"] == pytest.approx(0.8)
    assert flat["empc"] == found.maximum_profit.profit


def test_ties_are_broken_by_the_key_and_not_by_the_order_of_rows() -> None:
    rng = np.random.default_rng(0)
    labels, keys = (rng.random(400) < 0.3).astype(float), np.array([f"k{i}" for i in range(400)])
    score = rng.integers(0, 5, 400) / 5
    mixed = rng.permutation(400)
    found = quality(labels, score, score, keys, 0.1, ECONOMICS)
    assert (
        found.reached
        == quality(labels[mixed], score[mixed], score[mixed], keys[mixed], 0.1, ECONOMICS).reached
    )


def test_calibration_error_of_perfect_and_of_wrong_probabilities() -> None:
    rng = np.random.default_rng(1)
    inside = []
    for _ in range(60):
        p = rng.beta(1, 9, 2000)
        labels = (rng.random(2000) < p).astype(float)
        found = calibration_error(labels, p)
        assert found.value > 0
        inside.append(found.value <= found.by_chance)
    assert 50 <= sum(inside) < 60
    wrong = calibration_error(labels, np.minimum(p + 0.1, 1))
    assert wrong.value == pytest.approx(0.1, abs=0.02) and wrong.low > wrong.by_chance
    assert wrong.low < wrong.value < wrong.high
    assert wrong.low < 0.1 < wrong.high


def test_calibration_error_by_hand() -> None:
    """Ten groups of two: predicted .5, observed 1 in five groups and 0 in five."""
    labels = np.repeat([1.0, 0.0], 10)
    assert calibration_error(labels, np.full(20, 0.5)).value == pytest.approx(0.5)


def test_ties_are_not_broken_by_the_order_of_the_rows() -> None:
    """A model that says the same of everybody finds no more churners where the rows have them first."""
    labels = np.repeat([1.0, 0.0], 500)
    found = reached(labels, np.zeros(1000), [f"C{at}" for at in range(1000)], (0.01, 0.2))
    assert [top.customers for top in found] == [10, 200]
    assert 0.4 < found[1].precision < 0.6
