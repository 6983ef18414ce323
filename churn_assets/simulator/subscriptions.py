"""Simulates contracts: joining, price rises, expiry and renewal, notice, and the end."""

from __future__ import annotations

import numpy as np

from churn_assets.simulator.dates import NEVER, Array, add_months, to_date
from churn_assets.simulator.event_rates import (
    LEAST_LONG_NOTICE,
    LONG_NOTICE_SHARE,
    MONTHLY_RISE_SHARE,
    MOST_LONG_NOTICE,
    MOST_SHORT_NOTICE,
    RENEWAL_SHARE,
    RISE_FREE_DAYS,
    RISE_REST_DAYS,
    SAME_DAY_SHARE,
    rise_share,
)
from churn_assets.simulator.hazard import Regime, daily_hazard, reasons
from churn_assets.simulator.population import Population
from churn_assets.simulator.randomness import stream
from churn_assets.simulator.state import DECEASED, FRAUD, NON_PAYMENT, State


def step_joins(state: State, people: Population, day: int) -> None:
    """Activates the slots that join by `day`."""
    new = (people.joined_on <= day) & (state.ended_on == NEVER) & ~state.alive
    state.alive |= new
    state.changed |= new


def step_expiries(seed: int, state: State, day: int) -> None:
    """Renews contracts that expired yesterday without notice for another term, or makes them monthly."""
    due = np.flatnonzero((state.expires_on < day) & state.committed & (state.term > 0))
    luck = stream(seed, "expiry", day).random(len(state.alive), dtype=np.float32)[due]
    renewed, rolling = due[luck < RENEWAL_SHARE], due[luck >= RENEWAL_SHARE]
    renew(state, renewed, state.term[renewed])
    state.term[rolling] = 0
    state.expires_on[rolling] = NEVER
    state.changed[rolling] = True


def renew(state: State, slots: Array, term: Array) -> None:
    """Extends the contracts of the slots by `term` months from their present expiry, which must be set."""
    state.expires_on[slots] = add_months(state.expires_on[slots] + 1, term) - 1
    state.term[slots] = term
    state.changed[slots] = True


def step_prices(seed: int, state: State, people: Population, day: int) -> None:
    """Raises some prices by 4-25 % on the billing day, not twice in RISE_REST_DAYS, not in the first RISE_FREE_DAYS."""
    random = stream(seed, "price", day)
    size = len(state.alive)
    luck = random.random(size, dtype=np.float32)
    height = random.random(size, dtype=np.float32)
    raised = (
        (luck < MONTHLY_RISE_SHARE)
        & (people.billing_day == to_date(day).day)
        & (day - state.rise_on.astype(np.int64) > RISE_REST_DAYS)
        & (day - people.joined_on > RISE_FREE_DAYS)
        & state.committed
    )
    share = rise_share(height[raised]).astype(np.float32)
    before = state.price[raised]
    state.price[raised] = np.round(before * (1.0 + share), 1)
    state.rise[raised] = state.price[raised] / before - 1.0
    state.rise_on[raised] = day
    state.changed |= raised


def step_leaving(seed: int, state: State, people: Population, day: int, regime: Regime) -> None:
    """Customers decide to leave; half end on the same day, 35 % within 3 days, 15 % after 5-20 days of notice."""
    random = stream(seed, "leaving", day)
    size = len(state.alive)
    parts = reasons(state, people, day, regime)
    luck = random.random(size, dtype=np.float32)
    delay = np.where(
        random.random(size) < LONG_NOTICE_SHARE,
        random.integers(LEAST_LONG_NOTICE, MOST_LONG_NOTICE + 1, size),
        random.integers(1, MOST_SHORT_NOTICE + 1, size),
    )
    at_once = random.random(size) < SAME_DAY_SHARE / (1.0 - LONG_NOTICE_SHARE)
    delay = np.where(at_once & (delay < LEAST_LONG_NOTICE), 0, delay)
    cause = random.random(size, dtype=np.float32)
    gone = np.flatnonzero((luck < daily_hazard(parts)) & state.committed & (people.joined_on < day))
    state.notice_on[gone] = day
    state.ends_on[gone] = day + delay[gone]
    state.reason[gone] = _stated_reason({name: part[gone] for name, part in parts.items()}, cause[gone])
    state.changed[gone] = True


def _stated_reason(parts: dict[str, Array], cause: Array) -> Array:
    """Draws stated reasons (codes of REASONS), weighted by the parts of the log hazard; `moved` has a fixed weight."""
    weights = np.stack(
        [
            np.expm1(np.clip(parts["price"], 0.0, 3.0)),
            0.6 + 0.8 * np.clip(parts["contract"], 0.0, 2.0),
            np.expm1(np.clip(parts["service"], 0.0, 3.0)) * 0.5,
            np.full(len(cause), 0.25),
            0.4 + 0.4 * np.clip(parts["engagement"], 0.0, 2.0),
        ]
    )
    bounds = np.cumsum(weights / weights.sum(axis=0), axis=0)
    return np.asarray(np.minimum((cause >= bounds).sum(axis=0), 4).astype(np.int8))


def step_involuntary(seed: int, state: State, people: Population, day: int) -> None:
    """Involuntary ends, without notice: three or more unpaid invoices, death (by age), fraud (newcomers)."""
    luck = stream(seed, "involuntary", day).random((3, len(state.alive)), dtype=np.float32)
    age = (day - people.birth) / 365.25
    unpaid = (state.unpaid >= 3) & (luck[0] < 0.12)
    dead = luck[1] < 6e-6 * np.exp((age - 50.0) / 14.0)
    fraud = (luck[2] < 4e-5) & (day - people.joined_on < 150)
    for code, struck in ((FRAUD, fraud), (DECEASED, dead), (NON_PAYMENT, unpaid)):
        slots = np.flatnonzero(struck & state.committed)
        state.ends_on[slots] = day
        state.reason[slots] = code
        state.changed[slots] = True


def step_ends(state: State, day: int) -> Array:
    """Returns the slots whose last day of service is today and marks them ended; they stay alive until `bury`."""
    slots = np.flatnonzero(state.alive & (state.ends_on == day))
    state.ended_on[slots] = day
    state.changed[slots] = True
    return slots


def bury(state: State, slots: Array) -> None:
    """Makes the slots inactive from tomorrow on."""
    state.alive[slots] = False
