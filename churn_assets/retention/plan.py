"""The plan of a campaign: which customer gets which offer, and why everybody else gets none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from churn_assets.contracts.campaigns import Campaigns
from churn_assets.contracts.economics import Economics
from churn_assets.contracts.offers import OfferLine
from churn_assets.retention.allocation import (
    NOBODY,
    Allocation,
    Floats,
    Offered,
    Places,
    allocate,
    like_planned,
)
from churn_assets.retention.arms import (
    EXCLUDED,
    EXPLORATION,
    HOLDOUT,
    NO_CONSENT,
    NOT_REACHABLE,
    NOT_WORTH_IT,
    OBJECTION,
    OVER_BUDGET,
    PLANNED,
    RECENT,
    UNKNOWN,
)
from churn_assets.retention.cohort import Basis, campaign_id, holdout_draw
from churn_assets.retention.contacts import KEY
from churn_assets.retention.draws import in_holdout, uniform

if TYPE_CHECKING:
    import pandas as pd


class PlanError(RuntimeError):
    """A campaign cannot be planned so; the message says why and what to do."""


@dataclass(frozen=True)
class Economy:
    """Offers and money of a plan.

    Attributes:
        offers: of churn.yaml.
        prevented, acceptance, cost: of each offer: share of churn that it prevents, chance that it is accepted,
            expected cost of one contact.
        use, limits: see `Offered`; the first resource is the budget.
    """

    offers: Sequence[OfferLine]
    prevented: Floats
    acceptance: Floats
    cost: Floats
    use: Floats
    limits: Floats


@dataclass(frozen=True)
class Candidates:
    """Customers and what could be offered to them.

    Attributes:
        value: of each customer; NaN where unknown.
        allowed: customers x offers: the offer may be made.
        effect: customers x offers: expected fall of the churn probability.
        profit: customers x offers; NaN where the value is unknown.
        reason: why a customer gets none, as far as it is known before money is divided; null: may get one.
        holdout: in the holdout, whatever the reason.
    """

    value: Floats
    allowed: NDArray[np.bool_]
    effect: Floats
    profit: Floats
    reason: NDArray[np.object_]
    holdout: NDArray[np.bool_]

    @property
    def open(self) -> NDArray[np.bool_]:
        """Customers who may get an offer."""
        return np.asarray([told is None for told in self.reason], dtype=bool) & ~self.holdout


@dataclass(frozen=True)
class PlannedCampaign:
    """A plan and how it was found.

    Attributes:
        rows: the columns of retention/campaign_plan, by customer_key.
        allocation: of the customers who were not drawn at random.
        budget: that was planned with.
    """

    rows: "pd.DataFrame"
    allocation: Allocation
    budget: float


def economy(
    offers: Sequence[OfferLine], section: Campaigns, basis: Basis, budget: float | None = None
) -> Economy:
    """Offers and money of a plan.

    Args:
        offers: of churn.yaml.
        section: `campaigns` of churn.yaml.
        basis: with the effects.
        budget: instead of the declared one.

    Raises:
        PlanError: the budget does not pay for one contact.
    """
    budget = section.budget if budget is None else budget
    cheapest = min(offer.contact_cost for offer in offers)
    if not np.isfinite(budget):
        raise PlanError(f"A budget is an amount of money, not {budget}.")
    if budget < cheapest:
        raise PlanError(
            f"A budget of {budget:g} is below the cheapest contact, {cheapest:g}, so nobody could be contacted. Raise "
            "the budget."
        )
    effects = [basis.effects[offer.name] for offer in offers]
    acceptance = np.array([effect.acceptance for effect in effects])
    cost = np.array([o.contact_cost + o.cost * a for o, a in zip(offers, acceptance, strict=True)])
    rows, limits = [cost], [budget]
    for capacity in section.capacity:
        rows.append(np.array([float(offer.channel == capacity.channel) for offer in offers]))
        limits.append(float(capacity.contacts))
    for place, offer in enumerate(offers):
        if offer.capacity is not None:
            rows.append(np.eye(len(offers))[place])
            limits.append(float(offer.capacity))
    prevented = np.array([effect.prevented for effect in effects])
    return Economy(offers, prevented, acceptance, cost, np.array(rows), np.array(limits))


def candidates(basis: Basis, money: Economy, section: Campaigns, economics: Economics) -> Candidates:
    """Who may get which offer, and what it is expected to earn."""
    cohort = basis.cohort
    value = values(cohort["value"].to_numpy(dtype=float), economics.lifetime_value)
    if basis.kept is not None:
        value = np.asarray(cohort[KEY].map(dict(basis.kept)), dtype=np.float64)
    probability = cohort["probability"].to_numpy(dtype=float)
    fits = np.column_stack([cohort[offer.name].eq(True).to_numpy() for offer in money.offers])
    rested = np.column_stack([_rested(cohort["contacted_on"], basis, offer) for offer in money.offers])
    allowed = fits & rested
    effect = probability[:, None] * money.prevented
    for place, offer in enumerate(money.offers):
        if (own := basis.own_effects.get(offer.name)) is not None:
            known = np.asarray(cohort[KEY].map(dict(own)), dtype=np.float64)
            effect[:, place] = np.where(np.isnan(known), effect[:, place], known)
    profit = effect * value[:, None] - money.cost
    holdout = left_alone(basis, section)
    unknown = np.isnan(probability) | np.isnan(value)
    unknown |= cohort["consent"].isna().to_numpy() | cohort["excluded"].isna().to_numpy()
    held = (
        (UNKNOWN, unknown),
        (OBJECTION, cohort["objected"].to_numpy(dtype=bool)),
        (NO_CONSENT, ~cohort["consent"].eq(True).to_numpy()),
        (EXCLUDED, cohort["excluded"].eq(True).to_numpy()),
        (NOT_REACHABLE, ~np.any(fits, axis=1)),
        (RECENT, ~np.any(allowed, axis=1)),
    )
    reason = np.full(len(cohort), None, dtype=object)
    for told, holds in reversed(held):
        reason[holds] = told
    return Candidates(value, allowed, effect, profit, reason, holdout)


def left_alone(basis: Basis, section: Campaigns) -> NDArray[np.bool_]:
    """Whether each customer of the cohort is in the holdout."""
    keys = basis.cohort[KEY]
    drawn = in_holdout(keys, basis.strata, section.holdout, section.seed, basis.holdout_id)
    assigned = keys.map(dict(basis.assigned))
    return np.where(assigned.notna().to_numpy(), assigned.eq(True).to_numpy(), drawn)


def values(margin: Floats, lifetime_value: float) -> Floats:
    """Value of each customer: lifetime_value times the own margin against the mean of those that are known.

    A margin below 0 counts as 0. Where nobody has a margin, no value is known.
    """
    own = np.maximum(margin, 0.0)
    known = own[~np.isnan(own)]
    if not known.size or known.mean() <= 0:
        return np.full(len(margin), np.nan)
    return np.asarray(lifetime_value * own / known.mean(), dtype=np.float64)


def _rested(contacted_on: "pd.Series", basis: Basis, offer: OfferLine) -> NDArray[np.bool_]:
    """Whether the cool-down of an offer is over."""
    since = basis.day - timedelta(days=offer.cool_down_days)
    days = [day for day in contacted_on.unique() if day is not None]
    recent = {day for day in days if day > since}
    return ~contacted_on.isin(list(recent)).to_numpy() if recent else np.ones(len(contacted_on), dtype=bool)


def offered(found: Candidates, money: Economy, section: Campaigns, who: NDArray[np.bool_]) -> Offered:
    """The problem of some customers: pairs that may be made and earn enough."""
    profit = np.where(found.allowed & (found.profit >= section.minimum_profit), found.profit, -np.inf)
    return Offered(profit[who], money.use, money.limits)


def make_plan(basis: Basis, money: Economy, section: Campaigns, economics: Economics) -> PlannedCampaign:
    """Plans a campaign: draws the holdout and the exploration, and gives the rest of the money where it earns most.

    Whoever is in the holdout is told the offer that they would have got, so that both arms can be compared later.
    """
    found = candidates(basis, money, section, economics)
    identity = campaign_id(section, basis.day)
    explored, used = explore(basis.cohort[KEY], found, money, section, identity)
    may = found.open & (explored == NOBODY)
    problem = offered(found, money, section, may)
    left = np.maximum(money.limits - used, 0.0)
    allocation = allocate(Offered(problem.profit, problem.use, left))
    offer = explored.copy()
    offer[may] = allocation.offer
    held = found.holdout & np.asarray([told is None for told in found.reason], dtype=bool)
    drawn = uniform(basis.cohort[KEY][held], section.seed, identity, "would have got")
    offer[held] = like_planned(
        offered(found, money, section, held).profit, problem.profit, money.use, allocation, drawn
    )
    arm = np.full(len(offer), None, dtype=object)
    arm[may & (offer != NOBODY)] = PLANNED
    arm[explored != NOBODY] = EXPLORATION
    arm[held] = HOLDOUT
    reason = found.reason.copy()
    reason[held] = HOLDOUT
    worth = np.any(problem.profit > 0, axis=1)
    none = allocation.offer == NOBODY
    reason[np.flatnonzero(may)[none]] = np.where(np.asarray(worth)[none], OVER_BUDGET, NOT_WORTH_IT)
    return PlannedCampaign(
        _rows(basis, money, section, found, offer, arm, reason), allocation, float(money.limits[0])
    )


def explore(
    keys: "pd.Series", found: Candidates, money: Economy, section: Campaigns, identity: str
) -> tuple[Places, Floats]:
    """Customers and offers drawn at random, as long as the share of budget, capacities and customers lasts.

    Returns:
        The offer of each customer, or NOBODY; and what they use of each resource.
    """
    drawn = np.full(len(keys), NOBODY, dtype=np.intp)
    used = np.zeros(len(money.limits))
    shares = np.append(money.limits[:1], np.floor(money.limits[1:] * section.exploration))
    shares[0] *= section.exploration
    people = np.flatnonzero(found.open & found.allowed.any(axis=1))
    chosen = keys.iloc[people]
    order = np.argsort(uniform(chosen, section.seed, identity, "exploration"), kind="stable")
    which = uniform(chosen, section.seed, identity, "offer")
    left = int(section.exploration * len(people))  # offers that cost nothing would else go to everybody
    for place in order.tolist():
        fits = np.all(used[:, None] + money.use <= shares[:, None], axis=0)
        if not left or not fits.any():
            break
        options = np.flatnonzero(found.allowed[people[place]])
        offer = options[int(which[place] * len(options))]
        if fits[offer]:
            drawn[people[place]] = offer
            used += money.use[:, offer]
            left -= 1
    return drawn, used


def _rows(
    basis: Basis,
    money: Economy,
    section: Campaigns,
    found: Candidates,
    offer: Places,
    arm: NDArray[np.object_],
    reason: NDArray[np.object_],
) -> "pd.DataFrame":
    cohort, has, at = basis.cohort, offer != NOBODY, np.arange(len(offer))
    names = np.array([o.name for o in money.offers], dtype=object)
    channels = np.array([o.channel for o in money.offers], dtype=object)
    probability = cohort["probability"].to_numpy(dtype=float)

    def given(numbers: Floats) -> Floats:
        return np.where(has, numbers, np.nan)

    return cohort[[KEY]].assign(
        as_of_date=basis.day,
        campaign_id=campaign_id(section, basis.day),
        holdout_id=basis.holdout_id,
        holdout_draw=holdout_draw(section),
        arm=arm,
        offer=_where(has, names[offer]),
        channel=_where(has, channels[offer]),
        reason=reason,
        probability=probability,
        value=found.value,
        expected_effect=given(found.effect[at, offer]),
        expected_acceptance=given(money.acceptance[offer]),
        expected_cost=given(money.cost[offer]),
        expected_profit=given(found.profit[at, offer]),
        **{name: cohort[name] for name in ("risk_tier", "value_tier", "segment", "model_version")},
    )


def _where(has: NDArray[np.bool_], texts: NDArray[np.object_]) -> NDArray[np.object_]:
    found = np.full(len(has), None, dtype=object)
    found[has] = texts[has]
    return found
