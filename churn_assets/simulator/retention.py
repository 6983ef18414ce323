"""Simulates retention contacts: the choice of customers, a random control arm, and the effect of offers."""

from __future__ import annotations

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
COLUMNS = ("contact_id", "customer_id", "contacted_on", "campaign", "offer", "cost", "accepted", "arm")


def _answers(state: State, day: int, slots: Array, offer: Array) -> Array:
    """Whether each offer answers what troubles the customer: the price, the contract's end, or the service."""
    dearer = (state.rise[slots] > 0) & (day - state.rise_on[slots].astype(np.int64) < PRICE_TROUBLE_DAYS)
    ending = (state.term[slots] > 0) & (state.expires_on[slots] - day < CONTRACT_TROUBLE_DAYS)
    let_down = (
        (state.outage[slots] > 60) | (state.open_tickets[slots] > 0) | (state.dissatisfaction[slots] > 0.5)
    )
    troubles = np.stack([np.zeros(len(slots), dtype=bool), dearer, dearer, ending, let_down])
    return np.asarray(troubles[offer, np.arange(len(slots))])


class Retention:
    """A daily campaign. Only contacts made from `open_from` (epoch day) on are delivered."""

    def __init__(self, seed: int, open_from: int) -> None:
        self.seed = seed
        self.open_from = open_from
        self.count = 0
        self.rows: list[dict[str, Array]] = []

    def step(self, state: State, people: Population, day: int) -> None:
        """Chooses customers by a rough score, contacts the treated arm and applies accepted offers.

        An offer that answers what troubles the customer (see `_answers`) is accepted more often, and when accepted it
        lowers the log hazard by 1.5. Any other accepted offer lowers it by 0.7 for persuadable customers and by 0.1 for
        others. A refused offer raises it by 0.15 for the non-persuadable. All this fades with a time constant of 90
        days. The control arm is chosen but not contacted.
        """
        state.offer_effect *= np.float32(np.exp(-1.0 / 90.0))
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
        persuadable = people.persuadable[slots]
        answers = _answers(state, day, slots, offer)
        chance = np.where(persuadable, 0.6, 0.15) + 0.3 * answers + 0.1 * (offer == 2)
        accepted = ~control & (draws[3] < chance)
        won = np.where(answers, -1.5, np.where(persuadable, -0.7, -0.1))
        effect = np.where(accepted, won, np.where(control | persuadable, 0.0, 0.15))
        state.offer_effect[slots] += effect.astype(np.float32)
        state.contacted_on[slots] = day
        share = np.array([0.0, 0.1, 0.25, 0.0, 0.0], dtype=np.float32)[offer]
        state.credit_share[slots[accepted]] = share[accepted]
        state.credit_until[slots[accepted]] = day + CREDIT_DAYS
        upgraded = slots[accepted & (offer == UPGRADE)]
        state.device[upgraded] = 2
        bound = slots[accepted & (campaign == 1)]
        bound = bound[state.expires_on[bound] < NEVER]
        renew(state, bound, np.full(len(bound), 12, dtype=np.int16))
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
                    "campaign": campaign,
                    "offer": offer,
                    "cost": np.round(cost, 2),
                    "accepted": accepted,
                    "arm": control.astype(np.int8),
                }
            )

    def deliver(self, ids: Array) -> dict[str, list[str | None]]:
        """Returns columns (text) of the contacts made since the last call."""
        rows, self.rows = self.rows, []
        if not rows:
            return {name: [] for name in COLUMNS}
        merged = {name: np.concatenate([part[name] for part in rows]) for name in rows[0]}
        return {
            "contact_id": [f"R{number:07d}" for number in merged["number"].tolist()],
            "customer_id": ids[merged["slot"]].tolist(),
            "contacted_on": iso_dates(merged["day"]).tolist(),
            "campaign": [CAMPAIGNS[code] for code in merged["campaign"].tolist()],
            "offer": [OFFERS[code] for code in merged["offer"].tolist()],
            "cost": [f"{cost:.2f}" for cost in merged["cost"].tolist()],
            "accepted": ["true" if yes else "false" for yes in merged["accepted"].tolist()],
            "arm": [ARMS[code] for code in merged["arm"].tolist()],
        }
