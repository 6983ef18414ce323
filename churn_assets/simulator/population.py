"""Draws the customers: observable attributes and the latent traits that determine their behaviour.

Every customer of the whole simulation has one slot; slots are sorted by the day of joining. Joins do not depend on who
leaves, so slots and all draws per slot are the same in every regime.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from churn_assets.simulator.dates import (
    NEVER,
    Array,
    add_months,
    month_end,
    shift_month,
    to_date,
    to_day,
)
from churn_assets.simulator.identity import draw_names
from churn_assets.simulator.plan import SimulationPlan
from churn_assets.simulator.randomness import stream

WARM_UP_MONTHS = 4
MONTHLY_JOIN_SHARE = 0.0335
JOIN_SEASON = (0.95, 0.9, 1.0, 0.95, 0.95, 0.95, 0.95, 1.0, 1.1, 1.0, 1.15, 1.1)

REGIONS = ("north", "south", "east", "west", "centre")
SEGMENTS = ("consumer", "business")
CHANNELS = ("shop", "online", "partner", "referral", "telesales")
METHODS = ("card", "debit", "transfer", "wallet")
DEVICES = ("basic", "standard", "premium")
PLANS = ("basic", "plus", "family", "unlimited")
PLAN_PRICES = np.array([17.9, 29.9, 49.9, 64.9], dtype=np.float64)
PLAN_VOICE = np.array([9.0, 14.0, 26.0, 22.0], dtype=np.float32)
PLAN_DATA = np.array([180.0, 420.0, 900.0, 1500.0], dtype=np.float32)
TERMS = (0, 12, 24)


@dataclass
class Population:
    """Arrays of equal length, one entry per slot; dates are epoch days, categories are indices into the tuples above.

    price_sensitivity and service_sensitivity multiply parts of the log hazard, residual is added to it; heaviness is
    the log of usage relative to the usual usage of the plan; persuadable customers respond to offers.
    """

    joined_on: Array
    term: Array
    expires_on: Array
    plan: Array
    price: Array
    billing_day: Array
    region: Array
    segment: Array
    channel: Array
    method: Array
    device: Array
    household: Array
    autopay: Array
    paperless: Array
    consent: Array
    birth: Array
    first_name: Array
    last_name: Array
    price_sensitivity: Array
    service_sensitivity: Array
    residual: Array
    heaviness: Array
    persuadable: Array
    network_trouble: Array

    @property
    def size(self) -> int:
        """Number of slots."""
        return len(self.joined_on)

    def first(self, count: int) -> Population:
        """Views of the first `count` slots."""
        return Population(**{item.name: getattr(self, item.name)[:count] for item in fields(self)})

    def at(self, slots: Array) -> Population:
        """Copies of the given slots."""
        return Population(**{item.name: getattr(self, item.name)[slots] for item in fields(self)})


def warm_up_start(plan: SimulationPlan) -> int:
    """First simulated epoch day, WARM_UP_MONTHS before the history, so that quantities have built up when it starts."""
    return to_day(shift_month(plan.start, -WARM_UP_MONTHS))


def _choice(random: np.random.Generator, size: int, shares: tuple[float, ...]) -> Array:
    bounds = np.cumsum(shares)
    return np.minimum(np.searchsorted(bounds, random.random(size)), len(shares) - 1).astype(np.int8)


def _normal(random: np.random.Generator, size: int, scale: float) -> Array:
    return random.standard_normal(size, dtype=np.float32) * np.float32(scale)


def _tenures(random: np.random.Generator, size: int) -> Array:
    """Draws days since joining for customers who joined before the warm-up: a long tail, at most eight years."""
    years = np.where(random.random(size) < 0.45, random.exponential(1.1, size), random.exponential(4.0, size))
    return np.maximum(1, (np.where(years > 8.0, random.random(size) * 8.0, years) * 365.25)).astype(np.int32)


def _block(random: np.random.Generator, joined_on: Array, known_from: int) -> Population:
    """Draws customers who joined on the given days, in their state on the epoch day known_from."""
    size = len(joined_on)
    years = np.clip((known_from - joined_on) / 365.25, 0.0, 8.0).astype(np.float32)
    segment = _choice(random, size, (0.85, 0.15))
    plan = _choice(random, size, (0.32, 0.34, 0.2, 0.14))
    cheap = (plan <= 1).astype(np.float32)
    consumer = (segment == 0).astype(np.float32)
    # Most customers are bound by a contract of 12 or 24 months.
    term = np.array([0, 12, 24], dtype=np.int16)[_choice(random, size, (0.34, 0.3, 0.36))]
    terms_done = np.where(
        term > 0, ((known_from - joined_on) / 30.44 / np.maximum(term, 1)).astype(np.int32) + 1, 0
    )
    expires_on = np.where(term > 0, add_months(joined_on, term * terms_done) - 1, NEVER)
    behind = (term > 0) & (expires_on < known_from)
    expires_on = np.where(behind, add_months(expires_on, term), expires_on).astype(np.int32)
    price = PLAN_PRICES[plan] * (1.0 - 0.06 * (term / 12)) * (1.0 + 0.02 * years) + random.integers(
        -3, 4, size
    )
    price_sensitivity = 0.35 + 0.55 * cheap + 0.35 * consumer + _normal(random, size, 0.12)
    service_sensitivity = 0.8 + 0.45 * (1.0 - cheap) + _normal(random, size, 0.1)
    first_name, last_name = draw_names(random, size)
    method = _choice(random, size, (0.35, 0.35, 0.2, 0.1))
    autopay_share = np.array([0.7, 0.85, 0.1, 0.5])[method]
    return Population(
        joined_on=joined_on.astype(np.int32),
        term=term,
        expires_on=expires_on,
        plan=plan,
        price=np.round(price, 1),
        billing_day=random.integers(1, 29, size, dtype=np.int8),
        region=_choice(random, size, (0.2, 0.25, 0.15, 0.2, 0.2)),
        segment=segment,
        channel=_choice(random, size, (0.3, 0.3, 0.15, 0.1, 0.15)),
        method=method,
        device=_choice(random, size, (0.3, 0.45, 0.25)),
        household=(1 + _choice(random, size, (0.33, 0.3, 0.15, 0.14, 0.05, 0.03))).astype(np.int8),
        autopay=random.random(size) < autopay_share,
        paperless=random.random(size) < 0.6,
        consent=random.random(size) < 0.4 + 0.03 * years,
        birth=(known_from - (random.normal(44.0, 14.0, size).clip(18.5, 88.0) * 365.25)).astype(np.int32),
        first_name=first_name,
        last_name=last_name,
        price_sensitivity=np.clip(price_sensitivity, 0.2, 1.6).astype(np.float32),
        service_sensitivity=np.clip(service_sensitivity, 0.4, 1.6).astype(np.float32),
        residual=_normal(random, size, 0.05),
        heaviness=_normal(random, size, 0.3),
        persuadable=random.random(size) < np.clip(0.15 + 0.55 * (price_sensitivity - 0.35), 0.05, 0.9),
        network_trouble=_normal(random, size, 1.0),
    )


def _joins(random: np.random.Generator, customers: int, first_day: int, last_day: int, month: int) -> Array:
    days = np.arange(first_day, last_day + 1)
    expected = customers * MONTHLY_JOIN_SHARE / len(days) * JOIN_SEASON[month - 1]
    return np.repeat(days, random.poisson(expected, len(days)))


def draw_population(plan: SimulationPlan) -> Population:
    """Draws all customers at the start of the warm-up and all who join until the end, sorted by joined_on.

    Each month has its own stream for newcomers, so a longer history only adds slots at the end.
    """
    begin = warm_up_start(plan)
    random = stream(plan.seed, "population", begin)
    founders = np.sort(begin - _tenures(random, plan.customers))
    blocks = [_block(random, founders, begin)]
    for offset in range(WARM_UP_MONTHS + plan.months):
        first = shift_month(to_date(begin), offset)
        random = stream(plan.seed, "newcomers", to_day(first))
        joins = _joins(random, plan.customers, to_day(first), to_day(month_end(first)), first.month)
        blocks.append(_block(random, joins, to_day(first)))
    columns = {
        item.name: np.concatenate([getattr(block, item.name) for block in blocks])
        for item in fields(Population)
    }
    return Population(**columns)
