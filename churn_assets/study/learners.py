"""What a study lets compete: logistic regression, additive regression, histogram boosting, and blends of them.

All predict log-odds and explain them exactly, so a blend of them does too: weights times log-odds, weights times
contributions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from churn_assets.models.calibration import sigmoid
from churn_assets.models.candidates import CANDIDATES, TrainingPart
from churn_assets.models.mllib import SparkMatrix
from churn_assets.models.portable import Linear
from churn_assets.models.ridge import ridge

KNOTS = 8


class Form(Protocol):
    """A fitted model over a matrix; `Linear` and `Trees` of the project are such forms."""

    def predict(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds per row."""
        ...

    def expected(self) -> float:
        """Log-odds that contributions start from."""
        ...

    def contributions(self, matrix: NDArray[np.float64], group: NDArray[np.intp]) -> NDArray[np.float64]:
        """(rows, groups): what each group of columns adds to `expected`, on log-odds."""
        ...


Learner = Callable[[NDArray[np.float64], NDArray[np.float64], int], Form]


@dataclass(frozen=True)
class Bent:
    """A linear form over columns and their hinges `max(0, x - knot)`: a straight line per column becomes a bent one.

    Attributes:
        columns, knots: matrix column and knot of each hinge, same length.
        linear: over the matrix columns, then the hinges.
    """

    columns: NDArray[np.intp]
    knots: NDArray[np.float64]
    linear: Linear

    def predict(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds per row."""
        return self.linear.predict(bent(matrix, self.columns, self.knots))

    def expected(self) -> float:
        """Log-odds of the mean training row (its hinges included)."""
        return self.linear.expected()

    def contributions(self, matrix: NDArray[np.float64], group: NDArray[np.intp]) -> NDArray[np.float64]:
        """A column's line and its hinges together."""
        widened = np.concatenate([group, group[self.columns]])
        return self.linear.contributions(bent(matrix, self.columns, self.knots), widened)


@dataclass(frozen=True)
class Blend:
    """A weighted sum of the log-odds of its members, plus a constant."""

    members: tuple[Form, ...]
    weights: tuple[float, ...]
    intercept: float = 0.0

    def predict(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds per row."""
        return blended([m.predict(matrix) for m in self.members], self.weights, self.intercept)

    def expected(self) -> float:
        """The blend of what the members expect."""
        return self.intercept + sum(w * m.expected() for w, m in zip(self.weights, self.members, strict=True))

    def contributions(self, matrix: NDArray[np.float64], group: NDArray[np.intp]) -> NDArray[np.float64]:
        """The blend of the members' contributions."""
        parts = [w * m.contributions(matrix, group) for w, m in zip(self.weights, self.members, strict=True)]
        total: NDArray[np.float64] = np.sum(parts, axis=0)
        return total


def blended(
    log_odds: Sequence[NDArray[np.float64]], weights: Sequence[float], intercept: float = 0.0
) -> NDArray[np.float64]:
    """Weighted sum per row."""
    total: NDArray[np.float64] = np.tensordot(np.asarray(weights), np.stack(log_odds), axes=1) + intercept
    return total


def stacking_weights(
    log_odds: Sequence[NDArray[np.float64]], labels: NDArray[np.float64]
) -> tuple[tuple[float, ...], float]:
    """Weights, none below 0, and intercept of a logistic regression on members' out-of-fold log-odds.

    A negative weight would let a blend bet against one of its members, which is fitting noise.

    Args:
        log_odds: per member, of rows that it was not fitted on.
    """
    from scipy.optimize import minimize

    design = np.column_stack([*log_odds, np.ones(len(labels))])

    def loss(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        line = design @ at
        value = (np.logaddexp(0, line) - labels * line).mean()
        return float(value), design.T @ (sigmoid(line) - labels) / len(labels)

    members = len(log_odds)
    start = np.append(np.full(members, 1 / members), 0.0)
    bounds = [(0.0, None)] * members + [(None, None)]
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    return tuple(float(w) for w in found[:-1]), float(found[-1])


def bent(
    matrix: NDArray[np.float64], columns: NDArray[np.intp], knots: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The matrix and beside it one hinge per knot."""
    return np.hstack([matrix, np.maximum(matrix[:, columns] - knots, 0.0)])


def _hinges(matrix: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Knots at KNOTS inner quantiles of each column that has more than ten values."""
    columns, knots = [], []
    for column in range(matrix.shape[1]):
        if len(np.unique(matrix[:, column])) > 10:
            found = np.unique(np.quantile(matrix[:, column], np.arange(1, KNOTS + 1) / (KNOTS + 1)))
            columns += [column] * len(found)
            knots += found.tolist()
    return np.array(columns, dtype=np.intp), np.array(knots, dtype=np.float64)


def logistic_regression(matrix: NDArray[np.float64], labels: NDArray[np.float64], seed: int) -> Form:
    """Ridge logistic regression: the floor that everything else has to beat."""
    return ridge(matrix, labels)


def additive_regression(matrix: NDArray[np.float64], labels: NDArray[np.float64], seed: int) -> Form:
    """Logistic regression in which every number may bend at eight quantiles: risk rarely rises in straight lines."""
    columns, knots = _hinges(matrix)
    return Bent(columns, knots, ridge(bent(matrix, columns, knots), labels))


def histogram_boosting(matrix: NDArray[np.float64], labels: NDArray[np.float64], seed: int) -> Form:
    """The asset graph's own candidate of this name."""

    def no_session() -> NoReturn:
        raise RuntimeError("a study starts no Spark")

    part = TrainingPart(matrix, labels, SparkMatrix(matrix, labels, no_session), seed)
    return CANDIDATES["histogram_boosting"].fit(part).form


# In order of preference, simplest first.
LEARNERS: dict[str, Learner] = {
    "logistic_regression": logistic_regression,
    "additive_regression": additive_regression,
    "histogram_boosting": histogram_boosting,
}
SOFT_VOTING, STACKING = "soft_voting", "stacking"
ENSEMBLES = (SOFT_VOTING, STACKING)
