"""Whom to contact: our plan, and what others would do with the same budget, offers and capacities."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.contracts.campaigns import Campaigns
from churn_assets.contracts.economics import Economics
from churn_assets.retention.allocation import NOBODY, Floats, Offered, Places, allocate
from churn_assets.retention.arms import PLANNED
from churn_assets.retention.cohort import Basis
from churn_assets.retention.contacts import KEY
from churn_assets.retention.plan import Candidates, Economy, candidates, make_plan
from churn_assets.retention.results_told import ALL
from churn_assets.simulator.living import LivingWorld

CONTACT_AFTER = 3  # days from the as_of_date to the contact: the plan, its approval and the list
PLAN, RISK, RANDOM, ORACLE, OFF = "our plan", "highest risk first", "random", "oracle", "nobody"
OF_A_CONTACT = ("expected", "expected_cost", "true_saved", "true_cost")
POLICIES = (PLAN, OFF, RISK, RANDOM, ORACLE)


Truth = Callable[[NDArray[np.bool_]], tuple[Floats, Floats]]


@dataclass(frozen=True)
class PolicyQuestion:
    """What a policy is asked each month.

    Attributes:
        basis, section, economics: see `make_plan`.
        money: of the basis.
        truth: of some customers of the cohort (mask), customers x offers: true change of the churn probability, and
            true chance of acceptance.
        random: for random choices.
    """

    basis: Basis
    section: Campaigns
    economics: Economics
    money: Economy
    truth: Truth
    random: np.random.Generator


def answer(policy: str, asked: PolicyQuestion) -> pd.DataFrame:
    """customer_key, offer and arm of a plan by this policy, in the order of the cohort; null: no contact."""
    if policy == PLAN:
        return make_plan(asked.basis, asked.money, asked.section, asked.economics).rows
    found = candidates(asked.basis, asked.money, asked.section, asked.economics)
    everybody = np.array([told is None for told in found.reason])
    offer = {RISK: _by_risk, RANDOM: _at_random, ORACLE: _oracle, OFF: _none}[policy](asked, found, everybody)
    names = np.array([line.name for line in asked.money.offers], dtype=object)
    has = offer != NOBODY
    told, arm = np.full((2, len(offer)), None, dtype=object)
    told[has], arm[has] = names[offer[has]], PLANNED
    return asked.basis.cohort[[KEY]].assign(offer=told, arm=arm, reason=found.reason)


def _none(asked: PolicyQuestion, found: Candidates, who: NDArray[np.bool_]) -> Places:
    return np.full(len(who), NOBODY, dtype=np.intp)


def _by_risk(asked: PolicyQuestion, found: Candidates, who: NDArray[np.bool_]) -> Places:
    """The highest risk first, each with the strongest offer that may go to them, as far as money and places last."""
    order = np.argsort(-asked.basis.cohort["probability"].to_numpy(dtype=float), kind="stable")
    wish = np.broadcast_to(np.argsort(-asked.money.prevented, kind="stable"), found.allowed.shape)
    return filled(asked.money, found.allowed & who[:, None], order, wish)


def _at_random(asked: PolicyQuestion, found: Candidates, who: NDArray[np.bool_]) -> Places:
    """Customers and offers at random, as far as money and places last."""
    order = asked.random.permutation(len(who))
    wish = np.argsort(asked.random.random(found.allowed.shape), axis=1)
    return filled(asked.money, found.allowed & who[:, None], order, wish)


def filled(money: Economy, allowed: NDArray[np.bool_], order: Places, wish: NDArray[np.intp]) -> Places:
    """The offer of each customer, or NOBODY, where customers come in an order and wish for offers in another.

    Args:
        money: offers and limits.
        allowed: customers x offers.
        order: of the customers.
        wish: customers x offers; of each customer the places of the offers, the first choice first.
    """
    chosen = np.full(len(allowed), NOBODY, dtype=np.intp)
    left = money.limits.copy()
    for customer in order[allowed[order].any(axis=1)].tolist():
        for offer in wish[customer].tolist():
            if allowed[customer, offer] and (money.use[:, offer] <= left).all():
                chosen[customer] = offer
                left -= money.use[:, offer]
                break
    return chosen


def _oracle(asked: PolicyQuestion, found: Candidates, who: NDArray[np.bool_]) -> Places:
    """The best allocation by the true effects. The budget counts what contacts are expected to cost, as in our plan."""
    here = who & found.allowed.any(axis=1)
    change, takes = asked.truth(here)
    contact, cost = np.array([[o.contact_cost, o.cost] for o in asked.money.offers]).T
    profit = -change * found.value[here, None] - contact - takes * cost
    solved = allocate(
        Offered(np.where(found.allowed[here], profit, -np.inf), asked.money.use, asked.money.limits)
    )
    chosen = np.full(len(who), NOBODY, dtype=np.intp)
    chosen[here] = solved.offer
    return chosen


def with_truth(rows: pd.DataFrame, money: Economy, truth: Truth) -> pd.DataFrame:
    """Adds what each planned offer is expected to do and cost, and what it really does and costs on average.

    Args:
        rows: offer (null: none) and probability, in the order of the cohort.
        money: of the plan.
        truth: see `PolicyQuestion`.
    """
    told = rows["offer"].notna().to_numpy()
    if not told.any():
        return rows.assign(**dict.fromkeys(OF_A_CONTACT, np.nan))
    place = rows["offer"].map({offer.name: n for n, offer in enumerate(money.offers)})
    at = place[told].to_numpy(dtype=int)
    change, takes = truth(told)
    row = np.arange(len(at))
    contact, cost = np.array([[o.contact_cost, o.cost] for o in money.offers]).T
    expected = rows["probability"].to_numpy()[told] * money.prevented[at]
    new = {
        "expected": expected,
        "expected_cost": money.cost[at],
        "true_saved": -change[row, at],
        "true_cost": contact[at] + takes[row, at] * cost[at],
    }
    return rows.assign(**{name: _spread(new[name], told) for name in OF_A_CONTACT})


def _spread(numbers: NDArray[np.float64], where: NDArray[np.bool_]) -> NDArray[np.float64]:
    found = np.full(len(where), np.nan)
    found[where] = numbers
    return found


def true_difference(
    rows: pd.DataFrame, campaign: str, days: int, without: Mapping[str, LivingWorld], ours: LivingWorld
) -> float:
    """The share of the planned customers who left within the days, less the share without the campaigns of the draw.

    NaN where no days are over.

    Args:
        rows: customer_key, campaign_id, draw, arm (null: none), slot and start (epoch day).
        campaign: its id, or `all`.
        days: from the start.
        without: draw -> the copy that is left alone from its beginning on; ours where offers do nothing.
        ours: our world.
    """
    rows = rows[rows["arm"].notna()].sort_values(["start", "campaign_id", KEY])
    rows = rows[~rows.duplicated(["draw", KEY]) & (rows["arm"] == PLANNED)]
    rows = rows[(rows["start"] + days <= ours.day) & ((rows["campaign_id"] == campaign) | (campaign == ALL))]
    changes = []
    for draw, part in rows.groupby("draw"):
        slots, end = part["slot"].to_numpy(), part["start"].to_numpy() + days
        treated, alone = (
            world.left_by_choice(slots) <= end for world in (ours, without.get(str(draw), ours))
        )
        changes.append(treated.astype(float) - alone)
    return float(np.concatenate(changes).mean()) if changes else float("nan")
