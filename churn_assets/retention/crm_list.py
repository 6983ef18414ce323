"""Gives the list of an approved campaign to a CRM."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from churn_assets.alerts.connectors import Given, connector_of
from churn_assets.alerts.crm import Pushed, batches_of, give
from churn_assets.contracts.business import Business
from churn_assets.contracts.campaigns import ListPush
from churn_assets.contracts.crm import MOST, CrmLine
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.campaigns.record import EXPORTED, CampaignError, acted, require_person
from churn_assets.operations.changes.change import ProposedChange, recorded
from churn_assets.retention.contacts import KEY
from churn_assets.retention.export import approved_list, told_rows


@dataclass(frozen=True)
class PushedList:
    """A list that a CRM was given.

    Attributes:
        accepted: customers whom it accepted.
        refused: customer_key -> why it did not.
        without_consent, unreachable: see `ExportedList`.
        expires_on: last day on which the list may be used.
    """

    accepted: int
    without_consent: int
    unreachable: int
    expires_on: date
    refused: dict[str, str] = field(default_factory=dict)


def push_list(
    lakehouse: Lakehouse, business: Business, campaign_id: str, by: str, crm: str, note: str = ""
) -> PushedList:
    """Gives a CRM the customers of an approved campaign who consent at this moment, by the business's own ids.

    Args:
        lakehouse: whose plan it is.
        business: with `campaigns.crm`.
        campaign_id: of the campaign.
        by: the person who exports.
        crm: name of the CRM.
        note: why.

    Raises:
        CampaignError: nobody is named, the CRM is not declared, the campaign is not approved, its rows were changed, or
            the CRM cannot be reached; the message tells how many customers it had accepted by then.
    """
    person, (push, line) = require_person(by, "exports"), _declared(business, crm)
    found = approved_list(lakehouse, business, campaign_id, with_identity=True)
    expires_on = datetime.now(UTC).date() + timedelta(days=found.days)
    rows = told_rows(found.rows, business, expires_on).to_dict("records")
    given = [
        Given(row[KEY], row["customer_id"], {name: row[column] for name, column in push.fields.items()})
        for row in rows
    ]
    change = ProposedChange(
        type="normal",
        what="export",
        item=f"campaign {campaign_id}",
        before=None,
        after=f"crm {crm}",
        reason=note or "The customers are contacted.",
        evidence=f"{len(given):,} customers of the approved plan {found.last.plan_digest[:12]}.",
        back_out="Empty the fields in the CRM.",
        by=person,
    )
    done = Pushed()
    with recorded(lakehouse, change, person):
        _give(lakehouse, line, given, done, person)
        if done.accepted:
            acted(
                lakehouse,
                found.last,
                by=person,
                what=EXPORTED,
                note=note or f"To the CRM {crm}.",
                exported=done.accepted,
                with_identity=True,
                expires_on=expires_on,
            )
        if done.why:
            raise CampaignError(
                f"The CRM {crm} accepted {done.accepted:,} of {len(given):,} customers, then: {done.why} Give it the "
                "list again later."
            )
    return PushedList(done.accepted, found.without_consent, found.unreachable, expires_on, done.refused)


def _declared(business: Business, crm: str) -> tuple[ListPush, CrmLine]:
    section = business.file.campaigns
    pushes = {push.crm: push for push in (section.crm if section else ())}
    lines = {line.name: line for line in business.file.alerts.crm}
    if crm not in pushes or crm not in lines:
        known = ", ".join(pushes) or "none"
        raise CampaignError(f"campaigns.crm declares no CRM {crm}. Declared: {known}.")
    return pushes[crm], lines[crm]


def _give(lakehouse: Lakehouse, line: CrmLine, given: list[Given], done: Pushed, person: str) -> None:
    connector = connector_of(line, "campaign")
    for batch in batches_of(given, MOST[line.kind]):
        refused = give(lakehouse, line, connector, batch, done, person)
        if done.why:
            return
        done.refused |= refused
        done.accepted += len(batch) - len(refused)
