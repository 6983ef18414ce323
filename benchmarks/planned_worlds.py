"""A world that is planned for month by month: what the pipeline would know, our plan or another policy, the truth.

Real are the functions of planning: effects, acceptance, holdout, exploration, allocation. Replaced are the lake and its
snapshots: features come from the state of the simulation (see `benchmarks.campaign_worlds`), and the probability from a
histogram boosting on them, trained on the cohorts of the first year and calibrated on its last one, as in the pipeline.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.campaign_worlds import FEATURES, Months, begin, fitting
from churn_assets.contracts.business import Business
from churn_assets.history.treatments import DAY
from churn_assets.ml.metrics.array_tiers import rank_tiers
from churn_assets.ml.portable.calibration import Calibration
from churn_assets.months import month_of
from churn_assets.replay.policies import CONTACT_AFTER, PLAN, PolicyQuestion, answer, with_truth
from churn_assets.retention.arms import CONTACTED, HOLDOUT
from churn_assets.retention.cohort import Basis, campaign_id
from churn_assets.retention.contacts import (
    AS_OF,
    CONTACT_COLUMNS,
    KEY,
    by_offer,
    cohort_of,
    window_after,
)
from churn_assets.retention.draws import holdout_months
from churn_assets.retention.effects import effects_of
from churn_assets.retention.own_arms import OF_PLANS, with_own_arms
from churn_assets.retention.plan import economy, values
from churn_assets.simulator.dates import NEVER, to_date, to_day
from churn_assets.simulator.forecast import GAP_DAYS
from churn_assets.simulator.living import LivingWorld
from churn_assets.simulator.retention import OFFERS

CUSTOMERS, MONTHS, HISTORY = 20_000, 24, 12
FIRST_COHORT = 3  # the first month end with three months of usage
SHIPPED_CUSTOMERS = 5_000  # for whom the capacities of the shipped business are meant
BUDGET_PER_CUSTOMER = 0.3  # a month
SETTLED_DAYS = 40  # gap, outcome window and settlement


@dataclass
class Copy:
    """One copy of a world under a policy.

    Attributes:
        policy: its name.
        months: the world.
        plans: the plans so far, with the truth of each row.
        fits: to whom each offer might have gone, by month end.
        strata: of each draw of the holdout.
        assigned: customer -> in the holdout, by draw.
    """

    policy: str
    months: Months
    plans: list[pd.DataFrame] = field(default_factory=list)
    fits: list[pd.DataFrame] = field(default_factory=list)
    strata: dict[str, dict[str, str]] = field(default_factory=dict)
    assigned: dict[str, dict[str, bool]] = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """A classifier and the calibration of its probabilities."""

    trees: object
    calibration: Calibration

    def probability(self, features: pd.DataFrame) -> NDArray[np.float64]:
        """Calibrated churn probabilities."""
        with threadpool_limits(1):
            raw = self.trees.predict_proba(features[list(FEATURES)])[:, 1]  # type: ignore[attr-defined]
        return self.calibration.apply(raw)


def scaled(business: Business, customers: int) -> Business:
    """The business with budget and capacities for so many customers.

    The budget is about what our plan would spend without a limit. A larger one would only harm those who spend it all.
    """
    times = customers / SHIPPED_CUSTOMERS
    section = business.file.campaigns
    if section is None:
        raise ValueError("the business declares no campaigns")
    offers = [
        o.model_copy(update={"capacity": None if o.capacity is None else round(o.capacity * times)})
        for o in business.file.offers
    ]
    capacity = [c.model_copy(update={"contacts": round(c.contacts * times)}) for c in section.capacity]
    changed = section.model_copy(update={"budget": BUDGET_PER_CUSTOMER * customers, "capacity": capacity})
    file = business.file.model_copy(update={"campaigns": changed, "offers": offers})
    return replace(business, file=file)


def model_of(cohorts: Sequence[tuple[pd.DataFrame, NDArray[np.float64]]]) -> Model:
    """Learns from cohorts of features and labels (NaN: unknown); the last one calibrates."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    known = [(features[~np.isnan(label)], label[~np.isnan(label)]) for features, label in cohorts]
    x = pd.concat([features for features, _ in known[:-1]])
    y = np.concatenate([label for _, label in known[:-1]])
    trees = HistGradientBoostingClassifier(
        learning_rate=0.05, max_iter=250, max_leaf_nodes=15, l2_regularization=1.0, random_state=7
    )
    with threadpool_limits(1):  # more threads wait for each other on a busy machine
        trees.fit(x[list(FEATURES)], y)
    raw = trees.predict_proba(known[-1][0][list(FEATURES)])[:, 1]
    return Model(trees, Calibration.fit(raw, known[-1][1]))


