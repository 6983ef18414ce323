"""The two arms of a group of customers, and how they differ in churn, months of stay and money."""

from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.retention.arms import PLANNED
from churn_assets.retention.contacts import KEY
from churn_assets.retention.measure_estimates import (
    Codes,
    Contrast,
    Floats,
    estimate,
    newcombe,
    share_prevented,
)

Range = tuple[float, float, float]
MONTH_DAYS = 30.4375
MINIMUM_CHURNERS = 5  # of the control arm, and as many who stay; of both arms twice as many


@dataclass(frozen=True)
class Arms:
    """Customers whose outcome is known, in the order of `rows`.

    Attributes:
        stratum, customer: numbers of the campaign and of the customer of each row.
        starts: distinct days on which campaigns started.
        treated, left: of each customer; whether they left within the days.
        lost: months of stay lost in these days; a customer who stayed has lost none.
        score, margin, cost, effect: of each; NaN where unknown. The effect is the expected one.
    """

    stratum: Codes
    customer: Codes
    starts: tuple[date, ...]
    treated: NDArray[np.bool_]
    left: NDArray[np.bool_]
    lost: Floats
    score: Floats
    margin: Floats
    cost: Floats
    effect: Floats

    @classmethod
    def of(cls, rows: pd.DataFrame, left: NDArray[np.bool_], days: int) -> Self:
        """The arms of these customers, `left` within so many days."""
        stayed = np.fmin(rows["_ended_on"].to_numpy() - rows["_started_on"].to_numpy(), days)
        stayed = np.clip(np.where(np.isnan(stayed), days, stayed), 0, days)
        return cls(
            stratum=pd.factorize(rows["campaign_id"])[0],
            customer=pd.factorize(rows[KEY])[0],
            starts=tuple(rows["started_on"].unique()),
            treated=(rows["arm"] == PLANNED).to_numpy(),
            left=left,
            lost=(days - stayed) / MONTH_DAYS,
            score=rows["score"].to_numpy(dtype=float),
            margin=rows["margin"].to_numpy(dtype=float),
            cost=rows["cost"].to_numpy(dtype=float),
            effect=rows["expected"].to_numpy(dtype=float),
        )

    @property
    def sizes(self) -> tuple[int, int]:
        """Treated and control customers."""
        return int(self.treated.sum()), int((~self.treated).sum())

    @property
    def decidable(self) -> bool:
        """Whether enough left and enough stayed for an interval that holds."""
        if not all(self.sizes):
            return False
        control, everybody = self.left[~self.treated], self.left
        rare = min(int(control.sum()), int((~control).sum()))
        of_all = min(int(everybody.sum()), int((~everybody).sum()))
        return rare >= MINIMUM_CHURNERS and of_all >= 2 * MINIMUM_CHURNERS

    @property
    def rate(self) -> float:
        """Share of the control arm who left; by the scores where too few are known to tell."""
        if self.decidable or np.isnan(self.score).all():
            held = self.left[~self.treated]
            return float(held.mean()) if len(held) else 0.0
        return float(np.nanmean(self.score))

    @property
    def expected(self) -> float | None:
        """Share of the treated customers' churn that was expected to be prevented; None if nothing was."""
        told = self.treated & ~np.isnan(self.effect) & ~np.isnan(self.score)
        base = self.score[told].sum()
        return float(self.effect[told].sum() / base) if base > 0 else None

    @property
    def months_started(self) -> int:
        """Calendar months in which the campaigns started."""
        return len({(day.year, day.month) for day in self.starts})


@dataclass(frozen=True)
class ArmsCompared:
    """How the arms differ, treated less control.

    Attributes:
        churn: the share who left, adjusted by the score where one is known.
        difference: without adjustment.
        adjusted: None where no score is known.
        prevented: share of the treated customers' churn; None where it cannot be told.
        months: of stay won by each treated customer.
        profit: of all treated customers; None where no margin or cost is known.
    """

    churn: Contrast
    difference: Range
    adjusted: Range | None
    prevented: Range | None
    months: Range | None
    profit: Range | None

    def saved(self, arms: Arms) -> Range:
        """Customers who stayed because of it."""
        return _times(self.churn, -float(arms.sizes[0]))


def compared(arms: Arms) -> ArmsCompared | None:
    """How the arms differ; None where too few left or stayed to tell, or the arms are too small."""
    if not arms.decidable:
        return None
    strata, customer, left = arms.stratum, arms.customer, arms.left.astype(float)
    scores = _known(arms.score, strata)
    plain = estimate(left, arms.treated, strata, customer)
    adjusted = estimate(left, arms.treated, strata, customer, scores) if scores else None
    best = adjusted or plain
    if plain is None or best is None:
        return None
    stay = estimate(-arms.lost, arms.treated, strata, customer, scores)
    return ArmsCompared(
        churn=best,
        difference=_plain(arms, plain),
        adjusted=_range(adjusted),
        prevented=share_prevented(best, left, arms.treated, customer),
        months=_range(stay),
        profit=_profit(arms),
    )


def _plain(arms: Arms, plain: Contrast) -> Range:
    """The difference without adjustment: of one campaign with an interval that also holds for few churners.

    That interval takes each row for a customer, so it is not used where one has several.
    """
    several = arms.customer.max() + 1 < len(arms.customer)
    if arms.stratum.any() or several:
        return plain.value, *plain.interval
    left = (int(arms.left[arm].sum()) for arm in (arms.treated, ~arms.treated))
    (x1, x0), (n1, n0) = left, arms.sizes
    return x1 / n1 - x0 / n0, *newcombe(x1, n1, x0, n0)


def _known(values: Floats, strata: Codes) -> list[Floats]:
    """A covariate, the unknown replaced by the mean of their campaign, which is the same for both arms.

    Empty where none is known.
    """
    told = ~np.isnan(values)
    if not told.any():
        return []
    size = np.bincount(strata, told)
    mean = np.bincount(strata, np.where(told, values, 0.0)) / np.maximum(size, 1)
    mean = np.where(size > 0, mean, values[told].mean())
    return [np.where(told, values, mean[strata])]


def _profit(arms: Arms) -> Range | None:
    """Money won by all treated customers, of those whose margin and cost are known."""
    told = ~np.isnan(arms.margin) & ~np.isnan(arms.cost)
    if not told.any():
        return None
    margin, treated, strata = arms.margin[told], arms.treated[told], arms.stratum[told]
    money = -arms.lost[told] * margin - arms.cost[told]
    covariates = [*(score * margin for score in _known(arms.score[told], strata)), margin]
    found = estimate(money, treated, strata, arms.customer[told], covariates)
    return _times(found, float(treated.sum())) if found else None


def _range(found: Contrast | None) -> Range | None:
    return (found.value, *found.interval) if found else None


def _times(found: Contrast, factor: float) -> Range:
    low, high = sorted(factor * end for end in found.interval)
    return factor * found.value, low, high
