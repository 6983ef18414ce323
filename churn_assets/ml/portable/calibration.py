"""Calibration: maps a ranking score to a probability that can be multiplied with money.

It is fitted on cohorts after the training ones. The module also has the logistic fit of two parameters that both the
calibration and its diagnosis (slope, intercept) use.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# With fewer positives than this a map of more than two parameters fits noise.
BOUNDED_POSITIVES, ISOTONIC_POSITIVES = 100, 1000
MINIMUM_POSITIVES = 20
EPSILON = 1e-9


def logit(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds; probabilities are clipped to [EPSILON, 1 - EPSILON], because leaves of a forest may be pure."""
    clipped = np.clip(probability, EPSILON, 1 - EPSILON)
    odds: NDArray[np.float64] = np.log(clipped) - np.log1p(-clipped)
    return odds


def sigmoid(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability of log-odds, without overflow."""
    decay = np.exp(-np.abs(log_odds))
    probability: NDArray[np.float64] = np.where(log_odds >= 0, 1.0, decay) / (1.0 + decay)
    return probability


def log_losses(log_odds: NDArray[np.float64], labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log loss of each row."""
    losses: NDArray[np.float64] = np.logaddexp(0, log_odds) - labels * log_odds
    return losses


def logistic_line(
    log_odds: NDArray[np.float64], labels: NDArray[np.float64], slope: float | None = None
) -> tuple[float, float]:
    """Maximum likelihood (slope, intercept) of `label ~ sigmoid(slope * log_odds + intercept)`.

    Newton steps with halving; a ridge of 1e-9 keeps perfectly separated data finite.

    Args:
        log_odds, labels: same length; labels contain both 0 and 1.
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
        return float(log_losses(line, labels).mean() + 0.5e-9 * at @ at)

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
    """Returns the shift of the log-odds that makes their mean probability equal `mean`.

    This shift has the largest likelihood. It is found as a root between bounds, because Newton steps diverge if most
    log-odds are far from it, as those of pure leaves are.
    """
    from scipy.optimize import brentq

    middle = float(logit(np.array([mean]))[0])
    low, high = middle - float(line.max()), middle - float(line.min())
    # widened by 1: if all log-odds are equal, the bounds are equal, and by rounding the root could lie outside
    return float(brentq(lambda shift: float(sigmoid(line + shift).mean()) - mean, low - 1, high + 1))


Fit = Callable[[NDArray[np.float64], NDArray[np.float64]], "Calibration"]


@dataclass(frozen=True)
class Calibration:
    """A monotone map from raw probability to calibrated probability.

    Attributes:
        method: "sigmoid" (Platt on log-odds), "isotonic", or "none" when the calibration part had too few positives.
        slope, intercept: of the sigmoid.
        low, high: lowest and highest probability of the sigmoid. Some customers leave or stay for reasons that no
            column tells, so a model that is very sure is often too sure.
        x, y: support points of the isotonic map, raw probability to probability; linear in between.
    """

    method: str = "none"
    slope: float = 1.0
    intercept: float = 0.0
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()
    low: float = 0.0
    high: float = 1.0

    @classmethod
    def fit(cls, raw: NDArray[np.float64], labels: NDArray[np.float64], plain: bool = False) -> "Calibration":
        """Fit on rows of cohorts that neither trained the model nor test it.

        The map is a sigmoid of the log-odds of `raw`. With BOUNDED_POSITIVES positives or more a sigmoid with bounds,
        and with ISOTONIC_POSITIVES or more isotonic steps, replace it if they are better on rows from which they have
        not learned; see `_better`. If the fitted slope is not positive (the model ranks no better than chance on these
        rows), only the intercept is fitted, so that calibration never reverses a ranking. With fewer than
        MINIMUM_POSITIVES positives or negatives the method is "none".

        Args:
            plain: a sigmoid without bounds, whatever the number of positives.
        """
        positives = int(labels.sum())
        if min(positives, len(labels) - positives) < MINIMUM_POSITIVES:
            return cls()
        kinds: list[Fit] = [cls._sigmoid]
        kinds += [cls.bounded] if positives >= BOUNDED_POSITIVES and not plain else []
        kinds += [cls._steps] if positives >= ISOTONIC_POSITIVES and not plain else []
        return cls._better(kinds, raw, labels)(raw, labels)

    @classmethod
    def bounded(cls, raw: NDArray[np.float64], labels: NDArray[np.float64]) -> "Calibration":
        """Fit a sigmoid with bounds, by maximum likelihood."""
        from scipy.optimize import minimize

        line, rows = logit(raw), len(labels)
        plain = cls("sigmoid", *logistic_line(line, labels))
        if plain.slope <= 0:
            return cls._sigmoid(raw, labels)

        def loss(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            slope, intercept, low, high = at
            share = sigmoid(slope * line + intercept)
            p = np.clip(low + (high - low) * share, EPSILON, 1 - EPSILON)
            by_p = (p - labels) / (p * (1 - p)) / rows
            by_line = by_p * (high - low) * share * (1 - share)
            value = -(labels * np.log(p) + (1 - labels) * np.log1p(-p)).mean()
            steps = [by_line @ line, by_line.sum(), by_p @ (1 - share), by_p @ share]
            return float(value), np.array(steps)

        start = np.array([plain.slope, plain.intercept, 0.1 * labels.mean(), 1 - 0.1 * (1 - labels.mean())])
        bounds = [(plain.slope, None), (None, None), (0.0, 0.5), (0.5, 1.0)]
        found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B")
        if found.fun >= log_losses(plain.slope * line + plain.intercept, labels).mean():
            return plain
        slope, intercept, low, high = (float(value) for value in found.x)
        return cls("sigmoid", slope, intercept, low=low, high=high)

    @classmethod
    def _sigmoid(cls, raw: NDArray[np.float64], labels: NDArray[np.float64]) -> "Calibration":
        slope, intercept = logistic_line(logit(raw), labels)
        if slope <= 0:
            slope, intercept = logistic_line(logit(raw), labels, slope=1.0)
        return cls("sigmoid", slope, intercept)

    @classmethod
    def _steps(cls, raw: NDArray[np.float64], labels: NDArray[np.float64]) -> "Calibration":
        from sklearn.isotonic import IsotonicRegression

        # The bounds prevent probabilities of 0 or 1 from a pure first or last step.
        bound = 1 / (len(labels) + 2)
        fitted = IsotonicRegression(y_min=bound, y_max=1 - bound, out_of_bounds="clip").fit(raw, labels)
        return cls("isotonic", x=_floats(fitted.X_thresholds_), y=_floats(fitted.y_thresholds_))

    @staticmethod
    def _better(kinds: "list[Fit]", raw: NDArray[np.float64], labels: NDArray[np.float64]) -> "Fit":
        """Returns the first kind of map, simplest first, whose log loss is within one standard error of the lowest.

        Every fifth row is judged by maps of the other rows, for each fifth in turn.
        """
        if len(kinds) == 1:
            return kinds[0]
        losses = np.empty((len(kinds), len(labels)))
        turn = np.arange(len(labels)) % 5
        for number in range(5):
            learn, judge = turn != number, turn == number
            for at, kind in enumerate(kinds):
                judged = kind(raw[learn], labels[learn]).apply(raw[judge])
                losses[at, judge] = log_losses(logit(judged), labels[judge])
        worse = losses - losses[losses.mean(axis=1).argmin()]
        near = worse.mean(axis=1) <= worse.std(axis=1, ddof=1) / len(labels) ** 0.5
        return kinds[int(near.argmax())]

    def apply(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrated probabilities of raw probabilities."""
        if self.method == "isotonic":
            interpolated: NDArray[np.float64] = np.interp(raw, self.x, self.y)
            return interpolated
        if self.method == "sigmoid":
            return self.low + (self.high - self.low) * sigmoid(self.slope * logit(raw) + self.intercept)
        return np.asarray(raw, dtype=np.float64)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values; `Calibration.from_dict` returns an equal object."""
        return {
            "method": self.method,
            "slope": self.slope,
            "intercept": self.intercept,
            "x": self.x,
            "y": self.y,
            "low": self.low,
            "high": self.high,
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Calibration":
        """Inverse of `as_dict`."""
        return cls(**{**stored, "x": tuple(stored["x"]), "y": tuple(stored["y"])})


def _floats(values: NDArray[Any]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
