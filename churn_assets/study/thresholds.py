"""What comes of contacting everybody above a probability, and how far the probabilities can be trusted, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn_assets.ml.metrics.campaign import calibration_error
from churn_assets.ml.metrics.classification import wilson

STEPS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
# Probabilities that miss by less than this on average are nearly right, even where that is more than chance.
NEARLY = 0.02


@dataclass(frozen=True)
class Confusion:
    """Counts of a threshold: contacted and left, contacted and stayed, missed and left, left alone and stayed."""

    threshold: float
    hits: int
    wasted: int
    missed: int
    spared: int

    @property
    def contacted(self) -> int:
        """Number of customers with at least this probability."""
        return self.hits + self.wasted


def confusion_table(
    labels: NDArray[np.float64], probability: NDArray[np.float64], break_even: float
) -> list[Confusion]:
    """Returns the counts of each threshold of STEPS and of the break-even that somebody reaches, rising."""
    found = []
    for threshold in sorted({*STEPS, round(break_even, 4)}):
        above = probability >= threshold
        if above.any():
            hits, missed = int(labels[above].sum()), int(labels[~above].sum())
            found.append(
                Confusion(threshold, hits, int(above.sum()) - hits, missed, int((~above).sum()) - missed)
            )
    return found


def calibration_verdict(labels: NDArray[np.float64], probability: NDArray[np.float64], slope: float) -> str:
    """Returns whether the probabilities may be taken at their word."""
    error = calibration_error(labels, probability)
    order = np.argsort(probability, kind="stable")
    top = order[-max(1, len(order) // 10) :]
    expected, left = (f"{float(values[top].mean()):.0%}" for values in (probability, labels))
    example = f"Of the riskiest tenth {expected} were expected to leave; {left} did."
    size = f"on average they miss the share that left by {100 * error.value:.1f} percentage points"
    if error.value <= error.by_chance:
        return f"The probabilities can be taken at their word: {size}, no more than chance alone explains. {example}"
    if error.value <= NEARLY:
        return f"The probabilities are nearly right: {size}. {example}"
    fault = "too extreme" if slope < 0.9 else "too close to the average" if slope > 1.1 else "shifted"
    return f"Trust the order more than the size of the probabilities, which are {fault}: {size}. {example}"


@dataclass(frozen=True)
class Subgroup:
    """Judged rows with one value: their number, the share that left with its 95 % interval, the mean probability.

    Attributes:
        auc: inside the group; None with fewer than 20 customers of a kind.
    """

    feature: str
    value: str
    rows: int
    churn: float
    low: float
    high: float
    predicted: float
    auc: float | None

    @property
    def verdict(self) -> str:
        """Whether the predicted share is inside the interval of the observed one."""
        if self.predicted > self.high:
            return "predicted too high"
        return "predicted too low" if self.predicted < self.low else "as predicted"


def subgroup(
    feature: str, value: str, labels: Sequence[float] | NDArray[np.float64], probability: NDArray[np.float64]
) -> Subgroup:
    """Returns the figures of some judged rows."""
    from churn_assets.ml.metrics.classification import MINIMUM_POSITIVES, auc_interval

    y = np.asarray(labels, dtype=np.float64)
    left = float(y.sum())
    enough = min(left, len(y) - left) >= MINIMUM_POSITIVES
    auc = auc_interval(y, probability)[0] if enough else None
    return Subgroup(
        feature, value, len(y), left / len(y), *wilson(left, len(y)), float(probability.mean()), auc
    )
