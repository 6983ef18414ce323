"""The learners of a study: ridge logistic regression, additive regression, and boosting in four shapes.

All predict log-odds and split them exactly into contributions, as do their ensembles (ml/training/ensembles.py).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from churn_assets.ml.candidates.candidate import TrainingPart
from churn_assets.ml.candidates.histogram_boosting import HistogramBoosting
from churn_assets.ml.candidates.registry import CANDIDATES
from churn_assets.ml.candidates.spark_matrix import SparkMatrix
from churn_assets.ml.candidates.xgboost import ExtremeBoosting
from churn_assets.ml.portable.model import Form, Linear
from churn_assets.ml.portable.trees import MOST_TREES, Trees, trees_for
from churn_assets.ml.training.ridge_with_fixed_penalty import ridge

KNOTS = 8


class StudyLearner(Protocol):
    """Fits a form of one kind, in one of several sizes.

    Attributes:
        sizes: sizes to choose from; 1 is the full size.
    """

    @property
    def sizes(self) -> tuple[float, ...]: ...

    def __call__(
        self, matrix: NDArray[np.float64], labels: NDArray[np.float64], seed: int, size: float = 1.0
    ) -> Form:
        """Fits a form."""
        ...

    def predictions(
        self,
        form: Form,
        matrix: NDArray[np.float64],
        labels: NDArray[np.float64],
        sizes: Sequence[float],
    ) -> list[NDArray[np.float64]]:
        """Log-odds per row that the form has in each size, the last being its own; `labels` are those it learned."""
        ...


@dataclass(frozen=True)
class Regression:
    """A learner of one size."""

    sizes: ClassVar[tuple[float, ...]] = (1.0,)

    learn: Callable[[NDArray[np.float64], NDArray[np.float64]], Form]

    def __call__(
        self, matrix: NDArray[np.float64], labels: NDArray[np.float64], seed: int, size: float = 1.0
    ) -> Form:
        """Fits the regression."""
        return self.learn(matrix, labels)

    def predictions(
        self,
        form: Form,
        matrix: NDArray[np.float64],
        labels: NDArray[np.float64],
        sizes: Sequence[float],
    ) -> list[NDArray[np.float64]]:
        """The form's log-odds."""
        return [form.predict(matrix)]


@dataclass(frozen=True)
class Boosting:
    """A candidate of the asset graph, without Spark. Its size is a share of its number of trees.

    The first trees of an ensemble are the smaller ensemble, so all sizes are judged by one fit.
    """

    sizes: ClassVar[tuple[float, ...]] = (0.125, 0.25, 0.5, 1.0)

    candidate: HistogramBoosting | ExtremeBoosting

    def __call__(
        self, matrix: NDArray[np.float64], labels: NDArray[np.float64], seed: int, size: float = 1.0
    ) -> Form:
        """Fits the first trees."""

        def no_session() -> NoReturn:
            raise RuntimeError("a study starts no Spark")

        part = TrainingPart(matrix, labels, SparkMatrix(matrix, labels, no_session), seed)
        return replace(self.candidate, growth=self._growth(labels) * size).fit(part).form

    def predictions(
        self,
        form: Form,
        matrix: NDArray[np.float64],
        labels: NDArray[np.float64],
        sizes: Sequence[float],
    ) -> list[NDArray[np.float64]]:
        """Log-odds of the first trees, per size."""
        assert isinstance(form, Trees)  # noqa: S101 (tells the type; boosting returns nothing else)
        growth = self._growth(labels)
        return form.predictions_after(matrix, [trees_for(labels, growth * size) for size in sizes])

    def _growth(self, labels: NDArray[np.float64]) -> float:
        rarer = min(labels.sum(), (1 - labels).sum())
        return min(self.candidate.growth, MOST_TREES / math.sqrt(rarer))


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


def additive_regression(matrix: NDArray[np.float64], labels: NDArray[np.float64]) -> Form:
    """Fits logistic regression, with KNOTS knots per number, piecewise linear: risk is rarely linear."""
    columns, knots = _hinges(matrix)
    return Bent(columns, knots, ridge(bent(matrix, columns, knots), labels))


def _boosting(name: str, growth: float) -> Boosting:
    candidate = CANDIDATES[name]
    assert isinstance(candidate, HistogramBoosting | ExtremeBoosting)  # noqa: S101 (tells the type)
    return Boosting(replace(candidate, growth=growth))


# In order of preference, simplest first. The growth is that of the largest size, see `trees_for`.
LEARNERS: dict[str, StudyLearner] = {
    "ridge_logistic_regression": Regression(ridge),
    "additive_regression": Regression(additive_regression),
    "histogram_boosting": _boosting("histogram_boosting", 16.0),
    "stochastic_boosting": _boosting("stochastic_boosting", 16.0),
    "deep_histogram_boosting": _boosting("deep_histogram_boosting", 16.0),
    "deep_stochastic_boosting": _boosting("deep_stochastic_boosting", 20.0),
}
