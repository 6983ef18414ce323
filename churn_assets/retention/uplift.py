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
from churn_assets.ml.openmp import share_cores
from churn_assets.ml.portable.transformation import Transformation
from churn_assets.ml.uplift.choice import JudgedOffer, PlanValues, judged_offer
from churn_assets.ml.uplift.groups import EffectGroup, effect_groups, kinds_of
from churn_assets.ml.uplift.trial import Customers, Floats, NoTrial, RandomisedContacts, shares_of_campaigns
from churn_assets.retention.cohort import rules_of_contacts
from churn_assets.retention.contacts import AS_OF, KEY, by_offer, contacts_known, with_outcomes
from churn_assets.retention.effects import OfferEffect, effect_of
from churn_assets.retention.own_arms import own_plans, with_own_arms
from churn_assets.retention.plan import values
from churn_assets.scores.past_snapshots import features_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


LEAST_OF_A_SEGMENT = 50  # later contacts and controls; segments with fewer are told together
BY_KIND, BY_SEGMENT = "kind", "segment"
OTHER_SEGMENTS, NO_SEGMENT = "(other segments)", "(not scored)"


@dataclass(frozen=True)
class Learned:
    """What was learned of one offer.

    Attributes:
        judged: the learner and its judgement on later contacts.
        cost: of a contact, with the acceptance of the earlier contacts.
        values: what plans by effect and by risk would have earned.
        kinds: later customers by their estimated effect: persuadable, little changed, woken up; or everybody.
        segments: the same customers by their segment then.
    """

    judged: JudgedOffer
    cost: float
    values: PlanValues
    kinds: list[EffectGroup]
    segments: list[EffectGroup]


@dataclass(frozen=True)
class OfferUplift:
    """What is known of the effects of one offer.

    Attributes:
        offer: its name.
        contacts, controls: with a known outcome, in campaigns with both arms.
        learned: what was learned; None where nothing could be.
        why_not: why nothing was learned; empty where something was.
        effects: of the cohort's customers by the learned model, by customer_key; None unless it is used.
    """

    offer: str
    contacts: int
    controls: int
    learned: Learned | None
    why_not: str
    effects: "pd.Series | None"

    @property
    def judged(self) -> JudgedOffer | None:
        """The learner and its judgement; None where nothing was learned."""
        return self.learned.judged if self.learned else None

    @property
    def is_used(self) -> bool:
        """Whether the plan uses effects by customer."""
        return self.effects is not None

    @property
    def told(self) -> str:
        """Whether and why effects by customer are used, in words."""
        if self.judged is None:
            return f"constant effect: {self.why_not}"
        found = self.judged.judgement
        if self.judged.is_used:
            return f"effects by customer ({self.judged.chosen.name}): Qini above the constant by {found.qini_gain}"
        if not self.judged.chosen.trust:
            return (
                f"constant effect: no learner found, in {int((~self.judged.judged_by).sum()):,} earlier contacts and "
                "controls, differences between customers that hold for customers it did not learn from"
            )
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

    def row(self, day: date, mlflow_run_id: str | None) -> dict[str, Any]:
        """The row of retention/offer_uplift."""
        row: dict[str, Any] = {
            "as_of_date": day,
            "offer": self.offer,
            "used": self.is_used,
            "told": self.told,
            "contacts": self.contacts,
            "controls": self.controls,
            "mlflow_run_id": mlflow_run_id,
        }
        if self.judged is None:
            return row
        found = self.judged.judgement
        row |= {
            "learner": self.judged.chosen.name,
            "judged_contacts": len(self.judged.later),
            "trust": self.judged.chosen.trust,
            "contacts_needed": found.contacts_needed,
        }
        told = {"qini": found.qini, "qini_gain": found.qini_gain, "uplift_top_tenth": found.at[0.1]}
        for name, figure in told.items():
            row |= {name: figure.value, f"{name}_low": figure.low, f"{name}_high": figure.high}
        return row

    def group_rows(self, day: date) -> list[dict[str, Any]]:
        """The rows of retention/effect_groups."""
        if self.learned is None:
            return []
        return [
            {
                "as_of_date": day,
                "offer": self.offer,
                "grouping": grouping,
                "group_value": group.name,
                "contacts": group.contacts,
                "controls": group.controls,
                "woken": group.woken,
                "estimated": group.estimated,
                **_seen(group),
            }
            for grouping, groups in ((BY_KIND, self.learned.kinds), (BY_SEGMENT, self.learned.segments))
            for group in groups
        ]


def _seen(group: EffectGroup) -> dict[str, float]:
    seen = group.observed
    return {"seen": seen.value, "seen_low": seen.low, "seen_high": seen.high} if seen else {}


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
    past = _snapshots(lakehouse, business, days, names) if days else None
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


