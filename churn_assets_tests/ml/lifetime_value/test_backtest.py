"""A backtest finds predictions that are right, that are off, and that are no better than a constant."""

import numpy as np
import pytest

from churn_assets.ml.lifetime_value.backtest import backtest

pytestmark = pytest.mark.one_python(reason="NumPy and SciPy count")

CUSTOMERS = 4_000


def world(seed: int = 1, spread: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Margin per month, expected months and what is earned, of customers."""
    rng = np.random.default_rng(seed)
    margin, months = rng.lognormal(2.5, 0.4, CUSTOMERS), 6 + 5 * spread * rng.uniform(-1, 1, CUSTOMERS)
    earned = margin * np.clip(months + rng.normal(0, 2, CUSTOMERS), 0, None)
    return margin, months, earned


def test_a_right_prediction_is_better_and_no_tenth_is_off() -> None:
    margin, months, earned = world()
    found = backtest(margin * months, earned, margin)
    assert found.is_better and not found.off
    assert found.error < found.constant_error
    assert [t.customers for t in found.tenths] == [CUSTOMERS // 10] * 10
    assert [t.predicted for t in found.tenths] == sorted(t.predicted for t in found.tenths)


def test_a_prediction_that_is_too_high_is_off_in_every_tenth() -> None:
    margin, months, earned = world()
    assert backtest(1.5 * margin * months, earned, margin).off == list(range(1, 11))


def test_small_differences_are_not_off_however_sure_they_are() -> None:
    margin, months, earned = world()
    found = backtest(1.06 * margin * months, earned, margin)
    assert any(not t.low <= t.predicted <= t.high for t in found.tenths)
    assert not found.off


def test_where_lifetimes_do_not_differ_nothing_is_claimed() -> None:
    """Predicted lifetimes that are noise must not win; at 95 % they may in one world of forty."""
    won = 0
    for seed in range(20):
        margin, months, earned = world(seed, spread=0.0)
        noise = np.random.default_rng(seed + 99).normal(0, 0.3, CUSTOMERS)
        won += backtest(margin * (months + noise), earned, margin).is_better
    assert won <= 1


def test_bad_input_is_refused() -> None:
    ones = np.ones(20)
    with pytest.raises(ValueError, match="9 customers are too few"):
        backtest(*np.ones((3, 9)))
    with pytest.raises(ValueError, match="a value is missing"):
        backtest(ones, np.where(np.arange(20) == 3, np.nan, ones), ones)
    with pytest.raises(ValueError, match="the constant predicts nothing"):
        backtest(ones, ones, np.zeros(20))