def first_year(seed: int, customers: int, business: Business, offers_work: bool) -> tuple[Copy, Model]:
    """A world after its first year, and the model that learned from it."""
    copy = Copy("", begin(seed, customers, MONTHS, HISTORY, offers_work))
    found, cohorts = copy.months, []
    for month in range(1, HISTORY + 1):
        found.live_month()
        if month >= FIRST_COHORT:
            slots = found.eligible()
            features = found.features(slots)
            cohorts.append((found.day, slots, features))
            copy.fits.append(fits_of(found, slots, features, business))
    copy.fits.pop()  # the first plan adds it
    settled = [c for c in cohorts if c[0] + timedelta(days=SETTLED_DAYS) <= found.day]
    return copy, model_of([(x, found.churned(slots, day)) for day, slots, x in settled])


def fits_of(
    found: Months, slots: NDArray[np.intp], features: pd.DataFrame, business: Business
) -> pd.DataFrame:
    """customer_key, as_of_date and a column per offer: whether its condition holds."""
    offers = business.file.offers
    table = pd.DataFrame(fitting(features, offers), columns=[o.name for o in offers])
    return table.assign(**{KEY: found.world.ids[slots], AS_OF: found.day})


def judged(copy: Copy) -> pd.DataFrame:
    """Contacts, controls and our own arms with their outcomes, as `retention.contacts.with_outcomes` tells them."""
    found, made = copy.months, copy.months.contacts
    contacts = made.rename(columns={"customer_id": KEY, "contacted_on": DAY})
    contacts["treated"], contacts["control"] = made["arm"] == "treated", made["arm"] == "control"
    contacts["accepted"] = made["accepted"].astype(object).where(contacts["treated"], None)
    contacts["refused"], contacts["source"] = False, "retention_contacts"
    if copy.policy == PLAN and copy.plans:
        contacts = with_own_arms(contacts[CONTACT_COLUMNS], pd.concat([_listed(plan) for plan in copy.plans]))
    contacts = contacts[CONTACT_COLUMNS].reset_index(drop=True)
    days = contacts[DAY].unique()
    contacts[AS_OF] = contacts[DAY].map({day: cohort_of(day) for day in days})
    window = contacts[DAY].map({day: window_after(day, GAP_DAYS) for day in days})
    slot_of = {name: slot for slot, name in enumerate(found.world.ids) if name}
    contacts["churned"] = None
    contacts["churned"] = contacts["churned"].astype(object)
    for day, part in contacts.groupby(window):
        if day + timedelta(days=SETTLED_DAYS) <= found.day:
            slots = part[KEY].map(slot_of).to_numpy()
            left = found.churned(slots, day)
            chosen, ended = found.ends(slots)
            before = (ended > part[DAY].map(to_day).to_numpy()) & (ended <= to_day(day) + GAP_DAYS)
            left = np.where(before & (chosen < NEVER), 1.0, left)
            contacts.loc[part.index, "churned"] = [None if np.isnan(x) else bool(x) for x in left]
    return contacts


def _listed(plan: pd.DataFrame) -> pd.DataFrame:
    """The arms of a plan as `with_own_arms` wants them."""
    in_arm = plan[plan["arm"].notna()]
    on = in_arm[AS_OF].map(lambda day: day + timedelta(days=CONTACT_AFTER))
    return in_arm.assign(holdout_id=in_arm["draw"], listed_on=on)[OF_PLANS]


