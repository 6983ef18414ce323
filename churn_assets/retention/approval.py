"""A person approves or closes a campaign: its record, and the change record."""

from datetime import UTC, datetime

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.campaigns.record import (
    APPROVED,
    CLOSED,
    PLANNED,
    PLANNER,
    CampaignError,
    CampaignRecord,
    acted,
    campaign_records,
    find_campaign,
    require_person,
)
from churn_assets.operations.changes.change import ProposedChange, recorded
from churn_assets.retention.planning import digest_of, plan_of

SHOWN = 12  # digits of a digest


def approve(
    lakehouse: Lakehouse,
    campaign_id: str,
    by: str,
    note: str = "",
    *,
    seen: str | None = None,
    at: datetime | None = None,
) -> CampaignRecord:
    """A person approves a plan, which does not change any more.

    Args:
        lakehouse: whose plan it is.
        campaign_id: of the campaign.
        by: the person.
        note: why.
        seen: digest of the plan that the person has seen; None: the plan as it is now.
        at: when; None: now. Only a simulated clock tells another moment.

    Raises:
        CampaignError: nobody is named, there is no such campaign, it is not only planned, it was planned anew since it
            was seen, or its rows are not those that were planned.
        AuditError: the approval cannot be recorded; nothing was approved.
    """
    person = require_person(by, "approves")
    if person == PLANNER:
        raise CampaignError(f"{PLANNER} has made the plan, so a person must approve it. Nothing was done.")
    last = find_campaign(lakehouse, campaign_id)
    if last.state == APPROVED:
        first = next(
            r
            for r in reversed(campaign_records(lakehouse))
            if r.campaign_id == campaign_id and r.what == APPROVED
        )
        raise CampaignError(
            f"{campaign_id} was approved by {first.by} on {first.at:%Y-%m-%d} already. "
            f"`churn-assets campaign export {campaign_id} --by NAME` writes its list."
        )
    if last.state == CLOSED:
        raise CampaignError(f"{campaign_id} is closed, so it cannot be approved. Plan the next month's.")
    if seen is not None and seen != last.plan_digest:
        raise CampaignError(
            f"{campaign_id} was planned anew on {last.at:%Y-%m-%d %H:%M} UTC, after the plan that was seen. Look at "
            "the new one, then approve it."
        )
    require_unchanged(lakehouse, last)
    change = ProposedChange(
        type="normal",
        what="approval",
        item=f"campaign {campaign_id}",
        before=PLANNED,
        after=last.plan_digest[:SHOWN],
        reason=note or f"{last.contacted:,} customers for {last.expected_cost:,.0f}.",
        evidence=f"Expected profit {last.expected_profit:,.0f}, holdout {last.holdout:,}; {last.note}.",
        back_out=f"`churn-assets campaign close {campaign_id} --by NAME`; contacts that were made stay made.",
        by=PLANNER,
        approved_by=person,
    )
    with recorded(lakehouse, change, person):
        now = at or datetime.now(UTC)
        return acted(lakehouse, last, by=person, what=APPROVED, state=APPROVED, note=note, at=now)


def close(lakehouse: Lakehouse, campaign_id: str, by: str, note: str = "") -> CampaignRecord:
    """A person closes a campaign: no list of it is exported any more.

    Raises:
        CampaignError: nobody is named, there is no such campaign, or it is closed already.
    """
    person = require_person(by, "closes")
    last = find_campaign(lakehouse, campaign_id)
    if last.state == CLOSED:
        raise CampaignError(f"{campaign_id} was closed by {last.by} on {last.at:%Y-%m-%d} already.")
    change = ProposedChange(
        type="normal",
        what="closing",
        item=f"campaign {campaign_id}",
        before=last.state,
        after=CLOSED,
        reason=note or "No reason was given.",
        evidence=f"It was {last.state}.",
        back_out="None: the campaign of the next month is planned anew.",
        by=person,
    )
    with recorded(lakehouse, change, person):
        return acted(lakehouse, last, by=person, what=CLOSED, state=CLOSED, note=note)


def require_unchanged(lakehouse: Lakehouse, last: CampaignRecord) -> None:
    """Raises CampaignError unless the rows of the plan are those that were recorded."""
    rows = plan_of(lakehouse, last.as_of_date)
    if digest_of(rows) != last.plan_digest:
        raise CampaignError(
            f"The rows of {last.campaign_id} in {tables.CAMPAIGN_PLAN.path} are not those that were recorded. "
            f"`churn-assets run score --from {last.as_of_date:%Y-%m}` plans it again, unless it was approved."
        )
