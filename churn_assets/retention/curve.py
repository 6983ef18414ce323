"""The budget curve: what more or less money would earn, and the point from which the next euro earns nothing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn_assets.contracts.campaigns import Campaigns
from churn_assets.contracts.economics import Economics
from churn_assets.retention.allocation import NOBODY, Offered, allocate
from churn_assets.retention.cohort import Basis
from churn_assets.retention.contacts import KEY
from churn_assets.retention.draws import uniform
from churn_assets.retention.plan import Economy, candidates, offered

STEPS = 12
BEYOND = 1.25  # the curve goes so far beyond the budget from which on nothing more is spent
SAMPLED = 50_000  # customers; a larger cohort is sampled, and its limits shrink with it


@dataclass(frozen=True)
class CurvePoint:
    """One budget and what it would earn, without exploration.

    Attributes:
        budget: that may be spent.
        customers: who would be contacted.
        cost, profit: expected.
        saved: customers who would stay because of it.
        next_euro: profit of one more unit of budget.
        declared: whether it is the budget of the plan.
    """

    budget: float
    customers: int
    cost: float
    profit: float
    saved: float
    next_euro: float
    declared: bool


def budget_curve(basis: Basis, money: Economy, section: Campaigns, economics: Economics) -> list[CurvePoint]:
    """The curve from no money to more than anything pays for, by rising budget."""
    found = candidates(basis, money, section, economics)
    may = found.open
    weight = 1.0
    if may.sum() > SAMPLED:
        keep = uniform(basis.cohort[KEY], section.seed, "curve") < SAMPLED / may.sum()
        weight = may.sum() / max((may & keep).sum(), 1)
        may &= keep
    problem = offered(found, money, section, may)
    effect = found.effect[may]

    def at(budget: float) -> CurvePoint:
        limits = np.append(budget, money.limits[1:]) / weight
        solved = allocate(Offered(problem.profit, problem.use, limits), exact_pairs=0)
        with_one = np.flatnonzero(solved.offer != NOBODY)
        given = solved.offer[with_one]
        return CurvePoint(
            budget=float(budget),
            customers=round(weight * len(given)),
            cost=float(weight * money.cost[given].sum()),
            profit=weight * solved.profit,
            saved=float(weight * effect[with_one, given].sum()),
            next_euro=float(solved.prices[0]),
            declared=budget == money.limits[0],
        )

    most = at(np.inf).cost
    return [at(budget) for budget in _budgets(most, float(money.limits[0]))]


def _budgets(most: float, declared: float) -> NDArray[np.float64]:
    steps = np.round(np.linspace(0.0, BEYOND * most, STEPS + 1), 2)
    return np.unique(np.append(steps, declared))


def stops_paying(curve: list[CurvePoint]) -> float:
    """The budget from which on more money would not be spent."""
    return max((point.cost for point in curve), default=0.0)
