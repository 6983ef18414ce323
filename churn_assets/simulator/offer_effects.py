"""What an offer really does to each customer: for oracles and tests, never for a plan."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from churn_assets.simulator.dates import Array
from churn_assets.simulator.forecast import window_probability
from churn_assets.simulator.hazard import Regime
from churn_assets.simulator.population import Population
from churn_assets.simulator.retention import (
    BEST_DEVICE,
    FADE_DAYS,
    OFFERS,
    RENEWED_MONTHS,
    UPGRADE,
    acceptance,
    answers,
    change_if_accepted,
    change_if_refused,
    renews,
)
from churn_assets.simulator.state import State
from churn_assets.simulator.subscriptions import renew


@dataclass(frozen=True)
class TrueEffects:
    """The truth about the offers OFFERS[1:].

    Attributes:
        untreated: of each customer, the probability of leaving by choice in the outcome window without a contact.
        treated: customers x offers; the same with a contact, before it is known whether the customer accepts.
        acceptance: customers x offers.
    """

    untreated: Array
    treated: Array
    acceptance: Array

    @property
    def change(self) -> Array:
        """Customers x offers: change of the churn probability; below 0 the offer keeps the customer."""
        return np.asarray(self.treated - self.untreated[:, None])


def true_effects(
    state: State,
    people: Population,
    day: int,
    regime_of: dict[int, Regime],
    after: int,
    offers_work: bool = True,
) -> TrueEffects:
    """The effects of contacts `after` days after the end of `day`, by the forecast of the churn probability.

    What troubles a customer is taken as it is at the end of `day`.

    Args:
        state, people: of the customers.
        day: epoch day of the state.
        regime_of: see `window_probability`.
        after: at least 1.
        offers_work: False: nothing but the acceptance differs from no contact.
    """
    slots = np.arange(people.size)
    untreated = window_probability(state, people, day, regime_of)
    codes = range(1, len(OFFERS))
    fits = np.stack([answers(state, day + after, slots, np.full(len(slots), code)) for code in codes])
    takes = np.stack(
        [
            acceptance(people.persuadable, fit, np.full(len(slots), code))
            for code, fit in zip(codes, fits, strict=True)
        ]
    )
    if not offers_work:
        return TrueEffects(untreated, np.repeat(untreated[:, None], len(codes), axis=1), takes.T)

    def changed(of: State, change: Array) -> Array:
        """The churn probability where the contact changes the log hazard by this on its day."""
        shift = (change * np.exp(after / FADE_DAYS)).astype(np.float32)
        return window_probability(replace(of, offer_effect=of.offer_effect + shift), people, day, regime_of)

    accepting = _renewed(state, day + after)
    all_, none = np.ones(len(slots), dtype=bool), np.zeros(len(slots), dtype=bool)
    answered = changed(accepting, change_if_accepted(people.persuadable, all_))
    other = changed(accepting, change_if_accepted(people.persuadable, none))
    refused = changed(state, change_if_refused(people.persuadable))
    treated = []
    for code, fit, takes_it in zip(codes, fits, takes, strict=True):
        if code == UPGRADE:
            dressed = replace(accepting, device=np.full_like(state.device, BEST_DEVICE))
            won = changed(dressed, change_if_accepted(people.persuadable, fit))
        else:
            won = np.where(fit, answered, other)
        treated.append(takes_it * won + (1.0 - takes_it) * refused)
    return TrueEffects(untreated, np.stack(treated, axis=1), takes.T)


def _renewed(state: State, day: int) -> State:
    """A copy in which the contracts that an accepted offer renews are renewed."""
    slots = np.flatnonzero(renews(state, day, np.arange(len(state.alive))))
    own = state.at(np.arange(len(state.alive)))
    renew(own, slots, np.full(len(slots), RENEWED_MONTHS, dtype=np.int16))
    return own
