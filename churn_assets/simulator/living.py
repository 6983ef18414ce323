"""A telecom world that lives day by day, and can be copied and treated: without files, deliveries or dirt.

Twins share every random number of a customer and a day, so what differs between them is the work of the contacts that
one of them was ordered to make. One draw is an exception: the number of text messages is drawn for all customers in a
row, so those of others move a little where a treated customer uses less. Nobody's decision depends on it.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from churn_assets.simulator.behaviour import Network, step_engagement, step_usage
from churn_assets.simulator.dates import NEVER, Array, to_date, to_day
from churn_assets.simulator.forecast import AHEAD
from churn_assets.simulator.hazard import AFTER, BEFORE, Regime
from churn_assets.simulator.invoices import Billing
from churn_assets.simulator.offer_effects import TrueEffects, true_effects
from churn_assets.simulator.plan import SimulationPlan
from churn_assets.simulator.population import draw_population, warm_up_start
from churn_assets.simulator.retention import ARMS, OFFERS, Order, Retention
from churn_assets.simulator.state import NON_PAYMENT, State, initial_state
from churn_assets.simulator.state_extracts import objections, step_attributes
from churn_assets.simulator.subscriptions import (
    bury,
    step_ends,
    step_expiries,
    step_involuntary,
    step_joins,
    step_leaving,
    step_prices,
)
from churn_assets.simulator.tickets import Helpdesk

ORDERED = ("customer_id", "contact_on", "campaign", "offer")


@dataclass(frozen=True)
class DayOfUse:
    """What the customers who were active on a day used: their slots, and measures in the order of USAGE_COLUMNS."""

    slots: Array
    measures: list[Array]


class LivingWorld:
    """A telecom world after the day `day` (epoch day).

    Args:
        plan: dirt, extracts and truncation of it do not matter here.
        own_until: last day of the daily campaign of the simulated business; None: it never ends.
        offers_work: False: offers are accepted and paid, and change nothing.
        for_extracts: keeps invoices and tickets until they are delivered.
    """

    def __init__(
        self,
        plan: SimulationPlan,
        own_until: date | None = None,
        offers_work: bool = True,
        for_extracts: bool = False,
    ) -> None:
        self.plan = plan
        self.start = to_day(plan.start)
        self.day = warm_up_start(plan) - 1
        self.people = draw_population(plan)
        self.state = initial_state(self.people)
        self.ids = np.full(self.people.size, "", dtype=object)
        self.named = 0
        self.network = Network(plan.seed, self.people.size)
        self.billing = Billing(plan.seed, self.start if for_extracts else NEVER)
        self.helpdesk = Helpdesk(plan.seed, self.start if for_extracts else NEVER)
        until = None if own_until is None else to_day(own_until)
        self.retention = Retention(plan.seed, self.start, until, offers_work)

    @property
    def present(self) -> int:
        """Number of slots that have joined; the others come later."""
        return int(np.searchsorted(self.people.joined_on, self.day, side="right"))

    def regime(self, day: int) -> Regime:
        """The reasons to leave on an epoch day."""
        drift = self.plan.drift_day
        return AFTER if drift is not None and day >= drift else BEFORE

    def live(self) -> DayOfUse:
        """Simulates the next day: joins and contracts, usage, tickets, invoices, contacts, then decisions to leave."""
        self.day += 1
        day, seed = self.day, self.plan.seed
        state, people = self.state.first(self.present), self.people.first(self.present)
        step_joins(state, people, day)
        if day >= self.start:
            self._name(state)
        step_attributes(seed, state, day)
        step_expiries(seed, state, day)
        step_prices(seed, state, people, day)
        outage, drops = self.network.step(state, day)
        step_engagement(seed, state, day)
        voice, texts, data, roaming = step_usage(seed, state, people, day)
        slots = np.flatnonzero(state.alive)
        used = DayOfUse(slots, [values[slots] for values in (voice, texts, data, roaming, drops, outage)])
        self.helpdesk.step(state, people, day)
        self.billing.step(state, people, day)
        self.retention.step(state, people, day)
        step_leaving(seed, state, people, day, self.regime(day))
        step_involuntary(seed, state, people, day)
        bury(state, step_ends(state, day))
        return used

    def _name(self, state: State) -> None:
        """Gives a number to active customers without one: to all of them on the first day of the history."""
        slots = np.flatnonzero(state.alive & (state.number == 0))
        numbers = np.arange(self.named + 1, self.named + 1 + len(slots))
        self.named += len(slots)
        state.number[slots] = numbers
        state.changed[slots] = True
        self.ids[slots] = [f"C{number:07d}" for number in numbers.tolist()]

    def twin(self) -> LivingWorld:
        """A copy that lives on by itself, with the same random numbers."""
        return copy.deepcopy(self, {id(self.people): self.people})

    def keep_nothing(self) -> None:
        """Keeps no more contacts, invoices and tickets, of a copy of which nothing is delivered."""
        for source in (self.retention, self.billing, self.helpdesk):
            source.open_from = NEVER

    def agrees(self, slots: Array) -> Array:
        """Whether customers agree to contacts and do not object to profiling; no contact changes that."""
        told = objections(self.plan.seed, self.people.size, slots)
        return np.asarray(
            self.state.consent[slots] & np.array([answer != "true" for answer in told], dtype=bool)
        )

    def left_by_choice(self, slots: Array) -> Array:
        """Epoch day of the end of each customer's service if they chose to leave; NEVER otherwise."""
        ended, reason = self.ended(slots)
        return np.where((reason >= 0) & (reason < NON_PAYMENT), ended, NEVER).astype(np.int64)

    def order(self, contacts: pd.DataFrame) -> None:
        """Orders contacts of days to come. Who has decided to leave by then is not contacted.

        Args:
            contacts: customer_id, contact_on (date), campaign, offer (of OFFERS, not none). What was ordered for the
                same days before is replaced.

        Raises:
            ValueError: a day has passed, an offer or a customer is unknown, or a customer is named twice on a day.
        """
        if missing := [name for name in ORDERED if name not in contacts]:
            raise ValueError(f"contacts lack {missing[0]}; a contact tells {', '.join(ORDERED)}")
        slot_of = {name: slot for slot, name in enumerate(self.ids[: self.present]) if name}
        slots = contacts["customer_id"].map(slot_of)
        if slots.isna().any():
            raise ValueError(f"there is no customer {contacts['customer_id'][slots.isna()].iloc[0]}")
        codes = contacts["offer"].map({name: code for code, name in enumerate(OFFERS) if code})
        if codes.isna().any():
            wrong = contacts["offer"][codes.isna()].iloc[0]
            raise ValueError(f"there is no offer {wrong}; there are {', '.join(OFFERS[1:])}")
        if contacts.duplicated(["customer_id", "contact_on"]).any():
            raise ValueError("a customer is contacted twice on one day; name each once")
        for when in sorted(set(contacts["contact_on"])):
            part = contacts[contacts["contact_on"] == when]
            day = to_day(when)
            if day <= self.day:
                raise ValueError(f"{when} has passed; the world is at the end of {to_date(self.day)}")
            rows = part.index
            self.retention.order(
                day,
                Order(
                    slots[rows].to_numpy(dtype=np.intp),
                    codes[rows].to_numpy(dtype=np.int8),
                    part["campaign"].to_numpy(dtype=object),
                ),
            )

    def contacts(self) -> pd.DataFrame:
        """Contacts and controls since the last call, with customer_id, contacted_on, arm, accepted and cost."""
        made = self.retention.taken()
        if not made:
            names = ("customer_id", "contacted_on", "campaign", "offer", "arm", "accepted", "cost")
            return pd.DataFrame({name: [] for name in names})
        return pd.DataFrame(
            {
                "customer_id": self.ids[made["slot"]],
                "contacted_on": [to_date(day) for day in made["day"].tolist()],
                "campaign": made["campaign"],
                "offer": np.array(OFFERS, dtype=object)[made["offer"]],
                "arm": np.array(ARMS, dtype=object)[made["arm"]],
                "accepted": made["accepted"],
                "cost": made["cost"],
            }
        )

    def true_effects(self, slots: Array, after: int) -> TrueEffects:
        """What each offer would do to customers contacted in `after` days; for oracles and tests only."""
        regimes = {ahead: self.regime(self.day + ahead) for ahead in AHEAD}
        state, people = self.state.at(slots), self.people.at(slots)
        return true_effects(state, people, self.day, regimes, after, self.retention.offers_work)

    def ended(self, slots: Array) -> tuple[Array, Array]:
        """Last day of service (epoch day, NEVER while it lasts), and the code of REASONS (-1 while it lasts)."""
        day = self.state.ended_on[slots]
        return day, np.where(day < NEVER, self.state.reason[slots], -1)
