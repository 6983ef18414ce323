"""Intervals: rows that belong together are no evidence of their own."""

import numpy as np
import pytest

from churn_assets.ml.metrics.classification import auc_interval
from churn_assets.study.intervals import fold_mean

pytestmark = pytest.mark.one_python(reason="NumPy and SciPy count")


def scores(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.normal(size=n)
    labels = (random.random(n) < 1 / (1 + np.exp(-1.5 * truth))).astype(float)
    return labels, truth + random.normal(size=n)


def test_copies_of_a_customer_make_nothing_surer() -> None:
    labels, score = scores(600)
    fold, customer = np.arange(600) % 5, np.arange(600)
    once = fold_mean(labels, score, fold)
    often = [np.repeat(values, 4) for values in (labels, score, fold, customer)]
    by_row, by_customer = fold_mean(*often[:3]), fold_mean(*often)
    assert by_customer.auc == by_row.auc == pytest.approx(once.auc)
    assert by_row.high - by_row.low == pytest.approx((once.high - once.low) / 2, rel=0.02)
    assert by_customer.high - by_customer.low == pytest.approx(once.high - once.low, rel=0.02)


def test_customers_in_several_folds_are_taken_together() -> None:
    """In time a customer is judged in several folds: the same in each, it says no more than once."""
    labels, score = scores(300)
    four = [np.tile(values, 4) for values in (labels, score)]
    fold, customer = np.repeat(np.arange(4), 300), np.tile(np.arange(300), 4)
    found, (_, low, high) = fold_mean(*four, fold, customer), auc_interval(labels, score)
    assert found.high - found.low == pytest.approx(high - low, rel=0.02)


def test_groups_of_one_change_nothing() -> None:
    labels, score = scores(500, 3)
    fold = np.arange(500) % 5
    alone, grouped = fold_mean(labels, score, fold), fold_mean(labels, score, fold, np.arange(500))
    assert (grouped.low, grouped.high) == pytest.approx((alone.low, alone.high), rel=0.01)


def test_the_interval_of_grouped_rows_holds_the_truth() -> None:
    """Customers of twelve alike rows: of a hundred files the interval misses the truth about five times."""
    truth = auc_interval(*scores(200_000, 99))[0]
    missed = 0
    for seed in range(100):
        labels, score = scores(150, seed)
        rows = [np.repeat(values, 12) for values in (labels, score, np.arange(150) % 5, np.arange(150))]
        found = fold_mean(*rows)
        missed += not found.low <= truth <= found.high
    assert missed <= 12
