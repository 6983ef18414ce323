"""Calibration: right numbers, monotone, never fitted on too little."""

import json

import numpy as np
import pytest

from churn_assets.models.calibration import Calibration, logistic_line, logit, sigmoid


def drawn(n: int, slope: float, intercept: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(-2, 1.2, size=n)
    labels = (rng.random(n) < sigmoid(slope * log_odds + intercept)).astype(float)
    return sigmoid(log_odds), labels


def test_logistic_line_agrees_with_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    raw, labels = drawn(5000, 0.6, -0.5)
    slope, intercept = logistic_line(logit(raw), labels)
    oracle = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(raw)[:, None], labels)
    assert slope == pytest.approx(oracle.coef_[0, 0], abs=1e-4)
    assert intercept == pytest.approx(oracle.intercept_[0], abs=1e-4)
    _, offset = logistic_line(logit(raw), labels, slope=1.0)
    assert sigmoid(logit(raw) + offset).mean() == pytest.approx(labels.mean(), abs=1e-6)


def test_sigmoid_for_few_isotonic_for_many_positives() -> None:
    assert Calibration.fit(*drawn(2000, 0.6, -0.5)).method == "sigmoid"
    assert Calibration.fit(*drawn(20000, 0.6, 0.5)).method == "isotonic"


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


def test_json_round_trip() -> None:
    fitted = Calibration.fit(*drawn(20000, 0.6, 0.5))
    assert Calibration.from_dict(json.loads(json.dumps(fitted.as_dict()))) == fitted


def test_one_class_is_refused() -> None:
    with pytest.raises(ValueError, match="both classes"):
        logistic_line(np.array([0.1, 0.2]), np.array([1.0, 1.0]))
