"""An additive model as one piecewise-linear curve per matrix column."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from churn_assets.ml.portable.arrays import Arrays


@dataclass(frozen=True)
class Curves(Arrays):
    """Log-odds = start + the sum of the curves, each linear between its knots and constant outside of them.

    Attributes:
        start: mean log-odds of the training rows; over these rows each curve has mean 0.
        column: matrix column of each knot; the knots of one column are adjacent.
        knot: value of the column, ascending within the column.
        height: value that the curve adds at the knot, log-odds.
    """

    start: float
    column: NDArray[np.int64]
    knot: NDArray[np.float64]
    height: NDArray[np.float64]

    @classmethod
    def join(
        cls,
        start: float,
        curves: Mapping[int, tuple[NDArray[np.float64], NDArray[np.float64]]],
        matrix: NDArray[np.float64],
    ) -> "Curves":
        """Build a model from (knots, heights) per matrix column; move the means over the training `matrix` to start."""
        parts: list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]] = []
        for column, (knot, height) in curves.items():
            mean = float(np.interp(matrix[:, column], knot, height).mean())
            start += mean
            parts.append((np.full(len(knot), column, dtype=np.int64), knot, height - mean))
        if not parts:
            return cls(start, np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
        column_of, knots, heights = (np.concatenate(part) for part in zip(*parts, strict=True))
        return cls(start, column_of, knots, heights)

    def curves(self) -> Sequence[tuple[int, NDArray[np.float64], NDArray[np.float64]]]:
        """(matrix column, knots, heights) of each curve."""
        columns, first = np.unique(self.column, return_index=True)
        bounds = pairwise([*first, len(self.column)])
        return [
            (int(column), self.knot[start:end], self.height[start:end])
            for column, (start, end) in zip(columns, bounds, strict=True)
        ]

    def predict(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds per row."""
        total = np.full(len(matrix), self.start)
        for column, knot, height in self.curves():
            total += np.interp(matrix[:, column], knot, height)
        return total

    def expected(self) -> float:
        """Mean log-odds of the training rows."""
        return self.start

    def contributions(self, matrix: NDArray[np.float64], group: NDArray[np.intp]) -> NDArray[np.float64]:
        """The curves' heights, summed by group; (rows, groups). Exact Shapley values, as there are no interactions."""
        result = np.zeros((int(group.max()) + 1, len(matrix)))
        for column, knot, height in self.curves():
            result[group[column]] += np.interp(matrix[:, column], knot, height)
        return result.T
