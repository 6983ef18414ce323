"""The newest campaign: its plan, what another budget would earn, what may be offered, and what the holdout can show."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Literal

from churn_assets.app.store import ReleaseStore
from churn_assets.operations.campaign_requests.files import CampaignRequest

if TYPE_CHECKING:
    import pandas as pd

State = Literal["planned", "approved", "closed"]
PLANNED: State = "planned"
CONTACTED = ("planned", "exploration")
STATE_AFTER: dict[str, State] = {"approve": "approved", "close": "closed"}
HOLDOUT = "holdout"


@dataclass(frozen=True)
class Campaign:
    """The newest campaign that was planned.

    Attributes:
        campaign_id, as_of_date, plan_digest, budget: as recorded.
        state: planned, approved or closed, by the release and by requests that were answered since.
        since: when it came into this state.
        contacted, explored, holdout, compared: customers: contacted, of them at random; left alone, of them those who
            would have been contacted.
        cost, profit: expected.
        explored_profit: expected of those at random alone.
        saved: customers who are expected to stay because of the plan.
    """

    campaign_id: str
    as_of_date: date
    plan_digest: str
    budget: float
    state: State
    since: datetime
    contacted: int
    explored: int
    holdout: int
    compared: int
    cost: float
    profit: float
    explored_profit: float
    saved: float


@dataclass(frozen=True)
class BudgetPoint:
    """What one budget would earn; `is_declared`: it is that of the plan."""

    budget: float
    customers: int
    cost: float
    profit: float
    saved: float
    next_unit: float
    is_declared: bool


def why_no_campaign(store: ReleaseStore) -> str:
    """Why there is no campaign, as a sentence."""
    return f"No campaign has been planned: {store.why_absent('campaign_plan')}."


def newest_campaign(store: ReleaseStore, answered: Sequence[CampaignRequest] = ()) -> Campaign | None:
    """The newest campaign; None where the release holds no plan.

    Args:
        store: of the release.
        answered: requests of the page, of which those that were done since the release change the state.
    """
    if not store.has("campaign_plan") or not store.has("campaigns"):
        return None
    rows = store.rows(
        """
        SELECT r.*, max(r.at) FILTER (r.what = r.state) OVER () AS since FROM campaigns r
        WHERE r.campaign_id = (SELECT max(campaign_id) FROM campaign_plan) ORDER BY record DESC LIMIT 1
        """
    )
    if not rows:
        return None
    [record] = rows
    [counts] = store.rows(
        f"""
        SELECT count(*) FILTER (arm IN {CONTACTED}) AS contacted, count(*) FILTER (arm = 'exploration') AS explored,
            count(*) FILTER (arm = '{HOLDOUT}') AS holdout,
            count(*) FILTER (arm = '{HOLDOUT}' AND offer IS NOT NULL) AS compared,
            coalesce(sum(expected_cost) FILTER (arm IN {CONTACTED}), 0) AS cost,
            coalesce(sum(expected_profit) FILTER (arm IN {CONTACTED}), 0) AS profit,
            coalesce(sum(expected_profit) FILTER (arm = 'exploration'), 0) AS explored_profit,
            coalesce(sum(expected_effect) FILTER (arm IN {CONTACTED}), 0) AS saved
        FROM campaign_plan
        """
    )
    own = {name: record[name] for name in ("campaign_id", "as_of_date", "plan_digest", "budget", "state")}
    at: datetime = record["since"]  # exports keep the state
    since = at if at.tzinfo else at.replace(tzinfo=UTC)
    return _since(Campaign(**own, since=since, **counts), answered)


def _since(campaign: Campaign, answered: Sequence[CampaignRequest]) -> Campaign:
    """The campaign after what was done since the release."""
    for request in sorted(answered, key=lambda r: str(r.answered_at)):
        done = request.campaign_id == campaign.campaign_id and request.state == "done"
        later = request.answered_at is not None and request.answered_at > campaign.since
        if done and later and request.what in STATE_AFTER:
            campaign = replace(
                campaign, state=STATE_AFTER[request.what], since=request.answered_at or campaign.since
            )
    return campaign


def curve(store: ReleaseStore) -> list[BudgetPoint]:
    """The budget curve of the newest campaign, by rising budget; empty where the release holds none."""
    if not store.has("budget_curve"):
        return []
    rows = store.rows(
        "SELECT budget, customers, expected_cost AS cost, expected_profit AS profit, customers_saved AS saved, "
        "next_euro AS next_unit, declared AS is_declared FROM budget_curve ORDER BY budget"
    )
    return [BudgetPoint(**row) for row in rows]


def stops_paying(points: Sequence[BudgetPoint]) -> float:
    """The budget from which on more money would not be spent."""
    return max((point.cost for point in points), default=0.0)


def offers(store: ReleaseStore) -> "pd.DataFrame":
    """The offers of the newest campaign, those for most customers first: the columns of retention/offer_effects, `held`
    (customers of the holdout who would have got it) and `profit` (expected of those who get it).
    """
    return store.frame(
        f"""
        SELECT o.*, count(p.customer_key) FILTER (p.arm = '{HOLDOUT}') AS held,
            coalesce(sum(p.expected_profit) FILTER (p.arm IN {CONTACTED}), 0) AS profit
        FROM offer_effects o LEFT JOIN campaign_plan p USING (offer)
        GROUP BY ALL ORDER BY contacted DESC, o.offer
        """
    )


def reasons(store: ReleaseStore) -> "pd.DataFrame":
    """`told` (arm, or why not contacted) and `customers`, the most first."""
    return store.frame(
        f"SELECT CASE WHEN arm IN {CONTACTED} THEN arm ELSE reason END AS told, count(*) AS customers "
        "FROM campaign_plan GROUP BY 1 ORDER BY 2 DESC, 1"
    )


def holdout_power(store: ReleaseStore) -> "pd.DataFrame":
    """months, prevented (smallest share of prevented churn that shows) and holdout_needed, by months."""
    return store.frame("SELECT months, prevented, holdout_needed FROM campaign_holdout ORDER BY months")


def results(store: ReleaseStore) -> "pd.DataFrame":
    """What campaigns brought, by the newest knowledge: rows of retention/campaign_results of whole campaigns and of all
    together, those first, then the newest campaign; within one by days.
    """
    return store.frame(
        """
        SELECT * FROM campaign_results
        WHERE as_of_date = (SELECT max(as_of_date) FROM campaign_results) AND scope = 'campaign'
        ORDER BY campaign_id <> 'all', started_on DESC, campaign_id, origin, days
        """
    )


def planned_sql(store: ReleaseStore) -> str:
    """SQL of customer_key, `planned_arm` and `planned_offer` (in words) of the newest campaign, a row per customer in
    an arm; no row where the release holds no plan.
    """
    if not store.has("campaign_plan") or not store.has("offer_effects"):
        none = "NULL::VARCHAR AS customer_key, NULL::VARCHAR AS planned_arm, NULL::VARCHAR AS planned_offer"
        return f"SELECT {none} WHERE false"
    return (
        "SELECT p.customer_key, p.arm AS planned_arm, o.words AS planned_offer FROM campaign_plan p "
        "LEFT JOIN offer_effects o USING (offer) WHERE p.arm IS NOT NULL"
    )


def plan_of(store: ReleaseStore, customer_key: str) -> dict[str, Any] | None:
    """The customer's row of the newest plan with the words of the offer; None without one."""
    if not store.has("campaign_plan") or not store.has("offer_effects"):
        return None
    rows = store.rows(
        "SELECT p.*, o.words FROM campaign_plan p LEFT JOIN offer_effects o USING (offer) WHERE p.customer_key = ?",
        [customer_key],
    )
    return rows[0] if rows else None
