"""Tenths of predicted and observed churn."""

import numpy as np
import pytest

from churn_assets.ml.metrics.classification import wilson
from churn_assets.ml.metrics.tenths import calibration_tenths


def test_the_riskiest_tenth_comes_first_with_its_interval() -> None:
    probability = np.arange(100) / 100
    labels = (np.arange(100) >= 95).astype(float)
    tenths = calibration_tenths(labels, probability)
    assert [t.tenth for t in tenths] == [*range(1, 11)]
    assert [t.customers for t in tenths] == [10] * 10
    first, *others = tenths
    assert (first.positives, first.observed) == (5, 0.5)
    assert first.predicted == pytest.approx(0.945)
    assert (first.low, first.high) == wilson(5, 10)
    assert all(t.positives == 0 and t.low == 0 < t.high for t in others)


def test_sizes_differ_by_one_at_most_and_nobody_is_lost() -> None:
    labels, probability = np.array([1.0, 0] * 28)[:55], np.linspace(0.9, 0.1, 55)
    tenths = calibration_tenths(labels, probability)
    assert {t.customers for t in tenths} == {5, 6}
    assert sum(t.customers for t in tenths) == 55
    assert sum(t.positives for t in tenths) == labels.sum()


def test_few_rows_make_few_groups() -> None:
    assert [t.customers for t in calibration_tenths(np.array([1.0, 0, 0]), np.array([0.2, 0.3, 0.1]))] == [
        1,
        1,
        1,
    ]
    assert calibration_tenths(np.empty(0), np.empty(0)) == []
