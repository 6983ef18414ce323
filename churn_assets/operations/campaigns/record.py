"""A campaign and its records in operations/campaigns."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse

PLANNED, APPROVED, CLOSED = "planned", "approved", "closed"
EXPORTED = "exported"  # an act; the campaign stays approved
PLANNER = "churn-assets"


class CampaignError(RuntimeError):
    """An act on a campaign is not possible; the message says why, and nothing was done."""


@dataclass(frozen=True)
class CampaignRecord:
    """A campaign after one of its records; the fields are the columns of operations/campaigns."""

    campaign_id: str
    record: int
    at: datetime
    by: str
    what: str
    state: str
    as_of_date: date
    plan_digest: str
    budget: float
    contacted: int
    holdout: int
    expected_cost: float
    expected_profit: float
    note: str
    exported: int | None = None
    with_identity: bool | None = None
    expires_on: date | None = None

    @property
    def figures(self) -> tuple[object, ...]:
        """What a person approves: the plan, and what it is expected to cost and to earn, to the cent."""
        cost, profit = round(self.expected_cost, 2), round(self.expected_profit, 2)
        return self.plan_digest, self.budget, self.contacted, self.holdout, cost, profit


def campaign_records(lakehouse: Lakehouse) -> list[CampaignRecord]:
    """All records, by as_of_date, campaign and record."""
    if not lakehouse.exists(tables.CAMPAIGNS):
        return []
    found = [CampaignRecord(**row) for row in lakehouse.arrow(tables.CAMPAIGNS).to_pylist()]
    return sorted(found, key=lambda r: (r.as_of_date, r.campaign_id, r.record))


def campaigns(lakehouse: Lakehouse) -> dict[str, CampaignRecord]:
    """Campaign -> its last record, by as_of_date."""
    return {record.campaign_id: record for record in campaign_records(lakehouse)}


def find_campaign(lakehouse: Lakehouse, campaign_id: str) -> CampaignRecord:
    """The last record of a campaign.

    Raises:
        CampaignError: there is none.
    """
    found = campaigns(lakehouse)
    if campaign_id not in found:
        known = ", ".join(found) or "none has been planned yet"
        raise CampaignError(
            f"There is no campaign {campaign_id}. Known: {known}. `churn-assets run score --from YYYY-MM` plans that "
            "of a month."
        )
    return found[campaign_id]


def require_person(by: str, act: str) -> str:
    """The name of who acts, without spaces around it.

    Raises:
        CampaignError: it is empty.
    """
    name = " ".join(by.split())
    if not name:
        raise CampaignError(f"Nobody is named who {act} the campaign; write --by NAME. Nothing was done.")
    return name


def plan_recorded(lakehouse: Lakehouse, planned: Sequence[CampaignRecord]) -> None:
    """Records plans that differ from the last record of their campaign.

    Args:
        lakehouse: whose records are written.
        planned: record number and time are set here.

    Raises:
        CampaignError: a campaign was approved or closed before, so its plan must not change.
    """
    with lakehouse.alone_with(tables.CAMPAIGNS):
        present = campaigns(lakehouse)
        new = []
        for plan in planned:
            last = present.get(plan.campaign_id)
            if last is not None and last.figures == plan.figures:
                continue
            if last is not None and last.state != PLANNED:
                raise CampaignError(f"{plan.campaign_id} is {last.state}, so its plan cannot change.")
            new.append(replace(plan, record=(last.record if last else 0) + 1, at=datetime.now(UTC)))
        _add(lakehouse, new)


def acted(lakehouse: Lakehouse, last: CampaignRecord, **changed: object) -> CampaignRecord:
    """Records an act after the last record of a campaign.

    Raises:
        CampaignError: somebody else has acted meanwhile.
    """
    with lakehouse.alone_with(tables.CAMPAIGNS):
        if find_campaign(lakehouse, last.campaign_id) != last:
            raise CampaignError(f"Somebody else acted on {last.campaign_id} meanwhile; look at it again.")
        empty = {"exported": None, "with_identity": None, "expires_on": None}
        now = {"record": last.record + 1, "at": datetime.now(UTC)}
        record = replace(last, **(empty | now | changed))  # type: ignore[arg-type]
        _add(lakehouse, [record])
        return record


def exported_until(lakehouse: Lakehouse, name: str, day: date) -> list[tuple[date, date]]:
    """Day of the last export on or before `day`, and as_of_date, of each campaign called `<name>-...`."""
    found: dict[date, date] = {}
    for record in campaign_records(lakehouse):
        on = record.at.date()
        if record.what == EXPORTED and record.campaign_id[:-8] == name and on <= day:
            found[record.as_of_date] = on
    return sorted((on, told) for told, on in found.items())


def _add(lakehouse: Lakehouse, records: Sequence[CampaignRecord]) -> None:
    if records:
        rows = tables.CAMPAIGNS.rows([asdict(record) for record in records])
        lakehouse.append_rows(tables.CAMPAIGNS, rows, run_id=records[0].by)