def basis_of(copy: Copy, model: Model, business: Business) -> tuple[Basis, NDArray[np.intp]]:
    """What a plan rests on at the month end, and the slots of the cohort."""
    found, section, segments = copy.months, business.file.campaigns, business.file.segments
    slots = found.eligible()
    features = found.features(slots)
    fits = fits_of(found, slots, features, business)
    copy.fits.append(fits)
    names = [o.name for o in business.file.offers]
    cohort = fits.drop(columns=AS_OF)
    cohort["probability"] = model.probability(features)
    cohort["value"] = 3 * features["subscriptions_monthly_price"].to_numpy()
    for tier, of, bounds in (
        ("risk_tier", "probability", segments.risk.bounds),
        ("value_tier", "value", segments.value.bounds),
    ):
        cohort[tier] = rank_tiers(cohort[of].to_numpy(), cohort[KEY], bounds)
    on = contacted_on(copy, cohort[KEY], slots)
    cohort = cohort.assign(
        segment=cohort["risk_tier"], model_version="benchmark", consent=found.may_be_contacted(slots)
    )
    cohort = cohort.assign(excluded=False, objected=False, contacted_on=on)
    cohort = cohort.astype({"excluded": object, "consent": object})
    effects = effects_of(
        business.file.offers, by_offer(judged(copy), names, pd.concat(copy.fits, ignore_index=True))
    )
    first, _ = holdout_months(month_of(found.day), section.holdout_months)
    draw = f"{section.name}-{first}"
    tiers = (cohort["risk_tier"] + " " + cohort["value_tier"]).to_numpy()
    copy.strata.setdefault(draw, dict(zip(cohort[KEY], tiers, strict=True)))
    assigned = copy.assigned.setdefault(draw, {})
    return Basis(found.day, cohort, effects, copy.strata[draw], draw, True, dict(assigned)), slots


def contacted_on(copy: Copy, keys: pd.Series, slots: NDArray[np.intp]) -> pd.Series:
    """The last contact, also of the holdout, who count as contacted when they would have been; null: never."""
    last = pd.Series(copy.months.world.state.contacted_on[slots].astype(np.int64), index=keys)
    for plan in copy.plans:
        named = last.index.isin(plan.loc[plan["offer"].notna(), KEY])
        on = to_day(plan[AS_OF].iloc[0]) + CONTACT_AFTER
        last[named] = np.maximum(last[named], on)
    return pd.Series([to_date(day) if day > 0 else None for day in last], dtype=object)


def plan_month(copy: Copy, model: Model, business: Business) -> None:
    """Plans, notes the truth about the plan, and orders the contacts."""
    world, file = copy.months.world, business.file
    basis, slots = basis_of(copy, model, business)
    columns = [OFFERS.index(offer.name) - 1 for offer in file.offers]

    def truth(who: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        told = world.true_effects(slots[who], CONTACT_AFTER)
        return told.change[:, columns], told.acceptance[:, columns]

    money = economy(file.offers, file.campaigns, basis)
    random = np.random.default_rng([world.plan.seed, world.day])
    rows = answer(copy.policy, PolicyQuestion(basis, file.campaigns, file.economics, money, truth, random))
    known = copy.assigned[basis.holdout_id]
    in_arm = rows[rows["arm"].notna()]
    for key, held in zip(in_arm[KEY], in_arm["arm"] == HOLDOUT, strict=True):
        known.setdefault(key, held)
    noted = rows[[KEY, "offer", "arm", "reason"]].assign(
        **{AS_OF: basis.day, "campaign_id": campaign_id(file.campaigns, basis.day)},
        draw=basis.holdout_id,
        slot=slots,
        probability=basis.cohort["probability"],
        segment=basis.cohort["segment"],
        margin=basis.cohort["value"] / 3,
        value=values(basis.cohort["value"].to_numpy(dtype=float), file.economics.lifetime_value),
    )
    copy.plans.append(with_truth(noted, money, truth))
    _order(world, copy.plans[-1], basis.day)


def _order(world: LivingWorld, plan: pd.DataFrame, day: date) -> None:
    out = plan[plan["arm"].isin(CONTACTED)]
    on = day + timedelta(days=CONTACT_AFTER)
    world.order(
        pd.DataFrame(
            {
                "customer_id": out[KEY],
                "contact_on": on,
                "campaign": out["campaign_id"],
                "offer": out["offer"],
            }
        )
    )
