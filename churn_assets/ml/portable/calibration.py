"""From a ranking score to a probability that can be multiplied with money, fitted on cohorts after the training ones.

Also the two-number logistic fit that both the calibration and its diagnosis (slope, intercept) need.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Isotonic steps follow noise below about this many positives; a sigmoid has two numbers to fit.
ISOTONIC_POSITIVES = 1000
MINIMUM_POSITIVES = 20
EPSILON = 1e-9


def logit(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds; probabilities are kept EPSILON away from 0 and 1 (leaves of a forest may be pure)."""
    clipped = np.clip(probability, EPSILON, 1 - EPSILON)
    odds: NDArray[np.float64] = np.log(clipped) - np.log1p(-clipped)
    return odds


def sigmoid(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability of log-odds, without overflow."""
    decay = np.exp(-np.abs(log_odds))
    probability: NDArray[np.float64] = np.where(log_odds >= 0, 1.0, decay) / (1.0 + decay)
    return probability


def logistic_line(
    log_odds: NDArray[np.float64], labels: NDArray[np.float64], slope: float | None = None
) -> tuple[float, float]:
    """Maximum likelihood (slope, intercept) of `label ~ sigmoid(slope * log_odds + intercept)`.

    Newton steps with halving; a ridge of 1e-9 keeps perfectly separated data finite.

    Args:
        log_odds, labels: same length; labels hold both 0 and 1.
        slope: keep this slope and fit the intercept only (calibration in the large).

    Raises:
        ValueError: only one class.
    """
    if labels.min() == labels.max():
        raise ValueError("a logistic line needs both classes")
    if slope is not None:
        return slope, _intercept(slope * log_odds, float(labels.mean()))
    design = np.column_stack([log_odds, np.ones_like(log_odds)])
    weights = np.array([0.0, float(logit(labels.mean()[None])[0])])

    def loss(at: NDArray[np.float64]) -> float:
        line = design @ at
        return float((np.logaddexp(0, line) - labels * line).mean() + 0.5e-9 * at @ at)

    current = loss(weights)
    for _ in range(100):
        probability = sigmoid(design @ weights)
        gradient = design.T @ (probability - labels) / len(labels) + 1e-9 * weights
        curvature = (design * (probability * (1 - probability))[:, None]).T @ design / len(labels)
        step = np.linalg.solve(curvature + 1e-9 * np.eye(2), gradient)
        length = 1.0
        while (following := loss(weights - length * step)) > current and length > 1e-6:
            length /= 2
        if length <= 1e-6:
            break
        weights, gain, current = weights - length * step, current - following, following
        if gain < 1e-14 and np.abs(gradient).max() < 1e-9:
            break
    return float(weights[0]), float(weights[1])


def _intercept(line: NDArray[np.float64], mean: float) -> float:
    """What is to be added to log-odds so that their mean probability is `mean`.

    That is where the likelihood is largest. A root between bounds: Newton steps run away where most log-odds lie far
    off, as those of pure leaves do.
    """
    from scipy.optimize import brentq

    middle = float(logit(np.array([mean]))[0])
    low, high = middle - float(line.max()), middle - float(line.min())
    # a little wider: when all log-odds are equal the bounds are one, and rounding could put both on one side
    return float(brentq(lambda shift: float(sigmoid(line + shift).mean()) - mean, low - 1, high + 1))


@dataclass(frozen=True)
class Calibration:
    """A monotone map from raw probability to calibrated probability.

    Attributes:
        method: "sigmoid" (Platt on log-odds), "isotonic", or "none" when the calibration part had too few positives.
        slope, intercept: of the sigmoid.
        x, y: support points of the isotonic map, raw probability to probability; linear in between.
    """

    method: str = "none"
    slope: float = 1.0
    intercept: float = 0.0
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()

    @classmethod
    def fit(cls, raw: NDArray[np.float64], labels: NDArray[np.float64]) -> "Calibration":
        """Fit on rows of cohorts that neither trained the model nor test it.

        Sigmoid always works on the log-odds of `raw`; from ISOTONIC_POSITIVES positives on the isotonic map is
        used. If the fitted slope is not positive (the model ranks no better than chance there), only the intercept
        is fitted, so that calibration never turns a ranking round.
        """
        positives = int(labels.sum())
        if min(positives, len(labels) - positives) < MINIMUM_POSITIVES:
            return cls()
        if positives >= ISOTONIC_POSITIVES:
            from sklearn.isotonic import IsotonicRegression

            # Bounds keep a pure first or last step from claiming certainty.
            bound = 1 / (len(labels) + 2)
            fitted = IsotonicRegression(y_min=bound, y_max=1 - bound, out_of_bounds="clip").fit(raw, labels)
            return cls("isotonic", x=_floats(fitted.X_thresholds_), y=_floats(fitted.y_thresholds_))
        slope, intercept = logistic_line(logit(raw), labels)
        if slope <= 0:
            slope, intercept = logistic_line(logit(raw), labels, slope=1.0)
        return cls("sigmoid", slope, intercept)

    def apply(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrated probabilities of raw probabilities."""
        if self.method == "isotonic":
            interpolated: NDArray[np.float64] = np.interp(raw, self.x, self.y)
            return interpolated
        if self.method == "sigmoid":
            return sigmoid(self.slope * logit(raw) + self.intercept)
        return np.asarray(raw, dtype=np.float64)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values; `Calibration.from_dict` gives an equal object back."""
        return {
            "method": self.method,
            "slope": self.slope,
            "intercept": self.intercept,
            "x": self.x,
            "y": self.y,
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Calibration":
        """Inverse of `as_dict`."""
        return cls(**{**stored, "x": tuple(stored["x"]), "y": tuple(stored["y"])})


def _floats(values: NDArray[Any]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
