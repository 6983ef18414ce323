"""The learners of a study: ridge logistic regression, additive regression and histogram boosting.

All predict log-odds and split them exactly into contributions, as do their ensembles (ml/training/ensembles.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from churn_assets.ml.candidates.candidate import TrainingPart
from churn_assets.ml.candidates.registry import CANDIDATES
from churn_assets.ml.candidates.spark_matrix import SparkMatrix
from churn_assets.ml.portable.model import Form, Linear
from churn_assets.ml.training.ridge_with_fixed_penalty import ridge

KNOTS = 8

# Fits a form to a matrix and labels with a seed.
Fit = Callable[[NDArray[np.float64], NDArray[np.float64], int], Form]


@dataclass(frozen=True)
class Bent:
    """A linear form over columns and their hinges `max(0, x - knot)`, piecewise linear in each column.

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
        """Log-odds that each group of columns adds per row; the hinges belong to the group of their column."""
        widened = np.concatenate([group, group[self.columns]])
        return self.linear.contributions(bent(matrix, self.columns, self.knots), widened)


def bent(
    matrix: NDArray[np.float64], columns: NDArray[np.intp], knots: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns the matrix with one hinge column per knot appended."""
    return np.hstack([matrix, np.maximum(matrix[:, columns] - knots, 0.0)])


def _hinges(matrix: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Returns column and knot of each hinge: KNOTS inner quantiles of each column with more than ten values."""
    columns, knots = [], []
    for column in range(matrix.shape[1]):
        if len(np.unique(matrix[:, column])) > 10:
            found = np.unique(np.quantile(matrix[:, column], np.arange(1, KNOTS + 1) / (KNOTS + 1)))
            columns += [column] * len(found)
            knots += found.tolist()
    return np.array(columns, dtype=np.intp), np.array(knots, dtype=np.float64)


def ridge_logistic_regression(matrix: NDArray[np.float64], labels: NDArray[np.float64], seed: int) -> Form:
    """Fits logistic regression with a ridge penalty, the baseline."""
    return ridge(matrix, labels)


def additive_regression(matrix: NDArray[np.float64], labels: NDArray[np.float64], seed: int) -> Form:
    """Fits logistic regression, with KNOTS knots per number, piecewise linear: risk is rarely linear."""
    columns, knots = _hinges(matrix)
    return Bent(columns, knots, ridge(bent(matrix, columns, knots), labels))


def histogram_boosting(matrix: NDArray[np.float64], labels: NDArray[np.float64], seed: int) -> Form:
    """Fits the asset graph's candidate of this name, without Spark."""

    def no_session() -> NoReturn:
        raise RuntimeError("a study starts no Spark")

    part = TrainingPart(matrix, labels, SparkMatrix(matrix, labels, no_session), seed)
    return CANDIDATES["histogram_boosting"].fit(part).form


# In order of preference, simplest first.
LEARNERS: dict[str, Fit] = {
    "ridge_logistic_regression": ridge_logistic_regression,
    "additive_regression": additive_regression,
    "histogram_boosting": histogram_boosting,
}
