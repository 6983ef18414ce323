"""The daily hazard of a voluntary end, as a sum of named reasons on the log scale.

Every reason except a small residual depends on data of the delivered sources (contract dates, prices, usage, outages,
tickets, payments, offers, attributes). A Regime contains the strengths; the world can change from one regime to
another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_assets.simulator.dates import Array, to_date
from churn_assets.simulator.event_rates import mean_drops, mean_outage
from churn_assets.simulator.population import Population
from churn_assets.simulator.state import ROLLING_DAYS, State

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
# A rival wins heavy users and network trouble weighs more; price rises and contract ends matter little, and falling
# usage no longer means that a customer leaves.
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
    """Part of the log hazard from the customer's attributes, before it is multiplied by the regime's strength."""
    channel = np.array([0.0, 0.1, 0.15, -0.3, 0.45], dtype=np.float32)[people.channel]
    region = np.array([0.0, 0.0, 0.3, 0.0, -0.15], dtype=np.float32)[state.region]
    device = np.array([0.15, 0.0, -0.15], dtype=np.float32)[state.device]
    flags = -0.4 * state.autopay - 0.2 * people.paperless - 0.25 * people.segment - 0.1 * state.consent
    return (channel + region + device + flags - 0.1 * (state.household - 1) + 0.35).astype(np.float32)


def expected_trouble(state: State, ahead: int) -> tuple[Array, Array]:
    """Outage minutes and dropped calls expected in the 30 days up to `ahead` days from now.

    The sum of the past days that are still in the window and the mean of the customer's place on the new days.
    """
    if ahead == 0:
        return state.outage, state.drops
    fresh = np.float32(min(ahead, ROLLING_DAYS))
    kept = 1.0 - fresh / ROLLING_DAYS
    return (
        state.outage * kept + fresh * mean_outage(state.network_trouble),
        state.drops * kept + fresh * mean_drops(state.network_trouble),
    )


def because_price(people: Population, regime: Regime, rise: Array | float, days: Array) -> Array:
    """Part of the log hazard from a rise by the share `rise`, `days` ago (both broadcast against the customers)."""
    faded = np.exp(-np.clip(days, 0, 400).astype(np.float32) / 60.0)
    return np.asarray(regime.price * people.price_sensitivity * rise * 10.0 * faded)


def because_service(state: State, people: Population, day: int, regime: Regime, ahead: int = 0) -> Array:
    """Part of the log hazard from service on `day + ahead`, expected at the end of `day` from the mean paths."""
    outage, drops = expected_trouble(state, ahead)
    fade = np.float32(np.exp(-ahead / 60.0))
    return np.asarray(
        people.service_sensitivity
        * (regime.outage * np.log1p(outage / 60.0) + regime.drops * np.log1p(drops / 6.0))
        + regime.open_ticket * ((state.open_tickets > 0) & (day - state.opened_on >= 3)) * fade
        + regime.dissatisfaction * np.minimum(state.dissatisfaction, 2.5) * fade
        + regime.tickets * np.minimum(state.ticket_memory, 3.0) * fade
    )


def closeness(state: State, then: int) -> Array:
    """Closeness of the contract's end on the day `then`: 0 until 60 days before it, 1 in its last 15 days."""
    left = (state.expires_on - then).astype(np.float32)
    near = np.clip((NEAR_EXPIRY_DAYS + 15.0 - left) / NEAR_EXPIRY_DAYS, 0.0, 1.0)
    return np.asarray(near * in_term(state, then))


def in_term(state: State, then: int) -> Array:
    """Mask of the customers whose present contract runs on the day `then`."""
    return np.asarray((state.term > 0) & (state.expires_on >= then))


def because_contract(state: State, then: int, regime: Regime, expired: float) -> Array:
    """Part of the log hazard from the contract on the day `then`; `expired` applies without a running contract."""
    running = regime.bound + (regime.expiring - regime.bound) * closeness(state, then)
    return np.where(in_term(state, then), running, np.float32(expired))


def because_engagement(fall: Array, near: Array, regime: Regime) -> Array:
    """Part of the log hazard from the disengagement `fall`, at the closeness `near` of the contract's end."""
    return np.asarray(regime.disengagement * fall + regime.disengaged_at_expiry * fall * near)


def because_other(state: State, people: Population, day: int, regime: Regime, ahead: int = 0) -> Array:
    """Other parts of the log hazard, the base included, on `day + ahead`, as expected at the end of `day`."""
    tenure = (day + ahead - people.joined_on).astype(np.float32)
    fade = np.float32(np.exp(-ahead / 60.0))
    return np.asarray(
        regime.base
        + regime.newcomer * np.exp(-tenure / 240.0)
        + regime.years * np.minimum(tenure / 365.25, 8.0)
        + regime.payment * np.minimum(state.failure_memory, 2.5) * fade
        + regime.attributes * attribute_score(state, people)
        + regime.offer * state.offer_effect * np.float32(np.exp(-ahead / 90.0))
        + regime.heavy * people.heaviness
        + people.residual
        + MONTH_SEASON[to_date(day + ahead).month - 1]
    )


def reasons(state: State, people: Population, day: int, regime: Regime) -> dict[str, Array]:
    """Parts of the log hazard on `day` by name: price, service, contract, engagement, other."""
    return {
        "price": because_price(people, regime, state.rise, day - state.rise_on),
        "service": because_service(state, people, day, regime),
        "contract": because_contract(state, day, regime, regime.rolling),
        "engagement": because_engagement(state.disengagement, closeness(state, day), regime),
        "other": because_other(state, people, day, regime),
    }


def daily_hazard(parts: dict[str, Array]) -> Array:
    """Probability of deciding to leave on one day (float32) from the parts of the log hazard, see `limited`."""
    return np.asarray(limited(np.exp(sum(parts.values()))), dtype=np.float32)


def limited(hazard: Array) -> Array:
    """The hazard, smoothly limited to DAILY_LIMIT."""
    return np.asarray(hazard / (1.0 + hazard / DAILY_LIMIT))
