"""Whom to contact: our plan, and what others would do with the same budget, offers and capacities."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.contracts.campaigns import Campaigns
from churn_assets.contracts.economics import Economics
from churn_assets.retention.allocation import NOBODY, Floats, Offered, Places, allocate
from churn_assets.retention.cohort import Basis
from churn_assets.retention.plan import Candidates, Economy, candidates, make_plan

PLAN, RISK, RANDOM, ORACLE, OFF = "our plan", "highest risk first", "random", "oracle", "nobody"


Truth = Callable[[NDArray[np.bool_]], tuple[Floats, Floats]]


@dataclass(frozen=True)
class Question:
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


def answer(policy: str, asked: Question) -> pd.DataFrame:
    """customer_key, offer and arm of a plan by this policy, in the order of the cohort; null: no contact."""
    if policy == PLAN:
        return make_plan(asked.basis, asked.money, asked.section, asked.economics).rows
    found = candidates(asked.basis, asked.money, asked.section, asked.economics)
    everybody = np.array([told is None for told in found.reason])
    offer = {RISK: _by_risk, RANDOM: _at_random, ORACLE: _oracle, OFF: _none}[policy](asked, found, everybody)
    names = np.array([line.name for line in asked.money.offers], dtype=object)
    told = np.where(offer == NOBODY, None, names[offer])
    arm = np.where(offer == NOBODY, None, "planned")
    return asked.basis.cohort[["customer_key"]].assign(offer=told, arm=arm, reason=found.reason)


def _none(asked: Question, found: Candidates, who: NDArray[np.bool_]) -> Places:
    return np.full(len(who), NOBODY, dtype=np.intp)


def _by_risk(asked: Question, found: Candidates, who: NDArray[np.bool_]) -> Places:
    """The highest risk first, each with the strongest offer that may go to them, as far as money and places last."""
    order = np.argsort(-asked.basis.cohort["probability"].to_numpy(dtype=float), kind="stable")
    wish = np.broadcast_to(np.argsort(-asked.money.prevented, kind="stable"), found.allowed.shape)
    return filled(asked.money, found.allowed & who[:, None], order, wish)


def _at_random(asked: Question, found: Candidates, who: NDArray[np.bool_]) -> Places:
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


def _oracle(asked: Question, found: Candidates, who: NDArray[np.bool_]) -> Places:
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
