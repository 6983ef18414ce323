"""The list of an approved campaign, for those who contact the customers."""

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from churn_assets.contracts.business import Business
from churn_assets.durable import replace_file
from churn_assets.history.people import CONSENT, CONTACT_KNOWN_AT, OWNER, consents, identity_rows, objections
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.audit.chain import record
from churn_assets.operations.campaigns.record import (
    APPROVED,
    CLOSED,
    EXPORTED,
    CampaignError,
    CampaignRecord,
    acted,
    find_campaign,
    require_person,
)
from churn_assets.operations.changes.change import ProposedChange, recorded
from churn_assets.retention.approval import require_unchanged
from churn_assets.retention.arms import CONTACTED
from churn_assets.retention.contacts import KEY
from churn_assets.retention.planning import plan_of
from churn_assets.settings import Settings
from churn_assets.spreadsheets import harmless

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

# Columns of a list besides those of the identity.
OF_THE_LIST = frozenset({*tables.CAMPAIGN_PLAN.types, "offer_words", "arm", "use_until"})
FOLDER, UNTIL = "exports", ".until-"
LAST_DAY = re.compile(rf"{re.escape(UNTIL)}(\d{{4}}-\d\d-\d\d)")
TREATED = "treated"  # the arm with which contacts of the list come back
Format = Literal["csv", "parquet"]


@dataclass(frozen=True)
class ExportedList:
    """A list that was written.

    Attributes:
        file: where it lies.
        customers: on the list.
        without_consent: planned customers who do not consent any more, or objected.
        unreachable: planned customers whom the channel of their offer does not reach; 0 in a list without identity.
        expires_on: last day on which it may be used.
    """

    file: Path
    customers: int
    without_consent: int
    unreachable: int
    expires_on: date


@dataclass(frozen=True)
class ApprovedList:
    """Whom an approved campaign contacts at this moment.

    Attributes:
        last: the last record of the campaign.
        rows: those of the plan, with the columns of the identity if it was asked for.
        planned: customers whom the plan contacts.
        unreachable: see `ExportedList`.
        days: for which the list may be used.
    """

    last: CampaignRecord
    rows: "pd.DataFrame"
    planned: int
    unreachable: int
    days: int

    @property
    def without_consent(self) -> int:
        """Planned customers who do not consent any more, or objected."""
        return self.planned - len(self.rows) - self.unreachable


def export(
    lakehouse: Lakehouse,
    business: Business,
    campaign_id: str,
    by: str,
    *,
    kind: Format = "csv",
    with_identity: bool = False,
    note: str = "",
    at: datetime | None = None,
) -> ExportedList:
    """Writes the list of an approved campaign: customers who consent at this moment, with their offers.

    Args:
        lakehouse: whose plan is exported.
        business: with the section `campaigns`.
        campaign_id: of the campaign.
        by: the person who exports.
        kind: of file.
        with_identity: with the customer's id and contact columns; else customer keys only.
        note: why.
        at: when; None: now. Only a simulated clock tells another moment.

    Raises:
        CampaignError: nobody is named, the campaign is not approved, its rows were changed, nobody's consent is known,
            or somebody else acted on the campaign meanwhile; there is no list.
        AuditError: the export cannot be recorded; nothing was written.
    """
    person = require_person(by, "exports")
    found = approved_list(lakehouse, business, campaign_id, with_identity)
    last, rows = found.last, found.rows
    now = at or datetime.now(UTC)
    expires_on = now.date() + timedelta(days=found.days)
    file = _place(lakehouse.settings, f"{campaign_id}-{now:%H%M%S%f}{UNTIL}{expires_on}.{kind}")
    record(
        lakehouse.settings,
        "export",
        person,
        f"{FOLDER}/{file.name}",
        customers=len(rows),
        why=note,
        campaign=campaign_id,
        with_identity=with_identity,
    )
    change = _change(campaign_id, person, file, len(rows), note, last.plan_digest)
    with recorded(lakehouse, change, person):
        replace_file(file, _content(rows, business, expires_on, kind))
        try:
            acted(
                lakehouse,
                last,
                by=person,
                what=EXPORTED,
                note=note,
                exported=len(rows),
                with_identity=with_identity,
                expires_on=expires_on,
                at=now,
            )
        except BaseException:
            file.unlink()  # no list without its record
            raise
    return ExportedList(file, len(rows), found.without_consent, found.unreachable, expires_on)


def approved_list(
    lakehouse: Lakehouse, business: Business, campaign_id: str, with_identity: bool
) -> ApprovedList:
    """Whom an approved campaign contacts: customers who consent at this moment.

    Raises:
        CampaignError: the campaign is not approved, its rows were changed, or nobody's consent is known and names are
            wanted.
    """
    section, last = business.file.campaigns, find_campaign(lakehouse, campaign_id)
    if section is None:
        raise CampaignError("churn.yaml declares no `campaigns` any more, so nothing is exported.")
    if last.state != APPROVED:
        closed = "is closed" if last.state == CLOSED else "is not approved"
        remedy = (
            "" if last.state == CLOSED else f" `churn-assets campaign approve {campaign_id} --by NAME` first."
        )
        raise CampaignError(f"{campaign_id} {closed}, so its list is not exported.{remedy}")
    require_unchanged(lakehouse, last)
    planned = plan_of(lakehouse, last.as_of_date)
    planned = planned[planned["arm"].isin(CONTACTED)]
    rows, unreachable = _listed(lakehouse, business, planned, with_identity)
    return ApprovedList(last, rows, len(planned), unreachable, section.list_days)


