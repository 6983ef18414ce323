"""Plans the campaign of an as_of_date, and what of it is kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.campaigns import Campaigns
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.campaigns.record import PLANNED as IS_PLANNED
from churn_assets.operations.campaigns.record import PLANNER, CampaignRecord
from churn_assets.retention.arms import CONTACTED, HOLDOUT, PLANNED
from churn_assets.retention.cohort import Basis, campaign_id, read_basis
from churn_assets.retention.curve import CurvePoint, budget_curve
from churn_assets.retention.detectable import Detectable, detectable
from churn_assets.retention.plan import Economy, PlannedCampaign, economy, make_plan

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


APPROVED_TEXTS = (
    *("campaign_id", "holdout_id", "customer_key", "arm", "offer", "channel", "reason"),
    *("risk_tier", "value_tier", "segment", "model_version"),
)
APPROVED_NUMBERS = (
    *("probability", "value", "expected_effect", "expected_acceptance", "expected_cost", "expected_profit"),
)
DIGITS = 4


@dataclass(frozen=True)
class Planning:
    """A plan with what it rests on.

    Attributes:
        business: whose campaign.
        section: `campaigns` of churn.yaml.
        basis: what was known.
        money: offers and limits.
        plan: who gets what.
    """

    business: Business = field(repr=False)
    section: Campaigns
    basis: Basis
    money: Economy
    plan: PlannedCampaign

    @cached_property
    def curve(self) -> list[CurvePoint]:
        """The budget curve."""
        return budget_curve(self.basis, self.money, self.section, self.business.file.economics)

    @property
    def campaign_id(self) -> str:
        """The id of the campaign."""
        return campaign_id(self.section, self.basis.day)

    def rests_on(self, offer: str) -> str:
        """What is expected of an offer rests on this, in words."""
        basis = self.basis.effects[offer].basis
        by_customer = offer in self.basis.own_effects
        return f"{basis}; the plan counts with effects by customer" if by_customer else basis


def planning(
    lakehouse: Lakehouse,
    business: Business,
    section: Campaigns,
    day: date,
    budget: float | None = None,
    *,
    current: bool = False,
) -> Planning:
    """Plans the campaign of an as_of_date from what was known then; writes nothing. See `read_basis` for `current`.

    Raises:
        LakehouseError: a table does not exist yet.
        PlanError: the budget does not pay for one contact.
    """
    basis = read_basis(lakehouse, business, section, day, current=current)
    money = economy(business.file.offers, section, basis, budget)
    plan = make_plan(basis, money, section, business.file.economics)
    return Planning(business, section, basis, money, plan)


def plan_rows(rows: "pd.DataFrame") -> "pa.Table":
    """Rows of retention/campaign_plan as Arrow."""
    import pyarrow as pa

    empty = tables.CAMPAIGN_PLAN.rows([])
    return pa.Table.from_pandas(rows[empty.column_names], empty.schema, preserve_index=False)


def curve_rows(found: Planning) -> "pa.Table":
    """Rows of retention/budget_curve as Arrow."""
    return tables.BUDGET_CURVE.rows(
        [
            {
                "as_of_date": found.basis.day,
                "campaign_id": found.campaign_id,
                "budget": point.budget,
                "customers": point.customers,
                "expected_cost": point.cost,
                "expected_profit": point.profit,
                "customers_saved": point.saved,
                "next_euro": point.next_euro,
                "declared": point.declared,
            }
            for point in found.curve
        ]
    )


def effect_rows(found: Planning) -> "pa.Table":
    """Rows of retention/offer_effects as Arrow."""
    cohort, rows = found.basis.cohort, found.plan.rows
    contacted = rows.loc[rows["arm"].isin(CONTACTED), "offer"].value_counts()
    told = []
    for offer, cost in zip(found.money.offers, found.money.cost, strict=True):
        effect = found.basis.effects[offer.name]
        told.append(
            {
                "as_of_date": found.basis.day,
                "campaign_id": found.campaign_id,
                "offer": offer.name,
                "words": offer.said,
                "channel": offer.channel,
                "condition": offer.where,
                "may_get_it": int(cohort[offer.name].eq(True).sum()),
                "contacted": int(contacted.get(offer.name, 0)),
                "contact_cost": offer.contact_cost,
                "offer_cost": offer.cost,
                "acceptance": effect.acceptance,
                "expected_cost": float(cost),
                "prevented": effect.prevented,
                "low": effect.low,
                "high": effect.high,
                "basis": found.rests_on(offer.name),
            }
        )
    return tables.OFFER_EFFECTS.rows(told)


def plan_of(lakehouse: Lakehouse, day: date) -> "pd.DataFrame":
    """The rows of retention/campaign_plan of an as_of_date.

    Raises:
        LakehouseError: nothing was planned yet.
    """
    of_day: list[tuple[str, str, object]] = [("as_of_date", "=", day)]
    rows: pd.DataFrame = lakehouse.arrow(tables.CAMPAIGN_PLAN, None, of_day).to_pandas()
    return rows


def digest_of(rows: "pd.DataFrame") -> str:
    """SHA-256 over all that a person approves of a plan, whatever the order of the rows: arms, offers and channels,
    why others get none, and what is expected; amounts to the hundredth of a cent.
    """
    told = rows.sort_values("customer_key")[[*APPROVED_TEXTS, *APPROVED_NUMBERS]]
    told = told.round(dict.fromkeys(APPROVED_NUMBERS, DIGITS))
    text = told.astype(object).where(told.notna(), "").to_csv(index=False, header=False, lineterminator="\n")
    return sha256(text.encode()).hexdigest()


def record_of(found: Planning) -> CampaignRecord:
    """The record that a campaign was planned."""
    totals = totals_of(found.plan.rows)
    return CampaignRecord(
        campaign_id=found.campaign_id,
        record=0,
        at=datetime.now(UTC),
        by=PLANNER,
        what=IS_PLANNED,
        state=IS_PLANNED,
        as_of_date=found.basis.day,
        plan_digest=digest_of(found.plan.rows),
        budget=found.plan.budget,
        contacted=totals.contacted,
        holdout=totals.holdout,
        expected_cost=totals.cost,
        expected_profit=totals.profit,
        note=f"at most {found.plan.allocation.gap:.3%} of the profit was missed",
    )


@dataclass(frozen=True)
class PlanTotals:
    """Figures of a plan, from its rows.

    Attributes:
        contacted: customers who are contacted, exploration included.
        planned, explored: by arm.
        holdout: customers in the holdout.
        compared: of the holdout, those who would have been planned.
        cost, profit: expected, exploration included.
        saved: customers who are expected to stay because of it.
        offers: offer -> customers who get it.
        arms: (why or arm, customers), the largest first.
        churn: mean churn probability of the planned and of those whom they are compared with.
        explored_profit: expected of exploration alone.
        saved_by_plan: `saved`, without exploration.
    """

    contacted: int
    planned: int
    explored: int
    holdout: int
    compared: int
    cost: float
    profit: float
    saved: float
    offers: dict[str, int]
    arms: Sequence[tuple[str, int]]
    churn: float
    explored_profit: float
    saved_by_plan: float

    @property
    def detectable(self) -> list[Detectable]:
        """Which effect the holdout can show after some months, and how large it would have to be."""
        base = self.churn * self.planned
        expected = self.saved_by_plan / base if base else 0.0
        return detectable(self.planned, self.compared, self.churn, expected)


def totals_of(rows: "pd.DataFrame") -> PlanTotals:
    """Figures of a plan, from rows of retention/campaign_plan."""
    out = rows[rows["arm"].isin(CONTACTED)]
    planned = rows[rows["arm"] == PLANNED]
    held = rows[rows["arm"] == HOLDOUT]
    compared = held[held["offer"].notna()]
    both = [*planned["probability"], *compared["probability"]]
    arms = rows["arm"].where(rows["arm"].isin(CONTACTED), rows["reason"]).value_counts()
    return PlanTotals(
        contacted=len(out),
        planned=len(planned),
        explored=len(out) - len(planned),
        holdout=len(held),
        compared=len(compared),
        cost=float(out["expected_cost"].sum()),
        profit=float(out["expected_profit"].sum()),
        saved=float(out["expected_effect"].sum()),
        offers={str(k): int(n) for k, n in out["offer"].value_counts().items()},
        arms=[(str(k), int(n)) for k, n in arms.items()],
        churn=sum(both) / len(both) if both else 0.0,
        explored_profit=float(out.loc[out["arm"] != PLANNED, "expected_profit"].sum()),
        saved_by_plan=float(planned["expected_effect"].sum()),
    )
