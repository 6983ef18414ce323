"""Predicted against observed churn in ten groups of equal size, from the riskiest to the safest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn_assets.ml.metrics.classification import wilson


@dataclass(frozen=True)
class Tenth:
    """One of the groups.

    Attributes:
        tenth: 1 is the riskiest.
        customers, positives: rows and churners among them.
        predicted: mean of their probabilities.
        observed: positives / customers.
        low, high: Wilson's 95 % interval of `observed`.
    """

    tenth: int
    customers: int
    positives: int
    predicted: float
    observed: float
    low: float
    high: float


def calibration_tenths(labels: NDArray[np.float64], probability: NDArray[np.float64]) -> list[Tenth]:
    """Up to ten groups by probability, the riskiest first; fewer than ten rows make fewer groups.

    Args:
        labels: 0/1 per row.
        probability: per row; ties stay in the order of the rows.
    """
    order = np.argsort(-probability, kind="stable")
    groups = [group for group in np.array_split(order, 10) if len(group)]
    found = []
    for number, group in enumerate(groups, start=1):
        positives = int(labels[group].sum())
        low, high = wilson(positives, len(group))
        predicted, observed = float(probability[group].mean()), positives / len(group)
        found.append(Tenth(number, len(group), positives, predicted, observed, low, high))
    return found