def _change(
    campaign_id: str, person: str, file: Path, customers: int, note: str, digest: str
) -> ProposedChange:
    return ProposedChange(
        type="normal",
        what="export",
        item=f"campaign {campaign_id}",
        before=None,
        after=file.name,
        reason=note or "The customers are contacted.",
        evidence=f"{customers:,} customers of the approved plan {digest[:12]}.",
        back_out="Delete the file, and tell everybody who has a copy.",
        by=person,
    )


def _listed(
    lakehouse: Lakehouse, business: Business, planned: "pd.DataFrame", with_identity: bool
) -> "tuple[pd.DataFrame, int]":
    """Planned customers who consent now, and how many more cannot be reached over the channel of their offer.

    Raises:
        CampaignError: names are wanted, and no contract tells who consents.
    """
    objected = objections(lakehouse, business).keys
    agreed = consents(lakehouse, business)
    if agreed is None and with_identity:
        raise CampaignError(
            "No contract declares `consent`, so nobody's consent is known, and a list with names is not written. "
            "Declare it in the contract of the customers, or export customer keys only."
        )
    keep = ~planned[KEY].isin(list(objected))
    if agreed is not None:
        keep &= planned[KEY].map(agreed).eq(True)
    rows = planned[keep]
    if not with_identity:
        return rows, 0
    people = identity_rows(lakehouse, business, objected).to_pandas().drop_duplicates(KEY)
    people = people.drop(columns=[n for n in (CONSENT, CONTACT_KNOWN_AT, OWNER) if n in people.columns])
    can = people.set_index(KEY).reindex(rows[KEY])
    reachable = _reachable(can, rows["channel"].to_numpy(), business)
    joined = rows.merge(people.rename(columns=_own_names(people.columns)), on=KEY, how="left")
    return joined[reachable], int((~reachable).sum())


def _own_names(names: "Iterable[str]") -> dict[str, str]:
    """New names of the columns of the identity that are called like a column of the list."""
    return {name: f"contact_{name}" for name in names if name != KEY and name in OF_THE_LIST}


def _reachable(
    people: "pd.DataFrame", channels: "NDArray[np.object_]", business: Business
) -> "NDArray[np.bool_]":
    """Whether each customer can be reached over the channel of their offer.

    Args:
        people: the identity of each planned customer; missing where there is none.
        channels: of their offers.
        business: with `campaigns.reach`. A channel that is not named there reaches whoever has any contact data.
    """
    section = business.file.campaigns
    needed = {line.channel: line.column for line in (section.reach if section else ())}
    contact = [name for name in people.columns if name != "customer_id"]
    found = (people[contact].notna().any(axis=1) if contact else people["customer_id"].notna()).to_numpy()
    for channel, column in needed.items():
        here = channels == channel
        found[here] = people[column].notna().to_numpy()[here]
    return found


def told_rows(rows: "pd.DataFrame", business: Business, expires_on: date) -> "pd.DataFrame":
    """The columns of a list, by channel and customer_key."""
    said = {offer.name: offer.said for offer in business.file.offers}
    planned = ("campaign_id", KEY, "offer", "channel")
    identity = [n for n in rows.columns if n not in tables.CAMPAIGN_PLAN.types]
    told = rows[[*planned, *identity]].assign(
        offer_words=rows["offer"].map(said), arm=TREATED, use_until=str(expires_on)
    )
    return told.sort_values(["channel", KEY]).astype(object)


def _content(rows: "pd.DataFrame", business: Business, expires_on: date, kind: Format) -> bytes:
    """The list as the bytes of a file."""
    told = told_rows(rows, business, expires_on)
    if kind == "parquet":
        buffer = io.BytesIO()
        told.astype("string").to_parquet(buffer, index=False)
        return buffer.getvalue()
    text = told.map(lambda cell: harmless(str(cell)), na_action="ignore")
    return b"\xef\xbb\xbf" + text.to_csv(index=False, lineterminator="\r\n").encode()


def _place(settings: Settings, name: str) -> Path:
    folder = settings.home_path / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / name


def delete_expired(settings: Settings, today: date) -> int:
    """Deletes the lists that must not be used any more, and copies that still tell until when; returns how many."""
    deleted = 0
    folder = settings.home_path / FOLDER
    for file in sorted(folder.glob(f"*{UNTIL}*")) if folder.is_dir() else []:
        until = LAST_DAY.search(file.name)
        if until is not None and until[1] < str(today):
            file.unlink()
            deleted += 1
    return deleted
