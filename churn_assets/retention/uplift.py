"""What each offer changes, customer by customer: learned from past randomised contacts, as known on a day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_assets.contracts.business import Business
from churn_assets.contracts.campaigns import Campaigns
from churn_assets.contracts.offers import OfferLine
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.portable.transformation import Transformation
from churn_assets.ml.uplift.choice import JudgedOffer, PlanValues, judged_offer
from churn_assets.ml.uplift.trial import Floats, NoTrial, RandomisedContacts, shares_of_campaigns
from churn_assets.retention.cohort import rules_of_contacts
from churn_assets.retention.contacts import AS_OF, KEY, by_offer, contacts_known, with_outcomes
from churn_assets.retention.effects import OfferEffect, effect_of
from churn_assets.retention.own_arms import own_plans, with_own_arms
from churn_assets.scores.past_snapshots import features_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class OfferUplift:
    """What is known of the effects of one offer.

    Attributes:
        offer: its name.
        contacts, controls: with a known outcome, in campaigns with both arms.
        judged: what was learned; None where nothing could be.
        why_not: why nothing was learned; empty where something was.
        effects: of the cohort's customers by the learned model, by customer_key; None unless it is used.
        values: what plans by effect and by risk would have earned; None where nothing was learned.
    """

    offer: str
    contacts: int
    controls: int
    judged: JudgedOffer | None
    why_not: str
    effects: "pd.Series | None"
    values: PlanValues | None

    @property
    def told(self) -> str:
        """Whether and why effects by customer are used, in words."""
        if self.judged is None:
            return f"constant effect: {self.why_not}"
        found = self.judged.judgement
        if self.judged.is_used:
            return f"effects by customer ({self.judged.chosen.name}): Qini above the constant by {found.qini_gain}"
        if found.contacts_needed is None or found.contacts_needed <= len(self.judged.later):
            needed = "no sign that more contacts would help"
        else:
            needed = (
                f"about {found.contacts_needed:,} later contacts and controls would show a gain like this"
            )
        return (
            f"constant effect: on {len(self.judged.later):,} later contacts and controls, effects by customer are not "
            f"shown to be better (Qini above the constant by {found.qini_gain}); {needed}"
        )

    def row(self, day: date) -> dict[str, Any]:
        """The row of retention/offer_uplift."""
        row = {
            "as_of_date": day,
            "offer": self.offer,
            "used": self.effects is not None,
            "told": self.told,
            "contacts": self.contacts,
            "controls": self.controls,
        }
        if self.judged is None:
            return row
        found = self.judged.judgement
        row |= {
            "learner": self.judged.chosen.name,
            "judged_contacts": len(self.judged.later),
            "contacts_needed": found.contacts_needed,
        }
        told = {"qini": found.qini, "qini_gain": found.qini_gain, "uplift_top_tenth": found.at[0.1]}
        for name, figure in told.items():
            row |= {name: figure.value, f"{name}_low": figure.low, f"{name}_high": figure.high}
        return row


def offer_uplifts(
    lakehouse: Lakehouse, business: Business, section: Campaigns, day: date
) -> list[OfferUplift]:
    """Learns and judges the effects of every offer by what was known on a day.

    Raises:
        LakehouseError: a table does not exist yet.
    """
    arms = with_own_arms(
        contacts_known(lakehouse, business, day), own_plans(lakehouse, business, section, day)
    )
    contacts = with_outcomes(lakehouse, arms, day, business.file.windows.gap_days)
    contacts = contacts[contacts["churned"].notna()]
    days = sorted(set(contacts[AS_OF]))
    rules = rules_of_contacts(lakehouse, business, section, day, contacts)
    names = features_of(lakehouse, business)
    past = _snapshots(lakehouse, days, names) if days else None
    offers = business.file.offers
    found = []
    asked = by_offer(contacts, [o.name for o in offers], rules)
    for offer in offers:
        effect, told = effect_of(offer, asked[offer.name]), _in_trials(asked[offer.name])
        if past is not None:
            told = told.merge(past, on=[KEY, AS_OF], how="inner")
        found.append(_of_offer(lakehouse, business, day, names, offer, effect, told))
    return found


def _in_trials(contacts: "pd.DataFrame") -> "pd.DataFrame":
    """Contacts and controls of an offer in campaigns with both arms, with `share`: of the treated in the campaign."""
    campaign = contacts["campaign"].fillna("").astype(str).to_numpy(dtype=object)
    share = shares_of_campaigns(campaign, contacts["treated"].to_numpy(dtype=bool))
    return contacts.assign(share=share)[(share > 0) & (share < 1)]


def _snapshots(lakehouse: Lakehouse, days: Sequence[date], names: Sequence[str]) -> "pd.DataFrame":
    """Features and churn probability of the customers of some cohorts; NaN where a cohort was not scored."""
    wanted: list[tuple[str, str, object]] = [(AS_OF, "in", list(days))]
    rows: pd.DataFrame = lakehouse.arrow(tables.CUSTOMER_SNAPSHOTS, [KEY, AS_OF, *names], wanted).to_pandas()
    scored = lakehouse.arrow(tables.CUSTOMER_SEGMENTS, [KEY, AS_OF, "probability"], wanted).to_pandas()
    return rows.merge(scored, on=[KEY, AS_OF], how="left")


def _of_offer(
    lakehouse: Lakehouse,
    business: Business,
    day: date,
    names: Sequence[str],
    offer: OfferLine,
    effect: OfferEffect,
    rows: "pd.DataFrame",
) -> OfferUplift:
    seed, capacity = business.file.training.seed, business.file.training.capacity
    treated = rows["treated"].to_numpy(dtype=bool)
    counts = int(treated.sum()), int((~treated).sum())
    try:
        if not len(rows):
            raise NoTrial("No contact has both a known outcome and a control arm.")
        transformation = Transformation.fit(rows, names)
        trial = _trial(rows, treated, transformation, effect)
        judged = judged_offer(trial, seed)
    except NoTrial as error:
        return OfferUplift(offer.name, *counts, None, str(error), None, None)
    cost = offer.contact_cost + effect.acceptance * offer.cost
    value = np.full(len(judged.later), business.file.economics.lifetime_value)
    effects = _of_cohort(lakehouse, day, names, transformation, judged, effect) if judged.is_used else None
    return OfferUplift(offer.name, *counts, judged, "", effects, judged.values(value, cost, capacity))


def _trial(
    rows: "pd.DataFrame", treated: "np.ndarray", transformation: Transformation, effect: OfferEffect
) -> RandomisedContacts:
    import pandas as pd

    churned = rows["churned"].eq(True).to_numpy(dtype=bool)
    rate = float(churned[~treated].mean()) if (~treated).any() else 0.0
    risk = rows["probability"].fillna(rate).to_numpy(dtype=float)
    return RandomisedContacts(
        transformation.transform(rows),
        treated,
        churned,
        rows["share"].to_numpy(dtype=float),
        pd.factorize(rows[KEY])[0].astype(np.int64),
        np.array([d.toordinal() for d in rows[AS_OF]], dtype=np.int64),
        _constant(risk, effect),
    )


def _constant(risk: Floats, effect: OfferEffect) -> Floats:
    return np.asarray(risk * effect.prevented, dtype=np.float64)


def _of_cohort(
    lakehouse: Lakehouse,
    day: date,
    names: Sequence[str],
    transformation: Transformation,
    judged: JudgedOffer,
    effect: OfferEffect,
) -> "pd.Series":
    """Effects of the scored customers of a cohort."""
    import pandas as pd

    now = _snapshots(lakehouse, [day], names).dropna(subset="probability").sort_values(KEY, ignore_index=True)
    risk = now["probability"].to_numpy(dtype=float)
    estimated = judged.model.predict(transformation.transform(now), _constant(risk, effect))
    # nobody can be kept who would not have left, and nobody can be driven away twice
    return pd.Series(np.clip(estimated, risk - 1, risk), index=now[KEY])
