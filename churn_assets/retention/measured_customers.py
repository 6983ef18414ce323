"""The customers of campaigns as `measure` wants them: from plans and from sources with a control arm of their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from churn_assets.contracts.business import Business
from churn_assets.history.people import survivors
from churn_assets.history.treatments import DAY
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import add_months, month_end, month_of
from churn_assets.operations.campaigns.record import APPROVED, campaign_records
from churn_assets.retention.arms import CONTACTED, HOLDOUT, NOT_WORTH_IT, OVER_BUDGET, PLANNED
from churn_assets.retention.contacts import AS_OF, KEY, cohort_of
from churn_assets.retention.results_told import PLAN

MIGHT = (NOT_WORTH_IT, OVER_BUDGET)
PLAN_COLUMNS = [
    *(KEY, AS_OF, "campaign_id", "holdout_id", "arm", "offer", "reason", "probability", "segment"),
    *("expected_effect", "expected_acceptance"),
]


@dataclass(frozen=True)
class FromPlan:
    """What the plans and their contacts tell.

    Attributes:
        customers: as `measure` wants them, without outcomes and margin; of started campaigns.
        matched_by_time: campaign -> contacts without a campaign that were matched by customer and time.
        unplanned: campaign -> customers who were contacted in its month without being planned.
    """

    customers: pd.DataFrame
    matched_by_time: Mapping[str, int]
    unplanned: Mapping[str, int]


def read_plans(lakehouse: Lakehouse, business: Business, day: date) -> pd.DataFrame:
    """PLAN_COLUMNS of all plans up to a day; merged customers count as their survivors, as in contacts.

    Of a survivor who stands in a plan under both keys the row in an arm counts; if both are in one, the own row.
    """
    if not lakehouse.exists(tables.CAMPAIGN_PLAN):
        return pd.DataFrame(columns=PLAN_COLUMNS)
    until: list[tuple[str, str, object]] = [("as_of_date", "<=", day)]
    rows: pd.DataFrame = lakehouse.arrow(tables.CAMPAIGN_PLAN, PLAN_COLUMNS, until).to_pandas()
    heirs = survivors(lakehouse, business, (day, day))
    merged = rows[KEY].isin(list(heirs))
    order = pd.DataFrame({"none": rows["arm"].isna(), "merged": merged}).sort_values(
        ["none", "merged"], kind="stable"
    )
    rows = rows.assign(**{KEY: rows[KEY].map(lambda key: heirs.get(key, key))}).loc[order.index]
    return rows.drop_duplicates(["campaign_id", KEY]).sort_index(ignore_index=True)


def carried_out(lakehouse: Lakehouse, plans: pd.DataFrame, day: date) -> set[str]:
    """The campaigns of these plans that were approved on or before a day.

    A later approval does not count, so a result that is made again stays the same. A plan that was not approved can
    still be made anew, so contacts that name it tell nothing of its arms.
    """
    approved = {
        r.campaign_id for r in campaign_records(lakehouse) if r.what == APPROVED and r.at.date() <= day
    }
    return approved & set(plans["campaign_id"])


def not_approved(plans: pd.DataFrame, contacts: pd.DataFrame, carried: set[str]) -> dict[str, int]:
    """Campaign -> contacts that name it, of planned campaigns that were not approved by then."""
    names = contacts.loc[contacts["treated"], "campaign"]
    told = names[names.isin(set(plans["campaign_id"]) - carried)].value_counts()
    return {str(name): int(count) for name, count in told.items()}


def plan_customers(
    business: Business, plans: pd.DataFrame, contacts: pd.DataFrame, carried: set[str], day: date
) -> FromPlan:
    """The customers of the campaigns that were carried out.

    A contact belongs to a campaign by its id. One that tells no campaign belongs to it by customer and time: after the
    as_of_date, up to the end of the next month. Of the holdout every contact in that time counts, whoever made it.

    Args:
        business: with the offers.
        plans: see `read_plans`.
        contacts: see `contacts_known`.
        carried: see `carried_out`.
        day: the last day.
    """
    made = contacts[contacts["treated"]]
    parts, by_time, unplanned = [], {}, {}
    for name, plan in plans[plans["campaign_id"].isin(carried) & (plans[AS_OF] <= day)].groupby(
        "campaign_id"
    ):
        start = plan[AS_OF].iloc[0]
        here = made[made[DAY].between(start + timedelta(days=1), month_end(add_months(month_of(start), 1)))]
        own, untold = made[made["campaign"] == name], here[here["campaign"].isna()]
        of_campaign = pd.concat([own, untold])
        out, held = plan["arm"].isin(CONTACTED), plan["arm"] == HOLDOUT
        reached = (
            plan[KEY]
            .isin(of_campaign[KEY])
            .where(~held, plan[KEY].isin(here[KEY]) | plan[KEY].isin(own[KEY]))
        )
        accepted = plan[KEY].map(_accepted(of_campaign)).astype(object)
        by_time[str(name)] = int(untold[KEY].isin(plan.loc[out, KEY]).sum())
        unplanned[str(name)] = int(
            of_campaign.loc[~of_campaign[KEY].isin(plan.loc[out | held, KEY]), KEY].nunique()
        )
        told = bool(business.file.monitoring.treated)
        parts.append(
            plan.assign(
                contacted=reached.astype(object) if told else None,
                accepted=accepted.where(accepted.notna(), None),
            )
        )
    rows = pd.concat(parts) if parts else plans.iloc[:0].assign(contacted=None, accepted=None)
    chosen = (rows["arm"].notna() & rows["offer"].notna()) | rows["reason"].isin(MIGHT)
    return FromPlan(_of_plan(rows[chosen], business), by_time, unplanned)


def _of_plan(rows: pd.DataFrame, business: Business) -> pd.DataFrame:
    named = {"holdout_id": "draw", "probability": "score", "expected_effect": "expected"}
    found = rows.rename(columns=named).assign(origin=PLAN, started_on=rows[AS_OF])
    found["cost"] = costs(business, found, found["expected_acceptance"])
    return found.drop(columns=["reason", "expected_acceptance"]).reset_index(drop=True)


def _accepted(contacts: pd.DataFrame) -> "pd.Series":
    """customer_key -> whether any of the contacts was accepted; only of those that tell."""
    told = contacts[contacts["accepted"].notna()]
    found: pd.Series = told["accepted"].astype(bool).groupby(told[KEY]).max()
    return found


def costs(business: Business, rows: pd.DataFrame, acceptance: "pd.Series") -> "pd.Series":
    """What each customer cost: the contact, and the offer if it was accepted; 0 without a contact.

    NaN where the offer of a contact is not in churn.yaml. Where nobody tells of acceptance, its chance counts.

    Args:
        business: with the offers.
        rows: arm, offer, contacted, accepted.
        acceptance: chance that the customer accepts.
    """
    contact = rows["offer"].map({o.name: o.contact_cost for o in business.file.offers}).astype(float)
    offer = rows["offer"].map({o.name: o.cost for o in business.file.offers}).astype(float)
    taken = rows["accepted"].astype(float).where(rows["accepted"].notna(), acceptance.astype(float))
    paid = contact + offer * taken.astype(float)
    spent = rows["contacted"].eq(True) | (rows["contacted"].isna() & (rows["arm"] == PLANNED))
    return paid.where(spent, 0.0)


def source_customers(business: Business, contacts: pd.DataFrame, plans: set[str], day: date) -> pd.DataFrame:
    """The customers of sources whose contacts have a control arm, as `measure` wants them, without outcomes.

    Each contact is followed from the Sunday before its week, so that both arms begin alike and starts are few.

    Args:
        business: with `campaigns.contacts`.
        contacts: see `contacts_known`.
        plans: campaigns that were planned here; they are measured against their holdout, or not at all.
        day: the last day.
    """
    section = business.file.campaigns
    sources = [line.source for line in (section.contacts if section else ()) if line.control]
    rows = contacts[contacts["source"].isin(sources) & (contacts["treated"] | contacts["control"])]
    rows = rows[~rows["campaign"].isin(plans) & rows[DAY].map(lambda on: on <= day).astype(bool)]
    known = {offer.name: offer for offer in business.file.offers}
    offer = rows["offer"].where(rows["offer"].isin(known), None)
    found = rows[[KEY, DAY, "accepted"]].assign(
        origin=rows["source"],
        campaign_id=rows["campaign"].where(rows["campaign"].notna(), rows["source"]),
        draw=None,
        arm=rows["treated"].map({True: PLANNED, False: HOLDOUT}),
        offer=offer,
        contacted=rows["treated"].astype(object),
        started_on=rows[DAY].map(lambda on: on - timedelta(days=on.weekday() + 1)),
    )
    found[AS_OF] = found[DAY].map(cohort_of)
    found["cost"] = costs(business, found, offer.map({n: o.assumed_acceptance for n, o in known.items()}))
    found["share"] = offer.map({n: o.assumed_effect for n, o in known.items()}).astype(float)
    return found.drop(columns=DAY).reset_index(drop=True)


def with_scores(lakehouse: Lakehouse, business: Business, rows: pd.DataFrame) -> pd.DataFrame:
    """Customers with margin (money a month), and those of sources with score, segment and expected.

    The margin is `segments.value.feature` by month of its window; NaN where that is no sum over months.

    Args:
        lakehouse: whose segments are read.
        business: whose margin.
        rows: of plans or of sources, with as_of_date.
    """
    wanted = [KEY, AS_OF, "probability", "segment", "value"]
    scored = pd.DataFrame(columns=wanted)
    if len(rows) and lakehouse.exists(tables.CUSTOMER_SEGMENTS):
        days: list[tuple[str, str, object]] = [("as_of_date", "in", sorted(set(rows[AS_OF])))]
        scored = lakehouse.arrow(tables.CUSTOMER_SEGMENTS, wanted, days).to_pandas()
    joined = rows.merge(scored, on=[KEY, AS_OF], how="left", suffixes=("", "_then"))
    months = _margin_months(business)
    margin = joined["value"].astype(float) / months if months else np.nan
    if "score" not in rows:
        score = joined["probability"].astype(float)
        joined = joined.assign(score=score, expected=score * joined["share"])
    return joined.assign(margin=margin).drop(
        columns=["probability", "value", "share", "segment_then"], errors="ignore"
    )


def _margin_months(business: Business) -> int | None:
    """Months of the window over which the margin of customers is summed; None where it is no sum over months."""
    name = business.file.segments.value.feature
    feature = next((f for f in business.features if f.name == name), None)
    return feature.months if feature is not None and feature.aggregate == "sum" else None
