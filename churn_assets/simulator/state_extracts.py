"""Rows of the two sources with the present state of a customer: customers (full) and subscriptions (changes)."""

from __future__ import annotations

import numpy as np

from churn_assets.simulator.dates import NEVER, Array, iso_dates, shift_month, to_date, to_day
from churn_assets.simulator.identity import FIRST, LAST, contact_columns
from churn_assets.simulator.population import (
    CHANNELS,
    DEVICES,
    METHODS,
    PLANS,
    REGIONS,
    SEGMENTS,
    Population,
)
from churn_assets.simulator.randomness import stream
from churn_assets.simulator.state import REASONS, State

Columns = dict[str, list[str | None]]
FLAGS = ("false", "true")
OBJECT_SHARE, UNASKED_SHARE, UNASSIGNED_SHARE = 0.02, 0.05, 0.04
MANAGERS_PER_REGION = 2


def customer_columns(
    seed: int, state: State, people: Population, until: int, ids: Array
) -> tuple[Columns, Array]:
    """Returns text columns of the full customers extract at the end of `until`, and the slots of its rows.

    Rows: active customers and those whose service ended in this month or the two before, in order of their number.
    """
    month_start = to_date(until).replace(day=1)
    oldest = to_day(shift_month(month_start, -2))
    shown = (state.number > 0) & (state.alive | ((state.ended_on >= oldest) & (state.ended_on < NEVER)))
    slots = np.flatnonzero(shown)
    slots = slots[np.argsort(state.number[slots], kind="stable")]
    names, emails, phones = contact_columns(
        people.first_name[slots], people.last_name[slots], state.number[slots]
    )
    columns: Columns = {
        "customer_id": ids[slots].tolist(),
        "full_name": list(names),
        "email": list(emails),
        "phone": list(phones),
        "birth_date": iso_dates(people.birth[slots]).tolist(),
        "region": _named(REGIONS, state.region[slots]),
        "segment": _named(SEGMENTS, people.segment[slots]),
        "acquisition_channel": _named(CHANNELS, people.channel[slots]),
        "household_size": [str(size) for size in state.household[slots].tolist()],
        "payment_method": _named(METHODS, state.method[slots]),
        "autopay": _named(FLAGS, state.autopay[slots]),
        "paperless_billing": _named(FLAGS, people.paperless[slots]),
        "device_class": _named(DEVICES, state.device[slots]),
        "marketing_consent": _named(FLAGS, state.consent[slots]),
        "profiling_objection": objections(seed, people.size, slots),
        "account_manager": account_managers(seed, state.region, slots),
        "status": _named(("former", "active"), state.alive[slots]),
    }
    return columns, slots


def objections(seed: int, size: int, slots: Array) -> list[str | None]:
    """Returns whether the customers of the slots, out of `size`, object to profiling; None: nobody has asked them.

    It has a stream of its own, as account_managers has, so that the rest of the world does not depend on it.
    """
    luck = stream(seed, "objections").random(size)[slots].tolist()
    return [None if value > 1.0 - UNASKED_SHARE else FLAGS[int(value < OBJECT_SHARE)] for value in luck]


def account_managers(seed: int, region: Array, slots: Array) -> list[str | None]:
    """Returns the login of who looks after the customers of the slots: one of two people per region, None: nobody."""
    luck = stream(seed, "account managers").random(len(region))[slots]
    numbers = region[slots].astype(int) * MANAGERS_PER_REGION + (luck * MANAGERS_PER_REGION).astype(int)
    nobody = luck > 1.0 - UNASSIGNED_SHARE
    return [
        None if alone else f"{FIRST[6 * number].lower()}.{LAST[6 * number + 1].lower()}"
        for number, alone in zip(numbers.tolist(), nobody.tolist(), strict=True)
    ]


def subscription_columns(state: State, people: Population, ids: Array) -> Columns:
    """Returns text columns of every subscription changed since the last call, as it is now; clears `state.changed`."""
    slots = np.flatnonzero(state.changed & (state.number > 0))
    slots = slots[np.argsort(state.number[slots], kind="stable")]
    state.changed[:] = False
    ended = state.ended_on[slots] < NEVER
    reason = [
        REASONS[code] if done else None
        for code, done in zip(state.reason[slots].tolist(), ended.tolist(), strict=True)
    ]
    return {
        "subscription_id": [f"S{number:07d}" for number in state.number[slots].tolist()],
        "customer_id": ids[slots].tolist(),
        "plan": _named(PLANS, people.plan[slots]),
        "contract_months": [str(term) for term in state.term[slots].tolist()],
        "monthly_price": [f"{price:.2f}" for price in state.price[slots].tolist()],
        "started_on": iso_dates(people.joined_on[slots]).tolist(),
        "expires_on": iso_dates(state.expires_on[slots]).tolist(),
        "notice_on": iso_dates(state.notice_on[slots]).tolist(),
        "ended_on": iso_dates(state.ended_on[slots]).tolist(),
        "end_reason": list(reason),
    }


def step_attributes(seed: int, state: State, day: int) -> None:
    """On the first of a month, changes region, payment method, autopay, device, household or consent of a few slots."""
    if to_date(day).day != 1:
        return
    random = stream(seed, "attributes", day)
    size = len(state.alive)
    luck = random.random((6, size), dtype=np.float32)
    fresh = random.random((4, size), dtype=np.float32)
    moves, pays, upgrades, family = luck[0] < 0.004, luck[1] < 0.006, luck[2] < 0.01, luck[3] < 0.004
    state.region[moves] = (fresh[0, moves] * len(REGIONS)).astype(np.int8)
    state.method[pays] = (fresh[1, pays] * len(METHODS)).astype(np.int8)
    state.device[upgrades] = np.minimum(state.device[upgrades] + 1, 2)
    state.household[family] = np.clip(state.household[family] + np.where(fresh[3, family] < 0.5, -1, 1), 1, 6)
    state.autopay ^= luck[4] < 0.008
    state.consent ^= luck[5] < 0.005


def _named(names: tuple[str, ...], codes: Array) -> list[str | None]:
    return list(np.array(names, dtype=object)[codes.astype(np.intp)])
