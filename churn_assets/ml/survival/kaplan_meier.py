"""Retention curves: Kaplan-Meier with delayed entry, with Greenwood's interval on the log-log scale."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn_assets.ml.survival.follow_up import FollowUp

Z_95 = 1.959963984540054
# A curve begins at the first age, and ends before the first later age, at which fewer customers than this were seen.
LEAST_AT_RISK = 20


@dataclass(frozen=True)
class RetentionCurve:
    """One entry per age in steps, from `first_age` on.

    Attributes:
        first_age: age at which the curve begins, with 1. Retention is conditional on having reached it.
        at_risk: customers seen in the step that begins at that age.
        left: those of them who left in it.
        retention, low, high: share still there at the end of the step, with its 95 % interval.
    """

    first_age: int
    at_risk: NDArray[np.int64]
    left: NDArray[np.int64]
    retention: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def customer_steps(
    age: NDArray[np.int64], seen: FollowUp
) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.bool_]]:
    """Returns the steps in which customers were seen: position of the snapshot, age, and whether they left.

    Who left between two cohorts counts one step after the last snapshot.

    Args:
        age: whole steps since the customer came, at each snapshot.
    """
    first, between = np.flatnonzero(seen.at_risk), np.flatnonzero(seen.left_between)
    left = np.concatenate([seen.left_in(0)[first], np.ones(len(between), dtype=bool)])
    return np.concatenate([first, between]), np.concatenate([age[first], age[between] + 1]), left


def kaplan_meier(
    age: NDArray[np.int64], left: NDArray[np.bool_], least: int = LEAST_AT_RISK
) -> RetentionCurve | None:
    """Returns the curve from customer-steps; None if no age has `least` of them.

    A customer counts at the ages at which they were seen, and at no earlier or later one. That is delayed entry
    (customers who came before the history begins) and right censoring.

    Args:
        age: whole steps since the customer came, at the start of each step seen.
        left: whether the customer left in that step.
        least: customers at an age for it to count.
    """
    if not len(age):
        return None
    seen = np.bincount(age)
    gone = np.bincount(age[left], minlength=len(seen))
    enough = seen >= least
    if not enough.any():
        return None
    first = int(np.argmax(enough))
    run = enough[first:]
    last = first + (len(run) if run.all() else int(np.argmin(run)))
    at_risk, leavers = seen[first:last].astype(np.int64), gone[first:last].astype(np.int64)
    retention = np.cumprod(1 - leavers / at_risk).astype(np.float64)
    low, high = _interval(at_risk, leavers, retention)
    return RetentionCurve(first, at_risk, leavers, retention, low, high)


def _interval(
    at_risk: NDArray[np.int64], left: NDArray[np.int64], retention: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Greenwood's variance of log(-log S). Before anybody left, the bound of a hazard with no event; 0 stays 0."""
    low, high = np.zeros(len(retention)), np.ones(len(retention))
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.cumsum(left / (at_risk * (at_risk - left)))
        deviation = Z_95 * np.sqrt(variance) / -np.log(retention)
    inside = (retention > 0) & (retention < 1)
    low[inside] = retention[inside] ** np.exp(deviation[inside])
    high[inside] = retention[inside] ** np.exp(-deviation[inside])
    nobody = retention == 1
    # the largest hazard with which n customers without an event are no rarer than 1 in 40
    rate = -np.log(0.025) / np.cumsum(at_risk)
    low[nobody] = np.exp(-rate[nobody] * (np.flatnonzero(nobody) + 1))
    emptied = np.flatnonzero(retention == 0)
    if len(emptied):
        high[emptied] = high[emptied[0] - 1] if emptied[0] else 1.0
    return low, high
