"""Simulates retention contacts: the choice of customers, a random control arm, and the effect of offers.

A daily campaign chooses by itself. A plan from outside can order contacts, too (see `Retention.order`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_assets.simulator.dates import NEVER, Array, iso_dates
from churn_assets.simulator.population import Population
from churn_assets.simulator.randomness import stream
from churn_assets.simulator.state import State
from churn_assets.simulator.subscriptions import renew

CAMPAIGNS = ("winback", "renewal", "service_recovery")
OFFERS = ("none", "discount_10", "discount_25", "upgrade", "service_credit")
UPGRADE, SERVICE_CREDIT = 3, 4
ARMS = ("treated", "control")
CONTROL_SHARE = 0.2
REST_DAYS = 75
CREDIT_DAYS = 180
PRICE_TROUBLE_DAYS, CONTRACT_TROUBLE_DAYS = 150, 90
RENEWAL_DAYS, RENEWED_MONTHS = 60, 12
BEST_DEVICE = 2
FADE_DAYS = 90.0
COLUMNS = ("contact_id", "customer_id", "contacted_on", "campaign", "offer", "cost", "accepted", "arm")


@dataclass(frozen=True)
class Order:
    """Contacts that a plan wants on one day: slots, codes of OFFERS, and names of campaigns (object array)."""

    slots: Array
    offer: Array
    campaign: Array


@dataclass(frozen=True)
class Contacts(Order):
    """Contacts of a day as they went: in the control arm, accepted, an answer, renewing the contract (bool each)."""

    control: Array
    accepted: Array
    answered: Array
    renewing: Array


def answers(state: State, day: int, slots: Array, offer: Array) -> Array:
    """Whether each offer answers what troubles the customer: the price, the contract's end, or the service."""
    dearer = (state.rise[slots] > 0) & (day - state.rise_on[slots].astype(np.int64) < PRICE_TROUBLE_DAYS)
    ending = (state.term[slots] > 0) & (state.expires_on[slots] - day < CONTRACT_TROUBLE_DAYS)
    let_down = (
        (state.outage[slots] > 60) | (state.open_tickets[slots] > 0) | (state.dissatisfaction[slots] > 0.5)
    )
    troubles = np.stack([np.zeros(len(slots), dtype=bool), dearer, dearer, ending, let_down])
    return np.asarray(troubles[offer, np.arange(len(slots))])


def acceptance(persuadable: Array, answered: Array, offer: Array) -> Array:
    """Chance that a contacted customer accepts the offer."""
    return np.asarray(np.where(persuadable, 0.6, 0.15) + 0.3 * answered + 0.1 * (offer == 2))


def change_if_accepted(persuadable: Array, answered: Array) -> Array:
    """Change of the log hazard on the day on which the customer accepts."""
    return np.where(answered, -1.5, np.where(persuadable, -0.7, -0.1))


def change_if_refused(persuadable: Array) -> Array:
    """Change of the log hazard on the day on which the customer refuses."""
    return np.where(persuadable, 0.0, 0.15)


def renews(state: State, day: int, slots: Array) -> Array:
    """Whether an ordered contact that is accepted renews the contract, because it ends soon."""
    return np.asarray((state.term[slots] > 0) & (state.expires_on[slots] - day < RENEWAL_DAYS))


