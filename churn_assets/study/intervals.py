"""Confidence interval of a mean ROC-AUC over folds, also for grouped rows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn_assets.ml.metrics.classification import Z_95, auc_interval, placements


@dataclass(frozen=True)
class FoldMean:
    """Mean of the folds' ROC-AUC with its 95 % interval (DeLong within folds), and the folds' own values."""

    auc: float
    low: float
    high: float
    folds: tuple[float, ...]


def fold_mean(
    labels: NDArray[np.float64],
    score: NDArray[np.float64],
    fold: NDArray[np.int64],
    groups: NDArray[np.int64] | None = None,
) -> FoldMean:
    """Returns the mean ROC-AUC over folds; folds are independent given their models, so variances add.

    A fold with fewer than two rows of a class has no interval and is skipped; only shuffled labels lead to one.

    Args:
        groups: group code per row, if rows of a group are not independent (twelve months of one customer). The variance
            then squares the sum of the influences of all rows of a group, across folds (Obuchowski 1997).
    """
    values, variance, of_row = [], 0.0, np.zeros(len(labels))
    for number in np.unique(fold):
        rows = fold == number
        if min(labels[rows].sum(), (1 - labels[rows]).sum()) < 2:
            continue
        auc, low, high = auc_interval(labels[rows], score[rows])
        values.append(auc)
        variance += (max(auc - low, high - auc) / Z_95) ** 2
        of_row[rows] = _influence(labels[rows], score[rows], auc)
    if groups is not None:
        sums = np.bincount(np.unique(groups, return_inverse=True)[1], of_row)
        variance = float((sums**2).sum()) * len(sums) / (len(sums) - 1)
    mean, half = float(np.mean(values)), Z_95 * variance**0.5 / len(values)
    return FoldMean(mean, max(0.0, mean - half), min(1.0, mean + half), tuple(values))


def _influence(labels: NDArray[np.float64], score: NDArray[np.float64], auc: float) -> NDArray[np.float64]:
    """Returns the influence of each row on the ROC-AUC: (its share of ordered pairs - AUC) / size of its class."""
    result = np.empty(len(labels))
    for own, of_class in zip((labels == 1, labels == 0), placements(labels, score), strict=True):
        result[own] = (of_class - auc) / own.sum()
    return result
