"""What a ranking is worth: campaign profit under declared economics, and the expected maximum profit (EMPC).

A campaign contacts a share of the customers, riskiest first. A contact costs `contact`. A churner takes the offer with
some probability, stays, is worth `lifetime_value` and costs `offer`; a customer who would have stayed anyway takes the
offer too, which costs `offer` and gains nothing. EMPC (Verbraken, Verbeke & Baesens 2013, doi 10.1109/TKDE.2012.50)
takes that probability as Beta distributed, because nobody knows it beforehand, and averages the best possible profit
over it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn_assets.contracts.economics import Economics
from churn_assets.ml.metrics.classification import Z_95


@dataclass(frozen=True)
class MaximumProfit:
    """Expected maximum profit of a ranking.

    Attributes:
        profit: per customer of the whole base, contacted or not.
        low, high: its 95 % interval, for customers drawn independently; to first order the cut-offs stay the best ones.
        fraction: share of the base to contact, averaged over the acceptance probability.
    """

    profit: float
    low: float
    high: float
    fraction: float


@dataclass(frozen=True)
class ProfitCurve:
    """Realised profit by share contacted, riskiest first; cut-offs lie between different scores only.

    Attributes:
        share: share of the base contacted, from 0 to 1.
        profit: per customer of the whole base, at the mean acceptance.
    """

    share: NDArray[np.float64]
    profit: NDArray[np.float64]

    @property
    def best(self) -> int:
        """Position of the highest profit; the smallest share of several."""
        return int(np.argmax(self.profit))

    def at(self, share: float) -> float:
        """Profit per customer at a share between cut-offs: customers of one score are contacted at random."""
        return float(np.interp(share, self.share, self.profit))


def profit_curve(labels: ArrayLike, score: ArrayLike, economics: Economics | None = None) -> ProfitCurve:
    """Profit of contacting every leading share of a ranking.

    Args:
        labels: 0/1 per customer, both present.
        score: higher is riskier.

    Raises:
        ValueError: only one class, lengths differ, or a score is missing.
    """
    economics = economics or Economics()
    hits, wasted = _found(labels, score)
    profit = (hits * economics.gain(economics.acceptance) - wasted * economics.waste) / (
        hits[-1] + wasted[-1]
    )
    return ProfitCurve((hits + wasted) / (hits[-1] + wasted[-1]), profit)


def expected_maximum_profit(
    labels: ArrayLike, score: ArrayLike, economics: Economics | None = None
) -> MaximumProfit:
    """EMPC and the fraction to contact.

    The best cut-off for any acceptance is a vertex of the convex hull of the ROC curve; between two breakpoints it is
    the same one, so the integral is a finite sum of Beta integrals.

    Args:
        labels: 0/1 per customer, both present.
        score: higher is riskier; only its order counts.

    Raises:
        ValueError: only one class, lengths differ, or a score is missing.
    """
    from scipy.special import betainc

    economics = economics or Economics()
    hits, wasted = _hull(*_found(labels, score))
    n = float(hits[-1] + wasted[-1])
    # Acceptance from which the next vertex pays more than this one; hulls are concave, so it rises.
    with np.errstate(divide="ignore"):
        price = np.diff(wasted) / np.diff(hits)
    margin = economics.lifetime_value - economics.offer
    turns = (economics.waste * price + economics.contact) / margin
    bounds = np.clip(np.concatenate([[0.0], turns, [1.0]]), 0.0, 1.0)
    weight = np.diff(betainc(economics.alpha, economics.beta, bounds))
    # Integral of acceptance x density, from the Beta distribution with alpha + 1.
    first_moment = economics.acceptance * np.diff(betainc(economics.alpha + 1, economics.beta, bounds))
    # A customer is contacted at every cut-off from the one that first reaches them on.
    of_churner = _from_here_on(margin * first_moment - economics.contact * weight)
    of_stayer = _from_here_on(-economics.waste * weight)
    churners, stayers = np.diff(hits, prepend=0.0), np.diff(wasted, prepend=0.0)
    # never below 0, which contacting nobody earns; sums may round to less
    profit = max(0.0, float((of_churner * churners + of_stayer * stayers).sum() / n))
    variance = float((of_churner**2 * churners + of_stayer**2 * stayers).sum() / n) - profit**2
    half = Z_95 * (max(variance, 0.0) / n) ** 0.5
    return MaximumProfit(profit, profit - half, profit + half, float((weight * (hits + wasted)).sum() / n))


def expected_profit(probability: ArrayLike, economics: Economics) -> NDArray[np.float64]:
    """Expected profit of contacting each customer at the mean acceptance, from calibrated churn probabilities."""
    p = np.asarray(probability, dtype=np.float64)
    return p * economics.gain(economics.acceptance) - (1 - p) * economics.waste


def _from_here_on(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of each value and those after it."""
    return np.cumsum(values[::-1])[::-1]


def _found(labels: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Churners and stayers among the contacted at every cut-off between different scores, from nobody to everybody."""
    y, s = np.asarray(labels, dtype=np.float64), np.asarray(score, dtype=np.float64)
    if y.shape != s.shape or np.isnan(s).any() or not np.isin(y, (0.0, 1.0)).all():
        raise ValueError("labels must be 0 or 1, with one score each")
    if y.size == 0 or y.min() == y.max():
        raise ValueError("profit needs both churners and customers who stayed")
    order = np.argsort(-s, kind="stable")
    last_of_tie = np.flatnonzero(np.append(np.diff(s[order]) != 0, True))
    hits = np.append(0.0, np.cumsum(y[order])[last_of_tie])
    return hits, np.append(0.0, last_of_tie + 1.0) - hits


def _hull(
    hits: NDArray[np.float64], wasted: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Vertices of the upper convex hull of the ROC curve; counts are whole numbers, so the turns are exact."""
    kept: list[int] = []
    for at in range(len(hits)):
        while len(kept) > 1:
            a, b = kept[-2], kept[-1]
            turn = (wasted[b] - wasted[a]) * (hits[at] - hits[a]) - (wasted[at] - wasted[a]) * (
                hits[b] - hits[a]
            )
            if turn < 0:
                break
            kept.pop()
        kept.append(at)
    return hits[kept], wasted[kept]