def _snapshots(
    lakehouse: Lakehouse, business: Business, days: Sequence[date], names: Sequence[str]
) -> "pd.DataFrame":
    """Features of the customers of some cohorts, and how they were scored: probability, segment and `worth`.

    All three are null where a cohort was not scored. `worth` is the value of a kept customer that a plan counts with.
    """
    import pandas as pd

    wanted: list[tuple[str, str, object]] = [(AS_OF, "in", list(days))]
    rows: pd.DataFrame = lakehouse.arrow(tables.CUSTOMER_SNAPSHOTS, [KEY, AS_OF, *names], wanted).to_pandas()
    scored = lakehouse.arrow(
        tables.CUSTOMER_SEGMENTS, [KEY, AS_OF, "probability", "segment", "value"], wanted
    ).to_pandas()
    parts = [
        part.assign(worth=values(part["value"].to_numpy(dtype=float), business.file.economics.lifetime_value))
        for _, part in scored.groupby(AS_OF)
    ]
    told = pd.concat(parts) if parts else scored.assign(worth=np.nan)
    if (own := _own_values(lakehouse, business, wanted)) is not None:
        told = told.merge(own, on=[KEY, AS_OF], how="left")
        told["worth"] = told["value_if_kept"].where(told[AS_OF].isin(set(own[AS_OF])), told["worth"])
    named = [KEY, AS_OF, "probability", "segment", "worth"]
    return rows.merge(told[named], on=[KEY, AS_OF], how="left")


def _own_values(
    lakehouse: Lakehouse, business: Business, wanted: "list[tuple[str, str, object]]"
) -> "pd.DataFrame | None":
    """Own values of the customers of the cohorts whose values came out better than the constant."""
    if business.file.economics.lifetime is None or not lakehouse.exists(tables.LIFETIME_VALUES):
        return None
    better = [*wanted, ("better_than_constant", "=", True)]
    found: pd.DataFrame = lakehouse.arrow(
        tables.LIFETIME_VALUES, [KEY, AS_OF, "value_if_kept"], better
    ).to_pandas()
    return found


def _of_offer(
    lakehouse: Lakehouse,
    business: Business,
    day: date,
    names: Sequence[str],
    offer: OfferLine,
    effect: OfferEffect,
    rows: "pd.DataFrame",
) -> OfferUplift:
    share_cores()
    treated = int(rows["treated"].sum())
    counts = treated, len(rows) - treated
    try:
        if not len(rows):
            raise NoTrial("No contact has both a known outcome and a control arm.")
        transformation = Transformation.fit(rows, names)

        def as_told_by(part: "NDArray[np.bool_]") -> RandomisedContacts:
            known = rows[part]
            return _trial(rows, known, Transformation.fit(known, names), effect_of(offer, known))

        judged = judged_offer(
            _trial(rows, rows, transformation, effect), as_told_by, business.file.training.seed
        )
    except NoTrial as error:
        return OfferUplift(offer.name, *counts, None, str(error), None)
    effects = None
    if judged.model is not None:
        now = _snapshots(lakehouse, business, [day], names).dropna(subset="probability")
        effects = _of_cohort(now.sort_values(KEY, ignore_index=True), transformation, judged, effect)
    earlier, later = rows[~judged.judged_by], rows[judged.judged_by]
    cost = offer.contact_cost + effect_of(offer, earlier).acceptance * offer.cost
    learned = _learned(judged, later, cost, business.file.training.capacity)
    return OfferUplift(offer.name, *counts, learned, "", effects)


def _learned(judged: JudgedOffer, later: "pd.DataFrame", cost: float, share: float) -> Learned:
    segment = later["segment"].fillna(NO_SEGMENT).astype(str)
    sizes = segment.map(segment.value_counts())
    segment = segment.where(sizes >= LEAST_OF_A_SEGMENT, OTHER_SEGMENTS)
    of = (judged.later, judged.estimated, judged.robust)
    return Learned(
        judged,
        cost,
        judged.values(later["worth"].to_numpy(dtype=float), cost, share),
        effect_groups(*of, kinds_of(judged.estimated, judged.chosen.trust)),
        effect_groups(*of, segment.to_numpy(dtype=object)),
    )


def _trial(
    rows: "pd.DataFrame", known: "pd.DataFrame", transformation: Transformation, effect: OfferEffect
) -> RandomisedContacts:
    """Contacts and controls; who was not scored has the churn rate of the controls in `known` for a risk."""
    import pandas as pd

    treated = rows["treated"].to_numpy(dtype=bool)
    churned = rows["churned"].eq(True).to_numpy(dtype=bool)
    held = known.loc[~known["treated"].astype(bool), "churned"].eq(True)
    risk = rows["probability"].fillna(float(held.mean()) if len(held) else 0.0).to_numpy(dtype=float)
    return RandomisedContacts(
        features=transformation.transform(rows),
        risk=risk,
        constant=_constant(risk, effect),
        treated=treated,
        churned=churned,
        propensity=rows["share"].to_numpy(dtype=float),
        customer=pd.factorize(rows[KEY])[0].astype(np.int64),
        time=np.array([d.toordinal() for d in rows[AS_OF]], dtype=np.int64),
    )


def _constant(risk: Floats, effect: OfferEffect) -> Floats:
    return np.asarray(risk * effect.prevented, dtype=np.float64)


def _of_cohort(
    now: "pd.DataFrame", transformation: Transformation, judged: JudgedOffer, effect: OfferEffect
) -> "pd.Series":
    """Effects of the scored customers of a cohort."""
    import pandas as pd

    if judged.model is None:
        raise ValueError("effects by customer are used only where they were judged better")
    risk = now["probability"].to_numpy(dtype=float)
    who = Customers(transformation.transform(now), risk, _constant(risk, effect))
    # nobody can be kept who would not have left, and nobody can be driven away twice
    return pd.Series(np.clip(judged.model.predict(who), risk - 1, risk), index=now[KEY])
