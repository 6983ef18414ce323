"""Hazards in discrete time: the chance to leave in each step ahead, given the snapshot and that the customer is there.

One penalised logistic regression over landmark rows: each snapshot of the past is followed step by step, and each step
seen is a row (its features, how far ahead, left or not). Features that run like a clock (tenure, days to the end of
the contract) are set forward to the step. All others are those of the snapshot, and the model learns what they are
worth that far ahead.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from churn_assets.ml.portable.calibration import log_losses, sigmoid
from churn_assets.ml.portable.transformation import NumericColumn, Transformation
from churn_assets.ml.survival.follow_up import DAYS_A_MONTH, FollowUp

Floats = NDArray[np.float64]
# A step ahead counts as observed if this many customers left in it.
LEAST_LEFT = 20
# Rows of customers who did not leave: more of them hardly change a coefficient and cost seconds. They are drawn at
# random and weighted, so that hazards keep their level.
STAYING_ROWS = 20_000
# Prior precision: one standard deviation of a column moves the log-odds by about a tenth.
PENALTY = 100.0
# Numbers bend at these quantiles of the training rows.
BENDS = (0.2, 0.5, 0.8)
NEWTON_STEPS = 25


@dataclass(frozen=True)
class Landmarks:
    """Snapshots of the past with what became of them; `keys` identify the customers."""

    frame: pd.DataFrame
    seen: FollowUp
    keys: NDArray[np.object_]


@dataclass(frozen=True)
class HazardModel:
    """A fitted model.

    Attributes:
        transformation, bends: from features to columns; the bends of each matrix column.
        clocks: feature -> days that it changes per day that passes (1 or -1).
        step: months of a step.
        steps: how many steps ahead the training rows reach. Nothing is known beyond.
        centre, spread: of the columns.
        weights: intercept, then one per column.
        covariance: of the weights.
        left: customers who left in each step of the training rows.
    """

    transformation: Transformation
    bends: Mapping[int, Floats]
    clocks: Mapping[str, int]
    step: int
    steps: int
    centre: Floats
    spread: Floats
    weights: Floats
    covariance: Floats
    left: tuple[int, ...]

    def designs(self, frame: pd.DataFrame, aheads: Iterable[Floats]) -> Iterator[Floats]:
        """Yields for each of `aheads` the columns of rows that look so many steps ahead: standardised, after a 1."""
        matrix, (moving, places) = self.transformation.transform(frame), self._clocked
        for ahead in aheads:
            if moving is not None:
                moved = _ahead_of(frame[moving.features], ahead, self.clocks, self.step)
                matrix[:, places] = moving.transform(moved)
            columns = _columns(matrix, self.bends, ahead)
            yield np.column_stack([np.ones(len(frame)), (columns - self.centre) / self.spread])

    @cached_property
    def _clocked(self) -> tuple[Transformation | None, NDArray[np.intp]]:
        """The transformation of the clocks alone, None without one, and their columns: all others stay as they are."""
        parts = self.transformation.parts
        at = [place for place, part in enumerate(parts) if part.feature in self.clocks]
        places = np.flatnonzero(np.isin(self.transformation.column_feature, at))
        return (Transformation(tuple(parts[place] for place in at)) if at else None), places


def one_thread() -> AbstractContextManager[Any]:
    """A context in which matrices are multiplied by one thread: of several, those that wait do so in loops."""
    limits: AbstractContextManager[Any] = threadpool_limits(1, user_api="blas")
    return limits


def observed_steps(seen: FollowUp, most: int) -> tuple[int, ...]:
    """Returns how many left in each step ahead, up to the first in which fewer than LEAST_LEFT did, at most `most`."""
    found = []
    for step in range(most):
        count = int(seen.left_in(step).sum())
        if count < LEAST_LEFT:
            break
        found.append(count)
    return tuple(found)


def fit_hazards(
    past: Landmarks, features: Sequence[str], clocks: Mapping[str, int], step: int, most: int, seed: int
) -> HazardModel | None:
    """Returns the model; None if fewer than LEAST_LEFT customers left in the first step.

    Args:
        features: columns to learn from.
        most: steps ahead to look at.
        seed: of the draw of rows.
    """
    left = observed_steps(past.seen, most)
    if not left:
        return None
    rows, ahead, labels, weight = _landmark_rows(past.seen, len(left), seed)
    frame = past.frame.iloc[rows].reset_index(drop=True)
    moved = _ahead_of(frame, ahead, clocks, step)
    transformation = Transformation.fit(moved, features)
    matrix = transformation.transform(moved)
    bends = _bends(transformation, matrix)
    columns = _columns(matrix, bends, ahead)
    share = weight / weight.sum()
    with one_thread():  # np.average multiplies anew what a product of matrices sums at once
        centre = share @ columns
        spread = np.sqrt(share @ (columns - centre) ** 2)
    spread[spread < 1e-9 * (1 + np.abs(centre))] = np.inf  # a constant column says nothing
    design = np.column_stack([np.ones(len(columns)), (columns - centre) / spread])
    groups = pd.factorize(past.keys[rows])[0]
    with one_thread():
        weights, covariance = _fit(design, labels, weight, groups)
    return HazardModel(
        transformation, bends, dict(clocks), step, len(left), centre, spread, weights, covariance, left
    )


def _landmark_rows(seen: FollowUp, steps: int, seed: int) -> tuple[NDArray[np.intp], Floats, Floats, Floats]:
    """Returns position of the snapshot, steps ahead, label and weight of each row to learn from."""
    parts = [np.flatnonzero(seen.seen_in(step)) for step in range(steps)]
    rows = np.concatenate(parts)
    ahead = np.repeat(np.arange(steps, dtype=np.float64), [len(part) for part in parts])
    labels = np.concatenate([seen.left_in(step)[part] for step, part in enumerate(parts)]).astype(float)
    share = min(1.0, STAYING_ROWS / max(1, int((labels == 0).sum())))
    kept = (labels == 1) | (np.random.default_rng(seed).random(len(rows)) < share)
    weight = np.where(labels == 1, 1.0, 1 / share)
    return rows[kept], ahead[kept], labels[kept], weight[kept]


def _ahead_of(frame: pd.DataFrame, ahead: Floats, clocks: Mapping[str, int], step: int) -> pd.DataFrame:
    """Returns the frame with its clocks set forward."""
    days = ahead * step * DAYS_A_MONTH
    return frame.assign(**{name: frame[name] + pace * days for name, pace in clocks.items()})


def _bends(transformation: Transformation, matrix: Floats) -> dict[int, Floats]:
    """Returns where each numeric column of a matrix bends; columns of few values do not bend."""
    names, found = transformation.columns, {}
    for part in transformation.parts:
        if isinstance(part, NumericColumn):
            at = names.index(part.feature)
            if len(np.unique(matrix[:, at])) > 2 * len(BENDS):
                found[at] = np.unique(np.quantile(matrix[:, at], BENDS))
    return found


def _columns(matrix: Floats, bends: Mapping[int, Floats], ahead: Floats) -> Floats:
    """Returns the columns of the design: those of a matrix, their bends, and how far ahead its rows look."""
    bent = [np.maximum(0.0, matrix[:, [column]] - at) for column, at in bends.items()]
    return np.hstack([matrix, *bent, ahead[:, None], 1 / (1 + ahead[:, None])])


def _fit(design: Floats, labels: Floats, weight: Floats, groups: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Returns the penalised maximum-likelihood weights by Newton's method, and their covariance.

    The covariance is that of the error under the prior that the penalty states: sampling error, with the rows of one
    customer counted as dependent, and shrinkage.
    """
    penalty = np.full(design.shape[1], PENALTY)
    penalty[0] = 0.0
    weights = np.zeros(design.shape[1])
    rate = np.average(labels, weights=weight)
    weights[0] = np.log(rate / (1 - rate))

    def loss(at: Floats) -> float:
        return float(weight @ log_losses(design @ at, labels) + 0.5 * penalty @ at**2)

    current = loss(weights)
    for _ in range(NEWTON_STEPS):
        chance = sigmoid(design @ weights)
        slope = design.T @ (weight * (labels - chance)) - penalty * weights
        root = design * np.sqrt(weight * chance * (1 - chance))[:, None]
        curvature = root.T @ root + np.diag(penalty)  # of one array, numpy computes only half of it
        change = np.linalg.solve(curvature, slope)
        # a whole step may overshoot where few features tell nearly all, and the next ones then go ever further
        while (following := loss(weights + change)) > current * (1 + 1e-10) and np.abs(change).max() >= 1e-5:
            change = change / 2
        weights, current = weights + change, following
        if np.abs(change).max() < 1e-5:
            break
    chance = sigmoid(design @ weights)
    scores = np.zeros((int(groups.max()) + 1, design.shape[1]))
    np.add.at(scores, groups, design * (weight * (labels - chance))[:, None])
    inverse = np.linalg.inv(curvature)
    return weights, inverse @ (scores.T @ scores + np.diag(penalty)) @ inverse