class Retention:
    """Contacts of a daily campaign and of orders. Only contacts made from `open_from` (epoch day) on are delivered.

    Args:
        seed: of the world.
        open_from: see above.
        own_until: last epoch day of the daily campaign; None: it never ends.
        offers_work: False: an accepted offer costs what it costs, and changes nothing.
    """

    def __init__(
        self, seed: int, open_from: int, own_until: int | None = None, offers_work: bool = True
    ) -> None:
        self.seed = seed
        self.open_from = open_from
        self.own_until = own_until
        self.offers_work = offers_work
        self.count = 0
        self.rows: list[dict[str, Array]] = []
        self.orders: dict[int, Order] = {}

    def order(self, day: int, wanted: Order) -> None:
        """Orders the contacts of a day that has not come yet; it replaces what was ordered for that day.

        Who has left, or has decided to leave, by that day is not contacted. Whether a customer accepts is drawn per
        customer and day, so that it does not depend on who else is contacted.
        """
        self.orders[day] = wanted

    def step(self, state: State, people: Population, day: int) -> None:
        """Contacts whom the daily campaign chooses and whom the orders of the day name; applies accepted offers.

        An offer that answers what troubles the customer (see `answers`) is accepted more often, and when accepted it
        lowers the log hazard by 1.5. Any other accepted offer lowers it by 0.7 for persuadable customers and by 0.1 for
        others. A refused offer raises it by 0.15 for the non-persuadable. All this fades with a time constant of 90
        days.
        """
        state.offer_effect *= np.float32(np.exp(-1.0 / FADE_DAYS))
        if self.own_until is None or day <= self.own_until:
            self._choose(state, people, day)
        wanted = self.orders.pop(day, None)
        if wanted is not None:
            self._obey(state, people, day, wanted)

    def _choose(self, state: State, people: Population, day: int) -> None:
        """The daily campaign: chooses customers by a rough score. The control arm is chosen but not contacted."""
        random = stream(self.seed, "retention", day)
        size = len(state.alive)
        draws = random.random((5, size), dtype=np.float32)
        noise = random.standard_normal((3, size), dtype=np.float32) * np.float32(0.25)
        left = (state.expires_on - day).astype(np.float32)
        scores = (
            np.stack(
                [
                    1.2 * state.disengagement,
                    1.0 * (left < 60) * (state.term > 0),
                    0.5 * np.log1p(state.outage / 60.0) + 0.5 * np.minimum(state.dissatisfaction, 2.0),
                ]
            )
            + noise
        )
        best = scores.argmax(axis=0)
        chosen = draws[0] < 0.0045 * np.clip(scores.max(axis=0) - 0.25, 0.0, 1.5)
        chosen &= (
            state.committed
            & (day - state.contacted_on.astype(np.int64) > REST_DAYS)
            & (day - people.joined_on > 60)
        )
        slots = np.flatnonzero(chosen)
        if len(slots):
            self._contact(state, people, day, slots, best[slots], draws[:, slots])

    def _contact(
        self, state: State, people: Population, day: int, slots: Array, campaign: Array, draws: Array
    ) -> None:
        control = draws[1] < CONTROL_SHARE
        offer = np.where(control, 0, 1 + np.searchsorted(np.array([0.3, 0.55, 0.75]), draws[2])).astype(
            np.int8
        )
        answered = answers(state, day, slots, offer)
        accepted = ~control & (draws[3] < acceptance(people.persuadable[slots], answered, offer))
        names = np.array(CAMPAIGNS, dtype=object)[campaign]
        made = Contacts(slots, offer, names, control, accepted, answered, campaign == 1)
        self._treat(state, people, day, made)

    def _obey(self, state: State, people: Population, day: int, wanted: Order) -> None:
        here = state.committed[wanted.slots]
        slots, offer = wanted.slots[here], wanted.offer[here]
        luck = stream(self.seed, "ordered contacts", day).random(len(state.alive))[slots]
        answered = answers(state, day, slots, offer)
        accepted = luck < acceptance(people.persuadable[slots], answered, offer)
        nobody, ending = np.zeros(len(slots), dtype=bool), renews(state, day, slots)
        made = Contacts(slots, offer, wanted.campaign[here], nobody, accepted, answered, ending)
        self._treat(state, people, day, made)

    def _treat(self, state: State, people: Population, day: int, made: Contacts) -> None:
        slots, offer, accepted, control = made.slots, made.offer, made.accepted, made.control
        state.contacted_on[slots] = day
        share = np.array([0.0, 0.1, 0.25, 0.0, 0.0], dtype=np.float32)[offer]
        state.credit_share[slots[accepted]] = share[accepted]
        state.credit_until[slots[accepted]] = day + CREDIT_DAYS
        if self.offers_work:
            persuadable = people.persuadable[slots]
            won = change_if_accepted(persuadable, made.answered)
            lost = np.where(control, 0.0, change_if_refused(persuadable))
            state.offer_effect[slots] += np.where(accepted, won, lost).astype(np.float32)
            state.device[slots[accepted & (offer == UPGRADE)]] = BEST_DEVICE
            bound = slots[accepted & made.renewing]
            bound = bound[state.expires_on[bound] < NEVER]
            renew(state, bound, np.full(len(bound), RENEWED_MONTHS, dtype=np.int16))
        if day >= self.open_from:
            price = state.price[slots]
            fixed = np.array([0.0, 0.0, 0.0, 60.0, 15.0], dtype=np.float32)[offer]
            cost = np.where(control, 0.0, 4.0 + accepted * (fixed + 6.0 * share * price))
            number = np.arange(self.count + 1, self.count + 1 + len(slots))
            self.count += len(slots)
            self.rows.append(
                {
                    "number": number,
                    "slot": slots,
                    "day": np.full(len(slots), day),
                    "campaign": made.campaign,
                    "offer": offer,
                    "cost": np.round(cost, 2),
                    "accepted": accepted,
                    "arm": control.astype(np.int8),
                }
            )

    def taken(self) -> dict[str, Array]:
        """Columns of the contacts made since the last call, as arrays; empty where there are none."""
        rows, self.rows = self.rows, []
        return {name: np.concatenate([part[name] for part in rows]) for name in rows[0]} if rows else {}

    def deliver(self, ids: Array) -> dict[str, list[str | None]]:
        """Returns columns (text) of the contacts made since the last call."""
        merged = self.taken()
        if not merged:
            return {name: [] for name in COLUMNS}
        return {
            "contact_id": [f"R{number:07d}" for number in merged["number"].tolist()],
            "customer_id": ids[merged["slot"]].tolist(),
            "contacted_on": iso_dates(merged["day"]).tolist(),
            "campaign": merged["campaign"].tolist(),
            "offer": [OFFERS[code] for code in merged["offer"].tolist()],
            "cost": [f"{cost:.2f}" for cost in merged["cost"].tolist()],
            "accepted": ["true" if yes else "false" for yes in merged["accepted"].tolist()],
            "arm": [ARMS[code] for code in merged["arm"].tolist()],
        }
