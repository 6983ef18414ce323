"""Worlds in which the truth about offers is known, month by month and without a lake.

`trial` is what a model of uplift needs: one row per customer and month, with features, treatment, outcome and true
effect. For the columns see there:

    rows = trial(seed=1, customers=20_000)
    features, treatment = rows[list(FEATURES)], rows["treatment"]
    outcome, true_effect = rows["churned"], rows["true_effect"]

`Months` is a world as a pipeline would know it at each month end. What a delivered source tells is a feature; what is
hidden (loss of interest, sensitivities, who can be persuaded, the work of past offers) is none. Compared with the
pipeline, features are made from the state of the simulation and not from extracts: there is no dirt, nothing comes
late, and a few features are sums that fade instead of counts within a window.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import pandas as pd

from churn_assets.contracts.offers import OfferLine
from churn_assets.months import month_end, month_of
from churn_assets.simulator.dates import NEVER, Array, to_date, to_day
from churn_assets.simulator.forecast import GAP_DAYS, OUTCOME_DAYS
from churn_assets.simulator.living import LivingWorld
from churn_assets.simulator.plan import SimulationPlan
from churn_assets.simulator.retention import OFFERS
from churn_assets.simulator.state import NON_PAYMENT
from churn_assets.simulator.state_extracts import objections
from churn_assets.simulator.truth import MINIMUM_TENURE_DAYS

START = date(2024, 1, 1)
CONTACT_AFTER = 3  # days from the as_of_date to the contact: the plan, its approval and the list
REST_DAYS = 75
MONTHS_KEPT = 3
BEFORE_TRIAL = 6  # months
VOICE, DATA, DROPS, OUTAGE = 0, 2, 4, 5  # places in USAGE_COLUMNS
SUMMED = {
    "usage_voice_minutes": VOICE,
    "usage_data_mb": DATA,
    "usage_dropped_calls": DROPS,
    "usage_outage_minutes": OUTAGE,
}
FEATURES = (
    "tenure_days",
    "subscriptions_days_to_expiry",
    "subscriptions_contract_months",
    "plan",
    "subscriptions_monthly_price",
    "subscriptions_monthly_price_change_6m",
    "days_since_price_change",
    "region",
    "segment",
    "channel",
    "household",
    "method",
    "autopay",
    "paperless",
    "device",
    "consent",
    "tickets_open_count_3m",
    "tickets_faded",
    "bad_tickets_faded",
    "failed_payments_faded",
    "unpaid",
    "days_since_contact",
    *(f"{name}_sum_{months}m" for name in SUMMED for months in (1, 3)),
    "data_share_last_month",
    "minutes_share_last_month",
)


@dataclass
class Months:
    """A world at a month end, with what is known of it.

    Attributes:
        world: the world.
        used: sums of the last months, the newest last: arrays of SUMMED x slots.
        contacts: all contacts so far, see `LivingWorld.contacts`.
    """

    world: LivingWorld
    used: deque[Array] = field(default_factory=lambda: deque(maxlen=MONTHS_KEPT))
    contacts: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def day(self) -> date:
        """The as_of_date."""
        return to_date(self.world.day)

    def live_month(self) -> None:
        """Lives until the end of the next month."""
        last = to_day(month_end(month_of(self.day + timedelta(days=1))))
        sums = np.zeros((len(SUMMED), self.world.people.size))
        while self.world.day < last:
            today = self.world.live()
            for row, place in enumerate(SUMMED.values()):
                sums[row, today.slots] += today.measures[place]
        self.used.append(sums)
        self.contacts = pd.concat([self.contacts, self.world.contacts()], ignore_index=True)

    def twin(self) -> "Months":
        """A copy that lives on by itself, with the same random numbers."""
        return Months(self.world.twin(), self.used.copy(), self.contacts.copy())

    def eligible(self) -> Array:
        """Slots of the customers who are scored: 30 days of tenure, not in notice."""
        state, day = self.world.state, self.world.day
        old = day - self.world.people.joined_on >= MINIMUM_TENURE_DAYS
        return np.flatnonzero(state.committed & (state.number > 0) & old)

    def features(self, slots: Array) -> pd.DataFrame:
        """FEATURES of customers, by slot (index); numbers and codes, NaN where there is none."""
        day, state, people = self.world.day, self.world.state.at(slots), self.world.people.at(slots)
        bound, rise_age = state.term > 0, day - state.rise_on.astype(np.int64)
        contact_age = day - state.contacted_on.astype(np.int64)
        sums = [month[:, slots] for month in self.used]
        quarter = np.sum(sums, axis=0)
        usage = {
            f"{name}_sum_{label}": found[row]
            for row, name in enumerate(SUMMED)
            for label, found in (("1m", sums[-1]), ("3m", quarter))
        }
        found = {
            "tenure_days": day - people.joined_on,
            "subscriptions_days_to_expiry": np.where(bound, state.expires_on - day, np.nan),
            "subscriptions_contract_months": state.term,
            "plan": people.plan,
            "subscriptions_monthly_price": state.price,
            "subscriptions_monthly_price_change_6m": np.where(
                rise_age <= 182, state.price * (1 - 1 / (1 + state.rise)), 0.0
            ),
            "days_since_price_change": np.where(rise_age < NEVER // 2, rise_age, np.nan),
            "region": state.region,
            "segment": people.segment,
            "channel": people.channel,
            "household": state.household,
            "method": state.method,
            "autopay": state.autopay,
            "paperless": people.paperless,
            "device": state.device,
            "consent": state.consent,
            "tickets_open_count_3m": state.open_tickets,
            "tickets_faded": state.ticket_memory,
            "bad_tickets_faded": state.dissatisfaction,
            "failed_payments_faded": state.failure_memory,
            "unpaid": state.unpaid,
            "days_since_contact": np.where(contact_age < 183, contact_age, np.nan),
            **usage,
            "data_share_last_month": _share(usage["usage_data_mb_sum_1m"], usage["usage_data_mb_sum_3m"]),
            "minutes_share_last_month": _share(
                usage["usage_voice_minutes_sum_1m"], usage["usage_voice_minutes_sum_3m"]
            ),
        }
        return pd.DataFrame(found, index=slots).astype(float)[list(FEATURES)]

    def may_be_contacted(self, slots: Array) -> Array:
        """Whether customers agree to contacts, do not object to profiling, and owe nothing."""
        return np.asarray(self.agree(slots) & (self.world.state.unpaid[slots] == 0))

    def agree(self, slots: Array) -> Array:
        """Whether customers agree to contacts and do not object to profiling; no contact changes that."""
        objected = objections(self.world.plan.seed, self.world.people.size, slots)
        free = np.array([told != "true" for told in objected])
        return np.asarray(self.world.state.consent[slots] & free)

    def ends(self, slots: Array) -> tuple[Array, Array]:
        """Epoch day of the end by choice of each customer, and of any end; NEVER where there is none."""
        ended, reason = self.world.ended(slots)
        chosen = (reason >= 0) & (reason < NON_PAYMENT)
        return np.where(chosen, ended, NEVER).astype(np.int64), ended.astype(np.int64)

    def churned(self, slots: Array, as_of: date) -> Array:
        """Of each customer 1.0 if they left by choice in the outcome window, 0.0 if they stayed, NaN if neither.

        Raises:
            ValueError: the window has not ended yet.
        """
        day = to_day(as_of)
        if self.world.day < day + GAP_DAYS + OUTCOME_DAYS:
            raise ValueError(f"the outcomes of {as_of} are not known at the end of {self.day}")
        ended, reason = self.world.ended(slots)
        after = ended.astype(np.int64) - day
        within = (after > GAP_DAYS) & (after <= GAP_DAYS + OUTCOME_DAYS)
        chosen = reason < NON_PAYMENT
        unknown = (after <= GAP_DAYS) | (within & ~chosen)
        return np.where(unknown, np.nan, (within & chosen).astype(float))


def _share(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)


def fitting(features: pd.DataFrame, offers: list[OfferLine]) -> Array:
    """Customers x offers: whether the condition of the offer holds."""
    return np.column_stack(
        [
            np.ones(len(features), dtype=bool)
            if o.where is None
            else features.eval(o.where).to_numpy(dtype=bool)
            for o in offers
        ]
    )


def begin(seed: int, customers: int, months: int, own: int, offers_work: bool = True) -> Months:
    """A world of so many months on the day before its first one.

    In its first `own` months the business runs a daily campaign, which leaves a fifth of those whom it chooses alone at
    random.
    """
    plan = SimulationPlan(customers=customers, start=START, months=months, seed=seed)
    world = LivingWorld(plan, own_until=plan.month_ends[own - 1], offers_work=offers_work)
    while world.day < world.start - 1:
        world.live()
    return Months(world)


def trial(
    seed: int, customers: int, offers: list[OfferLine], months: int = 6, offers_work: bool = True
) -> pd.DataFrame:
    """A randomised trial: each month half of those who may get an offer get one of them at random.

    Args:
        seed, customers: of the world.
        offers: of churn.yaml of telecom; their conditions say to whom they may go.
        months: of the trial, after half a year of history.
        offers_work: False: a world in which offers change nothing.

    Returns:
        One row per customer and month with a known outcome: FEATURES as of the as_of_date (floats, NaN where there is
        none); customer_id, as_of_date, treatment (an offer, or "none" for the half that was left alone), churned (0 or
        1, in the outcome window), propensity (chance of this treatment), untreated (true churn probability without a
        contact), true_effect (true change of the churn probability by the offer; of "none": by the offer that the
        customer would have got), would_get (that offer), and for each offer the columns `effect of OFFER`, NaN where it
        may not go to the customer, and `acceptance of OFFER` (true chance).
    """
    found = begin(seed, customers, BEFORE_TRIAL + months + 2, BEFORE_TRIAL, offers_work)
    for _ in range(BEFORE_TRIAL):
        found.live_month()
    return trial_in(found, offers, months, seed)


def trial_in(found: Months, offers: list[OfferLine], months: int, seed: int) -> pd.DataFrame:
    """The same in a world that is there already; it lives on for the months of the trial and one more."""
    random = np.random.default_rng([seed, 27])
    asked: list[pd.DataFrame] = []
    for _ in range(months):
        rows = _drawn(found, offers, random)
        treated = rows[rows["treatment"] != "none"]
        found.world.order(
            pd.DataFrame(
                {
                    "customer_id": treated["customer_id"],
                    "contact_on": found.day + timedelta(days=CONTACT_AFTER),
                    "campaign": "trial",
                    "offer": treated["treatment"],
                }
            )
        )
        asked.append(rows)
        found.live_month()
    found.live_month()
    for rows in asked:
        rows["churned"] = found.churned(rows.index.to_numpy(), rows["as_of_date"].iloc[0])
    return pd.concat(asked, ignore_index=True).dropna(subset="churned").reset_index(drop=True)


def _drawn(found: Months, offers: list[OfferLine], random: np.random.Generator) -> pd.DataFrame:
    """The customers of a month of a trial, by slot, with the truth about them."""
    slots = found.eligible()
    features = found.features(slots)
    fits = fitting(features, offers)
    rested = found.world.day - found.world.state.contacted_on[slots].astype(np.int64) > REST_DAYS
    here = found.may_be_contacted(slots) & rested & fits.any(axis=1)
    slots, features, fits = slots[here], features[here], fits[here]
    would = np.where(fits, random.random(fits.shape), -1.0).argmax(axis=1)
    alone = random.random(len(slots)) < 0.5
    names = np.array([offer.name for offer in offers], dtype=object)
    truth = found.world.true_effects(slots, CONTACT_AFTER)
    columns = [OFFERS.index(name) - 1 for name in names]
    change, takes = np.where(fits, truth.change[:, columns], np.nan), truth.acceptance[:, columns]
    return features.assign(
        customer_id=found.world.ids[slots],
        as_of_date=found.day,
        treatment=np.where(alone, "none", names[would]),
        would_get=names[would],
        propensity=np.where(alone, 0.5, 0.5 / fits.sum(axis=1)),
        untreated=truth.untreated,
        true_effect=change[np.arange(len(slots)), would],
        **{f"effect of {name}": change[:, place] for place, name in enumerate(names)},
        **{f"acceptance of {name}": takes[:, place] for place, name in enumerate(names)},
    )
