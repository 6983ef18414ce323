"""How good a survival view is on customers that it did not learn from, with weights for censored ones (IPCW).

Concordance is Uno's, the Brier score is integrated over the steps followed, and both are compared with the Kaplan-Meier
curve that gives everybody the same chances.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn_assets.ml.survival.follow_up import FollowUp

Floats = NDArray[np.float64]
Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Judgement:
    """Figures over customers at one date.

    Attributes:
        customers, left: customers followed, and those of them who left within the steps.
        steps: how many steps they were followed.
        concordance, concordance_low, concordance_high: chance that of two customers the one with fewer expected months
            leaves first, with its 95 % interval; 0.5 is chance.
        brier, baseline: integrated Brier score of the view and of the Kaplan-Meier curve; less is better.
        gain, gain_low, gain_high: baseline - brier, with the 95 % interval of the paired difference.
    """

    customers: int
    left: int
    steps: int
    concordance: float
    concordance_low: float
    concordance_high: float
    brier: float
    baseline: float
    gain: float
    gain_low: float
    gain_high: float

    @property
    def is_better(self) -> bool:
        """Whether the view is better than the baseline beyond chance, in both figures."""
        return self.concordance_low > 0.5 and self.gain_low > 0


def judge(survival: Floats, baseline: Floats, months: Floats, seen: FollowUp, steps: int) -> Judgement:
    """Compares predictions with what became of the customers.

    Args:
        survival: chance to be there after 0, 1, ... steps; shape (customers, at least steps + 1).
        baseline: the same for everybody; at least steps + 1 values.
        months: expected months; fewer means a higher risk.
        seen: what became of them.
        steps: the number of steps to look at.

    Raises:
        ValueError: nobody was followed, or nobody left or stayed: there is nothing to compare.
    """
    chosen = seen.at_risk
    seen, survival, months = seen.at(chosen), survival[chosen], months[chosen]
    censoring = uncensored(seen, steps)
    concordance, error = uno_concordance(months, seen, censoring, steps)
    view = integrated_brier(survival, seen, censoring, steps)
    plain = integrated_brier(np.broadcast_to(baseline, (len(months), len(baseline))), seen, censoring, steps)
    gains = plain - view
    gain, wide = float(gains.mean()), float(Z_95 * gains.std(ddof=1) / np.sqrt(len(gains)))
    return Judgement(
        customers=len(months),
        left=int((seen.left & (seen.steps < steps)).sum()),
        steps=steps,
        concordance=concordance,
        concordance_low=max(0.0, concordance - Z_95 * error),
        concordance_high=min(1.0, concordance + Z_95 * error),
        brier=float(view.mean()),
        baseline=float(plain.mean()),
        gain=gain,
        gain_low=gain - wide,
        gain_high=gain + wide,
    )


def step_curve(seen: FollowUp, steps: int) -> Floats:
    """Returns the Kaplan-Meier curve over steps ahead: the share still there after 0, 1, ... steps.

    Raises:
        ValueError: nobody was seen in one of the steps.
    """
    at_risk = np.array([seen.seen_in(step).sum() for step in range(steps)], dtype=np.float64)
    if not at_risk.all():
        raise ValueError(f"nobody was followed for {steps} steps")
    left = np.array([seen.left_in(step).sum() for step in range(steps)])
    return np.concatenate([[1.0], np.cumprod(1 - left / at_risk)])


def uncensored(seen: FollowUp, steps: int) -> Floats:
    """Returns the chance not to be censored before step 0, 1, ... (Kaplan-Meier of the censoring)."""
    chance = np.ones(steps)
    for step in range(1, steps):
        reached = seen.at_risk & (seen.steps >= step)
        lost = reached & (seen.steps == step) & ~seen.left
        chance[step] = chance[step - 1] * (1 - lost.sum() / max(1, reached.sum()))
    return chance


def uno_concordance(months: Floats, seen: FollowUp, censoring: Floats, steps: int) -> tuple[float, float]:
    """Returns Uno's concordance within `steps`, and its standard error.

    A pair is a customer who left in a step and one who was seen to stay in it; equal predictions count half. The error
    is that of a ratio of U-statistics, with the weights taken as known.

    Raises:
        ValueError: there is no such pair.
    """
    won, pairs = np.zeros(len(months)), np.zeros(len(months))
    for step in range(steps):
        leavers = np.flatnonzero(seen.left_in(step))
        stayers = np.flatnonzero(seen.at_risk & (seen.steps > step))
        if not len(leavers) or not len(stayers):
            continue
        weight = 1 / censoring[step] ** 2
        for one, others, sign in ((leavers, stayers, -1.0), (stayers, leavers, 1.0)):
            won[one] += weight * _wins(sign * months[one], np.sort(sign * months[others]))
            pairs[one] += weight * len(others)
    # each pair is counted once from either side
    total = pairs.sum() / 2
    if not total:
        raise ValueError("no customer left while another stayed")
    concordance = float(won.sum() / 2 / total)
    error = float(np.sqrt(((won - concordance * pairs) ** 2).sum()) / total)
    return concordance, error


def _wins(values: Floats, ordered: Floats) -> Floats:
    """Returns how many of the sorted `ordered` are smaller than each value; equal ones count half."""
    below, up_to = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    half: Floats = (below + up_to) / 2
    return half


def integrated_brier(survival: Floats, seen: FollowUp, censoring: Floats, steps: int) -> Floats:
    """Returns each customer's part of the integrated Brier score; the mean over customers is the score."""
    total = np.zeros(len(seen.steps))
    for step in range(1, steps + 1):
        gone = seen.left & (seen.steps < step)
        there = seen.steps >= step
        weight = np.zeros(len(total))
        weight[gone] = 1 / censoring[seen.steps[gone]]
        weight[there] = 1 / censoring[step - 1]
        total += weight * (survival[:, step] - there) ** 2
    return total / steps
