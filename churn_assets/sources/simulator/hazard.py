"""Why customers leave: the daily hazard of an end by choice, as a sum of named reasons on the log scale.

Every reason rests on something that the delivered sources show (contract dates, prices, usage, outages, tickets,
payments, offers, attributes) except a small residual. A Regime holds the strengths; the world can change from one
regime to another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_assets.sources.simulator.dates import Array, to_date
from churn_assets.sources.simulator.events import (
    MEAN_DEPTH,
    MEAN_RISE,
    MONTHLY_RISE_SHARE,
    ONSET_PER_DAY,
    RISE_FREE_DAYS,
    RISE_REST_DAYS,
    mean_drops,
    mean_outage,
)
from churn_assets.sources.simulator.population import Population
from churn_assets.sources.simulator.state import ROLLING_DAYS, State

GAP_DAYS = 7
OUTCOME_DAYS = 30
NEAR_EXPIRY_DAYS = 45
DAILY_LIMIT = 0.035
MONTH_SEASON = np.array(
    [0.12, 0.0, 0.0, -0.05, -0.05, -0.05, -0.1, 0.0, 0.12, 0.05, 0.15, 0.02], dtype=np.float32
)


@dataclass(frozen=True)
class Regime:
    """Strengths of the reasons (log hazard per unit of the quantity named in `reasons`)."""

    base: float = -9.3
    rolling: float = 1.15
    bound: float = -2.1
    expiring: float = 2.8
    newcomer: float = 1.75
    years: float = -0.2
    price: float = 2.1
    outage: float = 0.85
    drops: float = 0.95
    open_ticket: float = 0.9
    dissatisfaction: float = 0.8
    tickets: float = 0.3
    disengagement: float = 2.3
    disengaged_at_expiry: float = 0.8
    payment: float = 0.5
    attributes: float = 1.6
    offer: float = 1.0
    heavy: float = -0.2


BEFORE = Regime()
# A rival wins heavy users, networks decide, price rises and contract ends are forgiven, and light use no longer warns.
AFTER = Regime(
    base=-8.6,
    rolling=0.2,
    bound=-0.3,
    expiring=0.2,
    newcomer=0.3,
    price=0.0,
    outage=1.3,
    drops=1.3,
    open_ticket=0.4,
    dissatisfaction=0.3,
    tickets=0.1,
    disengagement=-0.8,
    disengaged_at_expiry=0.0,
    payment=0.2,
    attributes=0.4,
    heavy=3.2,
)


def attribute_score(state: State, people: Population) -> Array:
    """What the customer's attributes alone add to the log hazard (before the regime's strength)."""
    channel = np.array([0.0, 0.1, 0.15, -0.3, 0.45], dtype=np.float32)[people.channel]
    region = np.array([0.0, 0.0, 0.3, 0.0, -0.15], dtype=np.float32)[state.region]
    device = np.array([0.15, 0.0, -0.15], dtype=np.float32)[state.device]
    flags = -0.4 * state.autopay - 0.2 * people.paperless - 0.25 * people.segment - 0.1 * state.consent
    return (channel + region + device + flags - 0.1 * (state.household - 1) + 0.35).astype(np.float32)


def expected_trouble(state: State, ahead: int) -> tuple[Array, Array]:
    """Outage minutes and dropped calls expected in the 30 days up to `ahead` days from now.

    That is what stays in the window, and what the customer's place brings on average.
    """
    if ahead == 0:
        return state.outage, state.drops
    fresh = np.float32(min(ahead, ROLLING_DAYS))
    kept = 1.0 - fresh / ROLLING_DAYS
    return (
        state.outage * kept + fresh * mean_outage(state.network_trouble),
        state.drops * kept + fresh * mean_drops(state.network_trouble),
    )


def expected_surprise(state: State, people: Population, day: int, regime: Regime, ahead: int) -> Array:
    """Mean factor on the hazard `ahead` days from now for what may begin until then: lost interest, a price rise."""
    elapsed = np.linspace(0.0, ahead, 9)
    growth = np.exp(regime.disengagement * MEAN_DEPTH * (1.0 - np.exp(-elapsed / 25.0))).mean() - 1.0
    factor = 1.0 + ONSET_PER_DAY * ahead * growth * ~state.falling
    may_rise = (day + ahead / 2 - state.rise_on.astype(np.int64) > RISE_REST_DAYS) & (
        day - people.joined_on > RISE_FREE_DAYS
    )
    jump = np.exp(regime.price * people.price_sensitivity * MEAN_RISE * 10.0 * 0.8) - 1.0
    factor *= 1.0 + MONTHLY_RISE_SHARE * ahead / 30.4 * jump * may_rise
    return np.asarray(factor)


def reasons(state: State, people: Population, day: int, regime: Regime, ahead: int = 0) -> dict[str, Array]:
    """Contributions to the log hazard on `day + ahead`, as expected from the state at the end of `day`.

    Keys: price, service, contract, engagement, other. What the calendar fixes (tenure, contract end) is moved ahead;
    what fades or builds up is moved along its mean path; what is unforeseeable stays.
    """
    then = day + ahead
    tenure = (then - people.joined_on).astype(np.float32)
    left = (state.expires_on - then).astype(np.float32)
    closeness = np.clip((NEAR_EXPIRY_DAYS + 15.0 - left) / NEAR_EXPIRY_DAYS, 0.0, 1.0)
    in_term = (state.term > 0) & (left >= 0)
    contract = np.where(
        in_term, regime.bound + (regime.expiring - regime.bound) * closeness, np.float32(regime.rolling)
    )
    fall = state.disengagement
    if ahead:
        # Falling customers keep falling towards their depth, some recover; the others are on their way back.
        pull = np.float32(np.exp(-ahead / 25.0))
        fall = np.where(
            state.falling,
            (state.depth + (fall - state.depth) * pull) * np.exp(-ahead / 100.0),
            fall * np.exp(-ahead / 35.0),
        )
    engagement = regime.disengagement * fall + regime.disengaged_at_expiry * fall * (closeness * in_term)
    outage, drops = expected_trouble(state, ahead)
    fade = np.float32(np.exp(-ahead / 60.0))
    since_rise = np.clip(then - state.rise_on, 0, 400).astype(np.float32)
    price = regime.price * people.price_sensitivity * state.rise * 10.0 * np.exp(-since_rise / 60.0)
    service = (
        people.service_sensitivity
        * (regime.outage * np.log1p(outage / 60.0) + regime.drops * np.log1p(drops / 6.0))
        + regime.open_ticket * ((state.open_tickets > 0) & (day - state.opened_on >= 3)) * fade
        + regime.dissatisfaction * np.minimum(state.dissatisfaction, 2.5) * fade
        + regime.tickets * np.minimum(state.ticket_memory, 3.0) * fade
    )
    other = (
        regime.base
        + regime.newcomer * np.exp(-tenure / 240.0)
        + regime.years * np.minimum(tenure / 365.25, 8.0)
        + regime.payment * np.minimum(state.failure_memory, 2.5) * fade
        + regime.attributes * attribute_score(state, people)
        + regime.offer * state.offer_effect * np.float32(np.exp(-ahead / 90.0))
        + regime.heavy * people.heaviness
        + people.residual
        + MONTH_SEASON[to_date(then).month - 1]
    )
    return {
        "price": price,
        "service": service,
        "contract": contract,
        "engagement": engagement,
        "other": other,
    }


def daily_hazard(parts: dict[str, Array]) -> Array:
    """Probability of deciding to leave on one day, from the parts of its log; smoothly limited to DAILY_LIMIT."""
    raw = np.exp(sum(parts.values()))
    return np.asarray(raw / (1.0 + raw / DAILY_LIMIT), dtype=np.float32)


def window_probability(state: State, people: Population, day: int, regime_of: dict[int, Regime]) -> Array:
    """P(end by choice in (day + 7, day + 37]) given that the customer is still there at day + 7 and has not decided.

    regime_of maps the days ahead at which the hazard is evaluated (each stands for an equal share of the window) to the
    regime then in force.
    """
    total = np.zeros(len(state.alive), dtype=np.float64)
    for ahead, regime in regime_of.items():
        surprise = expected_surprise(state, people, day, regime, ahead)
        total += (
            daily_hazard(reasons(state, people, day, regime, ahead))
            * surprise
            * (OUTCOME_DAYS / len(regime_of))
        )
    return np.asarray(1.0 - np.exp(-total))
