"""The quantities that change from day to day: one array per quantity, one entry per customer slot."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from churn_assets.simulator.dates import NEVER, Array
from churn_assets.simulator.population import Population

# Codes of State.reason; the first five are ends by choice.
REASONS = ("price", "competitor", "service", "moved", "other", "non_payment", "deceased", "fraud")
NON_PAYMENT, DECEASED, FRAUD = 5, 6, 7
ROLLING_DAYS = 30


@dataclass
class State:
    """The state of all customers at the end of a day. Days are epoch days, NEVER or -NEVER if nothing happened yet.

    alive: joined and not ended before today. ends_on: last day of service, set when the end is decided; in notice from
    then on. ended_on: last day of service, set on that day. disengagement: 0 for engaged customers; multiplies usage by
    exp(-1.3 x disengagement). outage, drops: minutes and calls in the last 30 days. dissatisfaction, ticket_memory,
    failure_memory: counts of bad experiences that fade with a time constant of 60 days. changed: the subscription
    differs from its last delivery.
    """

    alive: Array
    number: Array
    changed: Array
    term: Array
    expires_on: Array
    price: Array
    notice_on: Array
    ends_on: Array
    ended_on: Array
    reason: Array
    rise_on: Array
    rise: Array
    region: Array
    method: Array
    device: Array
    household: Array
    autopay: Array
    consent: Array
    network_trouble: Array
    outage: Array
    drops: Array
    disengagement: Array
    falling: Array
    depth: Array
    travelling: Array
    open_tickets: Array
    opened_on: Array
    dissatisfaction: Array
    ticket_memory: Array
    failure_memory: Array
    unpaid: Array
    stressed: Array
    offer_effect: Array
    contacted_on: Array
    credit_share: Array
    credit_until: Array
    data_used: Array
    roaming_used: Array

    def first(self, count: int) -> State:
        """Views of the first `count` slots; a change to them changes this state."""
        return State(**{item.name: getattr(self, item.name)[:count] for item in fields(self)})

    def at(self, slots: Array) -> State:
        """Copies of the given slots."""
        return State(**{item.name: getattr(self, item.name)[slots] for item in fields(self)})

    @property
    def committed(self) -> Array:
        """Active customers who have not decided to leave (bool)."""
        return np.asarray(self.alive & (self.ends_on == NEVER))


def initial_state(people: Population) -> State:
    """Returns the state of every slot before the first day of the warm-up: nobody has joined."""
    size = people.size

    def days() -> Array:
        return np.full(size, NEVER, dtype=np.int32)

    def past() -> Array:
        return np.full(size, -NEVER, dtype=np.int32)

    def level() -> Array:
        return np.zeros(size, dtype=np.float32)

    def count() -> Array:
        return np.zeros(size, dtype=np.int16)

    def flag() -> Array:
        return np.zeros(size, dtype=bool)

    return State(
        alive=flag(),
        number=np.zeros(size, dtype=np.int32),
        changed=flag(),
        term=people.term.copy(),
        expires_on=people.expires_on.copy(),
        price=people.price.copy(),
        notice_on=days(),
        ends_on=days(),
        ended_on=days(),
        reason=np.full(size, -1, dtype=np.int8),
        rise_on=past(),
        rise=level(),
        region=people.region.copy(),
        method=people.method.copy(),
        device=people.device.copy(),
        household=people.household.copy(),
        autopay=people.autopay.copy(),
        consent=people.consent.copy(),
        network_trouble=people.network_trouble.copy(),
        outage=level(),
        drops=level(),
        disengagement=level(),
        falling=flag(),
        depth=level(),
        travelling=flag(),
        open_tickets=count(),
        opened_on=past(),
        dissatisfaction=level(),
        ticket_memory=level(),
        failure_memory=level(),
        unpaid=count(),
        stressed=flag(),
        offer_effect=level(),
        contacted_on=past(),
        credit_share=level(),
        credit_until=past(),
        data_used=level(),
        roaming_used=level(),
    )
