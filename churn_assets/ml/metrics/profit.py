"""Profit of a ranking: campaign profit under declared economics, and the expected maximum profit (EMPC).

A campaign contacts a share of the customers, riskiest first. A contact costs `contact`. A churner accepts the offer
with some probability, stays, is worth `lifetime_value` and costs `offer`. A customer who would have stayed anyway also
takes the offer, which costs `offer` and gains nothing. The acceptance probability is not known in advance: EMPC
(Verbraken, Verbeke & Baesens 2013, doi 10.1109/TKDE.2012.50) gives it a Beta distribution and averages the best
possible profit over it.
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
        low, high: its 95 % interval for independent customers; to first order, the best cut-offs do not change.
        fraction: share of the base to contact, averaged over the acceptance probability.
    """

    profit: float
    low: float
    high: float
    fraction: float


@dataclass(frozen=True)
class ProfitCurve:
    """Realised profit by share contacted, riskiest first; cut-offs are only between different scores.

    Attributes:
        share: share of the base contacted, from 0 to 1.
        profit: per customer of the whole base, at the mean acceptance.
    """

    share: NDArray[np.float64]
    profit: NDArray[np.float64]

    @property
    def best(self) -> int:
        """Position of the highest profit; of several, that of the smallest share."""
        return int(np.argmax(self.profit))

    def at(self, share: float) -> float:
        """Profit per customer at any share; between cut-offs, customers of one score are contacted at random."""
        return float(np.interp(share, self.share, self.profit))


def profit_curve(labels: ArrayLike, score: ArrayLike, economics: Economics | None = None) -> ProfitCurve:
    """Profit of contacting each top share of a ranking.

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

    The best cut-off for any acceptance is a vertex of the convex hull of the ROC curve. Between two breakpoints the
    best vertex is the same, so the integral is a finite sum of Beta integrals.

    Args:
        labels: 0/1 per customer, both present.
        score: higher is riskier; only the order matters.

    Raises:
        ValueError: only one class, lengths differ, or a score is missing.
    """
    from scipy.special import betainc

    economics = economics or Economics()
    hits, wasted = _hull(*_found(labels, score))
    n = float(hits[-1] + wasted[-1])
    # Acceptance above which the next vertex earns more than this one; it rises, because the hull is concave.
    with np.errstate(divide="ignore"):
        price = np.diff(wasted) / np.diff(hits)
    margin = economics.lifetime_value - economics.offer
    turns = (economics.waste * price + economics.contact) / margin
    bounds = np.clip(np.concatenate([[0.0], turns, [1.0]]), 0.0, 1.0)
    weight = np.diff(betainc(economics.alpha, economics.beta, bounds))
    # Integral of acceptance x density, from the Beta distribution with alpha + 1.
    first_moment = economics.acceptance * np.diff(betainc(economics.alpha + 1, economics.beta, bounds))
    # A customer is contacted at the first cut-off that includes them and at every later one.
    of_churner = _from_here_on(margin * first_moment - economics.contact * weight)
    of_stayer = _from_here_on(-economics.waste * weight)
    churners, stayers = np.diff(hits, prepend=0.0), np.diff(wasted, prepend=0.0)
    # contacting nobody earns 0, so the maximum is never below 0; rounding may make the sum negative
    profit = max(0.0, float((of_churner * churners + of_stayer * stayers).sum() / n))
    variance = float((of_churner**2 * churners + of_stayer**2 * stayers).sum() / n) - profit**2
    half = Z_95 * (max(variance, 0.0) / n) ** 0.5
    return MaximumProfit(profit, profit - half, profit + half, float((weight * (hits + wasted)).sum() / n))


def expected_profit(probability: ArrayLike, economics: Economics) -> NDArray[np.float64]:
    """Expected profit of contacting each customer at the mean acceptance, from calibrated churn probabilities."""
    p = np.asarray(probability, dtype=np.float64)
    return p * economics.gain(economics.acceptance) - (1 - p) * economics.waste


def _from_here_on(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of each value and all later ones."""
    return np.cumsum(values[::-1])[::-1]


def _found(labels: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Churners and stayers contacted at every cut-off between different scores, from no customer to all."""
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
    """Vertices of the upper convex hull of the ROC curve; counts are integers, so the turns are computed exactly."""
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
