"""The probability that a customer leaves in the outcome window, given the state at the as_of_date.

Quantities of the calendar (tenure, season, end of the contract) advance day by day; quantities that fade or build up
follow their mean path. Random events are a set of futures with the probabilities of the day-by-day simulation: an
ending contract is renewed or not, the price rises on a billing day or not, interest is lost or recovers. Left out: new
tickets, new failed payments, new retention contacts and involuntary ends.
"""

from __future__ import annotations

import numpy as np

from churn_assets.simulator.dates import Array, to_date
from churn_assets.simulator.event_rates import (
    MEAN_DEPTH,
    MONTHLY_RISE_SHARE,
    RECOVERY_PER_DAY,
    RENEWAL_SHARE,
    RISE_FREE_DAYS,
    RISE_REST_DAYS,
    change_of_fall,
    notice_chances,
    onset_chance,
    rise_share,
)
from churn_assets.simulator.hazard import (
    Regime,
    because_contract,
    because_engagement,
    because_other,
    because_price,
    because_service,
    closeness,
    limited,
)
from churn_assets.simulator.population import Population
from churn_assets.simulator.state import State

GAP_DAYS = 7
OUTCOME_DAYS = 30
AHEAD = range(1, GAP_DAYS + OUTCOME_DAYS + 1)
# Gauss-Legendre on [0, 1]: three points and their weights represent all price rises.
LUCK = (0.1127016654, 0.5, 0.8872983346)
LUCK_WEIGHT = (5 / 18, 8 / 18, 5 / 18)
# Days from now on which interest is lost or recovers; each represents a span of days: (from, day, until).
TURNS = ((0, 5, 9), (9, 14, 18), (18, 23, 27), (27, 32, AHEAD[-1]))
BLOCK = 5_000


def window_probability(state: State, people: Population, day: int, regime_of: dict[int, Regime]) -> Array:
    """Returns P(voluntary end in (day + 7, day + 37]), given no decision until `day` and no end in the gap.

    regime_of maps each of AHEAD to the regime on that day. One entry per slot (float64).
    """
    found = np.zeros(people.size)
    for start in range(0, people.size, BLOCK):
        slots = np.arange(start, min(start + BLOCK, people.size))
        found[slots] = _block_probability(state.at(slots), people.at(slots), day, regime_of)
    return found


def _block_probability(state: State, people: Population, day: int, regime_of: dict[int, Regime]) -> Array:
    chances = _chances(state, people, day, regime_of, renewed=False)
    ending = np.flatnonzero((state.term > 0) & (state.expires_on < day + AHEAD[-1]))
    renewed = _chances(state.at(ending), people.at(ending), day, regime_of, renewed=True)
    chances[:, ending] += RENEWAL_SHARE * (renewed - chances[:, ending])
    in_window, in_gap = chances
    return np.asarray(in_window / (1.0 - in_gap))


def _chances(
    state: State, people: Population, day: int, regime_of: dict[int, Regime], renewed: bool
) -> Array:
    """Returns, of shape (2, customers), P(voluntary end) in the outcome window and in the gap.

    renewed: whether the customer is bound again after the present contract ends.
    """
    rises, moods = _Rises(state, people, day), _Moods(state)
    weight = rises.weight[:, None] * moods.weight[None]
    until_gap, until_end = _ended_by(GAP_DAYS), _ended_by(AHEAD[-1])
    still = np.ones_like(weight)
    found = np.zeros((2, people.size))
    for ahead in AHEAD:
        then, regime = day + ahead, regime_of[ahead]
        moods.step(ahead)
        known = (
            because_service(state, people, day, regime, ahead)
            + because_contract(state, then, regime, regime.bound if renewed else regime.rolling)
            + because_other(state, people, day, regime, ahead)
        )
        engagement = because_engagement(moods.fall, closeness(state, then), regime)
        price = rises.because(state, people, then, regime)
        decided = still * limited(np.exp(known + price)[:, None] * np.exp(engagement)[None])
        still -= decided
        today = (weight * decided).sum(axis=(0, 1))
        found[0] += today * (until_end[ahead] - until_gap[ahead])
        found[1] += today * until_gap[ahead]
    return found


def _ended_by(last: int) -> Array:
    """Chance that a decision on each of the days 0, 1, ... ahead leads to an end by `last` days ahead."""
    days = last - np.arange(AHEAD[-1] + 1)
    by = np.cumsum(notice_chances())
    return np.where(days < 0, 0.0, by[np.clip(days, 0, len(by) - 1)])


class _Rises:
    """Futures of the price: it stays, or rises by one of the heights on the first or second billing day.

    Attributes:
        weight: probability of each future, shape (futures, customers).
    """

    def __init__(self, state: State, people: Population, day: int) -> None:
        first = np.full(people.size, day + AHEAD[-1] + 1)
        second = first.copy()
        for then in range(day + AHEAD[-1], day, -1):
            due = people.billing_day == to_date(then).day
            first, second = np.where(due, then, first), np.where(due, first, second)
        chances, stays = [], np.ones(people.size)
        for on in (first, second):
            may = (on - state.rise_on.astype(np.int64) > RISE_REST_DAYS) & (
                on - people.joined_on > RISE_FREE_DAYS
            )
            chances.append(stays * MONTHLY_RISE_SHARE * may)
            stays = stays - chances[-1]
        self.on = (first, second)
        self.heights = rise_share(np.array(LUCK))
        risen = [chance * weight for chance in chances for weight in LUCK_WEIGHT]
        self.weight = np.stack([stays, *risen]).astype(np.float32)

    def because(self, state: State, people: Population, then: int, regime: Regime) -> Array:
        """Part of the log hazard from the price in each future, shape (futures, customers)."""
        now = because_price(people, regime, state.rise, then - state.rise_on)
        parts = [now]
        for on in self.on:
            new = because_price(people, regime, 1.0, then - on)
            parts += [np.where(on <= then, height * new, now) for height in self.heights]
        return np.stack(parts).astype(np.float32)


class _Moods:
    """Futures of the engagement: its direction stays, or turns in one of the spans. A second turn is left out.

    Attributes:
        weight, fall: shape (futures, customers); probability of each future, disengagement on the day of the last step.
    """

    def __init__(self, state: State) -> None:
        goes_on = 1.0 - np.where(state.falling, RECOVERY_PER_DAY, onset_chance(state.dissatisfaction))
        turns = [goes_on**since - goes_on**until for since, _, until in TURNS]
        self.weight = np.stack([goes_on ** AHEAD[-1], *turns]).astype(np.float32)
        self.fall = np.repeat(state.disengagement[None], len(self.weight), axis=0)
        self.falling = np.repeat(state.falling[None], len(self.weight), axis=0)
        self.depth = np.where(state.falling, state.depth, np.float32(MEAN_DEPTH))

    def step(self, ahead: int) -> None:
        """Advances by one day, to `ahead` days from now."""
        for future, (_, turn, _) in enumerate(TURNS, start=1):
            if turn == ahead:
                self.falling[future] ^= True
        self.fall += change_of_fall(self.fall, self.falling, self.depth)
