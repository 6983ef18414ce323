"""Calibration: right numbers, monotone, never fitted on too little."""

import json

import numpy as np
import pytest

from churn_assets.ml.metrics.classification import evaluate
from churn_assets.ml.portable.calibration import Calibration, logistic_line, logit, sigmoid


def drawn(n: int, slope: float, intercept: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(-2, 1.2, size=n)
    labels = (rng.random(n) < sigmoid(slope * log_odds + intercept)).astype(float)
    return sigmoid(log_odds), labels


def with_pure_leaves(share: float, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """A share of probabilities is 0, of which some churn all the same."""
    rng = np.random.default_rng(0)
    raw = np.where(rng.random(5000) < share, 0.0, rng.choice([0.05, 0.1, 0.2, 0.4], 5000))
    return raw, (rng.random(5000) < np.where(raw == 0, rate, raw)).astype(float)


def test_logistic_line_agrees_with_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    raw, labels = drawn(5000, 0.6, -0.5)
    slope, intercept = logistic_line(logit(raw), labels)
    oracle = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(raw)[:, None], labels)
    assert slope == pytest.approx(oracle.coef_[0, 0], abs=1e-4)
    assert intercept == pytest.approx(oracle.intercept_[0], abs=1e-4)
    _, offset = logistic_line(logit(raw), labels, slope=1.0)
    assert sigmoid(logit(raw) + offset).mean() == pytest.approx(labels.mean(), abs=1e-6)


def test_a_richer_map_replaces_the_sigmoid_only_where_it_is_better() -> None:
    for few in (2000, 20000):
        plain = Calibration.fit(*drawn(few, 0.6, -0.5))
        assert (plain.method, plain.low, plain.high) == ("sigmoid", 0.0, 1.0)
    random = np.random.default_rng(0)
    raw = random.random(20000)
    stairs = np.select([raw < 0.3, raw < 0.6], [0.02, 0.3], 0.9)
    labels = (random.random(20000) < stairs).astype(float)
    assert Calibration.fit(raw, labels).method == "isotonic"
    assert Calibration.fit(raw[:1500], labels[:1500]).method == "sigmoid"  # too few positives for steps


def test_bounds_are_found_where_the_model_is_too_sure() -> None:
    random = np.random.default_rng(0)
    log_odds = random.normal(0, 4, 6000)
    labels = (random.random(6000) < 0.05 + 0.8 * sigmoid(log_odds)).astype(float)
    fitted = Calibration.fit(sigmoid(log_odds), labels)
    assert (fitted.method, fitted.low, fitted.high) == (
        "sigmoid",
        pytest.approx(0.05, abs=0.02),
        pytest.approx(0.85, abs=0.02),
    )
    assert Calibration.from_dict(fitted.as_dict()) == fitted


@pytest.mark.parametrize("n", [2000, 20000])
def test_calibrated_probabilities_fit_fresh_data_and_keep_the_order(n: int) -> None:
    fitted = Calibration.fit(*drawn(n, 0.6, 0.5))
    raw, labels = drawn(50000, 0.6, 0.5, seed=1)
    probability = fitted.apply(raw)
    assert probability.mean() == pytest.approx(labels.mean(), abs=0.03)
    assert (np.diff(fitted.apply(np.sort(raw))) >= 0).all()
    assert probability.min() > 0 and probability.max() < 1


def test_too_few_positives_are_not_calibrated() -> None:
    raw = np.linspace(0.01, 0.2, 500)
    fitted = Calibration.fit(raw, (np.arange(500) < 5).astype(float))
    assert fitted.method == "none" and np.array_equal(fitted.apply(raw), raw)


def test_a_useless_ranking_is_not_turned_round() -> None:
    raw, labels = drawn(3000, -0.8, -3.0)
    fitted = Calibration.fit(raw, labels)
    assert fitted.method == "sigmoid" and fitted.slope == 1.0


def test_separated_data_and_extreme_probabilities_stay_finite() -> None:
    raw = np.concatenate([np.zeros(50), np.ones(50)])
    labels = np.repeat([0.0, 1.0], 50)
    probability = Calibration.fit(raw, labels).apply(raw)
    assert np.isfinite(probability).all()


@pytest.mark.parametrize("pure", [0.3, 0.7, 0.9])
@pytest.mark.parametrize("rate", [0.0, 0.001, 0.003])
def test_calibration_in_the_large_holds_with_pure_leaves(pure: float, rate: float) -> None:
    """Probabilities of exactly 0 for most rows, as a decision tree gives, are log-odds far from all others."""
    raw, labels = with_pure_leaves(pure, rate)
    log_odds = logit(raw)
    slope, intercept = logistic_line(log_odds, labels, slope=1.0)
    assert slope == 1.0 and abs(intercept) < 1
    assert sigmoid(log_odds + intercept).mean() == pytest.approx(labels.mean(), abs=1e-9)
    reported = evaluate(labels, raw, raw, np.arange(len(raw))).calibration_intercept
    assert reported == pytest.approx(intercept)


def test_a_useless_ranking_with_pure_leaves_keeps_its_mean() -> None:
    raw, _ = with_pure_leaves(0.7, 0.0)
    rate = np.where(raw == 0, 0.06, 0.02)
    labels = (np.random.default_rng(1).random(len(raw)) < rate).astype(float)
    fitted = Calibration.fit(raw, labels)
    assert fitted.slope == 1.0
    assert fitted.apply(raw).mean() == pytest.approx(labels.mean(), abs=1e-6)


def test_a_constant_score_gets_the_base_rate() -> None:
    labels = np.repeat([0.0, 1.0], [900, 100])
    assert sigmoid(
        np.array([2.0 + logistic_line(np.full(1000, 2.0), labels, slope=1.0)[1]])
    ) == pytest.approx(0.1)


def test_json_round_trip() -> None:
    fitted = Calibration.fit(*drawn(20000, 0.6, 0.5))
    assert Calibration.from_dict(json.loads(json.dumps(fitted.as_dict()))) == fitted


def test_one_class_is_refused() -> None:
    with pytest.raises(ValueError, match="both classes"):
        logistic_line(np.array([0.1, 0.2]), np.array([1.0, 1.0]))
