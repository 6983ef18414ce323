"""Metrics against scikit-learn, the interval against a bootstrap, and statuses instead of numbers."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.ml.metrics.classification import (
    TENURE_BANDS,
    auc_interval,
    average_precision,
    by_tenure,
    compare_auc,
    evaluate,
    rank,
    wilson,
)


def scored(n: int = 3000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(-rng.normal(-2.5, 1, size=n)))
    labels = (rng.random(n) < p).astype(float)
    return labels, np.round(p, 2), p, [f"key{i}" for i in range(n)]


def test_metrics_agree_with_scikit_learn() -> None:
    from sklearn import metrics

    labels, raw, p, keys = scored()
    result = evaluate(labels, raw, p, keys)
    assert result.status == "ok" and result.n == 3000 and result.positives == int(labels.sum())
    assert result.auc == pytest.approx(metrics.roc_auc_score(labels, raw), abs=1e-12)
    assert result.pr_auc == pytest.approx(metrics.average_precision_score(labels, raw), abs=1e-12)
    assert result.brier == pytest.approx(metrics.brier_score_loss(labels, p), abs=1e-12)
    assert result.log_loss == pytest.approx(metrics.log_loss(labels, p), abs=1e-12)
    chosen = np.zeros(3000)
    chosen[rank(raw, keys)[:300]] = 1
    assert result.selected == 300
    assert result.accuracy == pytest.approx(metrics.accuracy_score(labels, chosen))
    assert result.precision == pytest.approx(metrics.precision_score(labels, chosen))
    assert result.recall == pytest.approx(metrics.recall_score(labels, chosen))
    assert result.f1 == pytest.approx(metrics.f1_score(labels, chosen))
    assert result.lift_top_decile == pytest.approx(labels[chosen == 1].mean() / labels.mean())
    assert result.calibration_slope == pytest.approx(1, abs=0.2)
    assert result.calibration_intercept == pytest.approx(0, abs=0.2)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=4, max_size=60))
def test_auc_and_average_precision_with_ties_agree_with_scikit_learn(rows: list[tuple[bool, int]]) -> None:
    from sklearn import metrics

    labels = np.array([float(label) for label, _ in rows])
    raw = np.array([float(score) for _, score in rows])
    if min(labels.sum(), (1 - labels).sum()) < 2:
        return
    auc, low, high = auc_interval(labels, raw)
    assert auc == pytest.approx(metrics.roc_auc_score(labels, raw), abs=1e-12)
    assert 0 <= low <= auc <= high <= 1
    assert average_precision(labels, raw) == pytest.approx(
        metrics.average_precision_score(labels, raw), abs=1e-12
    )


def test_delong_interval_matches_a_bootstrap() -> None:
    labels, _, p, _ = scored(1500)
    auc, low, high = auc_interval(labels, p)
    rng = np.random.default_rng(1)
    draws = []
    for _ in range(600):
        rows = rng.integers(0, len(labels), len(labels))
        draws.append(auc_interval(labels[rows], p[rows])[0])
    assert low < auc < high
    assert (high - low) / (2 * 1.96) == pytest.approx(np.std(draws), rel=0.1)


def test_paired_comparison_matches_a_bootstrap_and_is_narrower_than_two_intervals() -> None:
    labels, _, p, _ = scored(1500)
    noisy = p + np.random.default_rng(2).normal(0, 0.05, len(p))
    difference, low, high = compare_auc(labels, p, noisy)
    rng = np.random.default_rng(3)
    draws = []
    for _ in range(600):
        rows = rng.integers(0, len(labels), len(labels))
        draws.append(auc_interval(labels[rows], p[rows])[0] - auc_interval(labels[rows], noisy[rows])[0])
    assert (high - low) / (2 * 1.96) == pytest.approx(np.std(draws), rel=0.12)
    single = auc_interval(labels, p)
    assert high - low < single[2] - single[1]
    assert compare_auc(labels, p, p) == (0.0, 0.0, 0.0)
    assert difference == pytest.approx(auc_interval(labels, p)[0] - auc_interval(labels, noisy)[0])


def cohorts(customers: int, months: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """labels, two scores and customers; what a customer is like, and what each score makes of it, lasts."""
    rng = np.random.default_rng(4)
    lasting = [rng.normal(0, 3, customers) for _ in range(3)]
    truth, one, other = (np.tile(own, months) + rng.normal(0, 0.2, customers * months) for own in lasting)
    labels = (rng.random(len(truth)) < 1 / (1 + np.exp(1.5 - truth))).astype(float)
    return labels, truth + 0.6 * one, truth + 0.9 * other, np.tile(np.arange(customers), months)


def test_rows_of_one_customer_are_compared_like_a_bootstrap_by_customer() -> None:
    labels, one, other, customers = cohorts(500, 4)
    difference, low, high = compare_auc(labels, one, other, customers)
    rng, draws = np.random.default_rng(3), []
    for _ in range(600):
        times = np.bincount(rng.integers(0, 500, 500), minlength=500)[customers]
        rows = np.repeat(np.arange(len(labels)), times)
        draws.append(auc_interval(labels[rows], one[rows])[0] - auc_interval(labels[rows], other[rows])[0])
    assert (high - low) / (2 * 1.96) == pytest.approx(np.std(draws), rel=0.1)
    by_row = compare_auc(labels, one, other)
    assert by_row[0] == difference and by_row[2] - by_row[1] < 0.8 * (high - low)


def test_cohorts_that_repeat_each_other_say_no_more_than_one() -> None:
    labels, one, other, customers = cohorts(500, 1)
    once = compare_auc(labels, one, other)
    assert compare_auc(labels, one, other, customers) == pytest.approx(once, abs=1e-12)
    repeated = compare_auc(*(np.tile(values, 3) for values in (labels, one, other, customers)))
    assert repeated == pytest.approx(once, rel=0.01)


def test_too_few_customers_of_a_kind_cannot_be_compared() -> None:
    labels, one, other, customers = cohorts(500, 2)
    customers[labels == 1] = 0
    with pytest.raises(ValueError, match="1 customers"):
        compare_auc(labels, one, other, customers)


@pytest.mark.parametrize(
    ("labels", "status"),
    [
        ([0] * 50, "one class"),
        ([1] * 50, "one class"),
        ([1] * 5 + [0] * 45, "too few positives"),
        ([], "one class"),
    ],
)
def test_a_status_stands_where_no_number_can(labels: list[int], status: str) -> None:
    n = len(labels)
    result = evaluate(labels, np.linspace(0, 1, n), np.linspace(0, 1, n), [str(i) for i in range(n)])
    assert result.status == status and result.n == n and result.auc is None and result.brier is None


def test_no_metric_is_ever_nan() -> None:
    labels, _, _, keys = scored(500)
    constant = np.full(500, 0.3)
    result = evaluate(labels, constant, constant, keys, minimum_positives=5)
    assert result.auc == 0.5
    assert not any(isinstance(value, float) and math.isnan(value) for value in result.as_dict().values())


def test_missing_scores_and_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="mature"):
        evaluate([0, np.nan], [0.1, 0.2], [0.1, 0.2], ["a", "b"])
    with pytest.raises(ValueError, match="capacity"):
        evaluate([0, 1], [0.1, 0.2], [0.1, 0.2], ["a", "b"], capacity=10)


def test_ties_are_broken_by_key_and_not_by_row_order() -> None:
    keys = np.array([f"key{i}" for i in range(200)])
    score = np.repeat([0.1, 0.2], 100)
    shuffled = np.random.default_rng(0).permutation(200)
    first = keys[rank(score, keys)]
    again = keys[shuffled][rank(score[shuffled], keys[shuffled])]
    assert first.tolist() == again.tolist()
    assert first[:100].tolist() != sorted(first[:100])


def test_tenure_bands_cover_every_customer_once() -> None:
    labels, raw, p, keys = scored(4000)
    tenure = np.random.default_rng(0).integers(0, 3000, 4000)
    frame = pd.DataFrame(
        {"label": labels, "raw": raw, "probability": p, "customer_key": keys, "tenure_days": tenure}
    )
    bands = by_tenure(frame)
    assert list(bands) == [name for _, name in TENURE_BANDS]
    assert sum(metrics.n for metrics in bands.values()) == 4000
    edge = by_tenure(frame.head(1).assign(tenure_days=365))
    assert edge["6 to 12 months"].n == 1


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_wilson_gives_the_published_intervals(hits: int, of: int, low: float, high: float) -> None:
    """Newcombe (1998), Statistics in Medicine 17, 857-872: 81 of 263 is 0.2553 to 0.3662."""
    assert wilson(hits, of) == pytest.approx((low, high), abs=5e-5)
