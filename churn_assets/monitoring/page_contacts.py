"""How many contacts people marked on the page, and how many of them the segments recommended."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from churn_assets.contracts.business import Business
from churn_assets.counts import counted
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse

SOURCE = "app_contacts"
WEEK_DAYS, MONTH_DAYS = 7, 30


@dataclass(frozen=True)
class PageContacts:
    """Contacts of the last 7 and 30 days, today included; `recommended` is how many of the 30 days were recommended."""

    week: int
    month: int
    recommended: int

    @property
    def share_recommended(self) -> float | None:
        """Share of the month's contacts that the segments recommended; None without any contact."""
        return self.recommended / self.month if self.month else None

    @property
    def sentence(self) -> str:
        """The figures in words."""
        if not self.month:
            return f"Nobody marked a contact on the page in the last {MONTH_DAYS} days."
        return (
            f"{counted(self.month, 'contact')} marked on the page in the last {MONTH_DAYS} days, {self.week:,} of them "
            f"in the last {WEEK_DAYS}; the segments recommended {self.share_recommended:.0%}."
        )


def adoption(rows: Iterable[Mapping[str, Any]], today: date) -> PageContacts:
    """Counts contacts by their newest version; those taken back or refused count for nothing.

    Args:
        rows: versions of silver/app_contacts: mark_id, contacted_on, recommended, state, refused, known_at, sequence.
        today: the last day that counts.
    """
    newest: dict[Any, Mapping[str, Any]] = {}
    for row in sorted(rows, key=lambda row: (row["known_at"], row["sequence"])):
        newest[row["mark_id"]] = row
    made = [r for r in newest.values() if not r["refused"] and r["state"] == "made"]

    def within(days: int) -> list[Mapping[str, Any]]:
        return [r for r in made if today - timedelta(days=days) < r["contacted_on"] <= today]

    month = within(MONTH_DAYS)
    return PageContacts(len(within(WEEK_DAYS)), len(month), sum(bool(r["recommended"]) for r in month))


def page_contacts(lakehouse: Lakehouse, business: Business, today: date) -> PageContacts | None:
    """What people marked on the page; None when the business has no such source, or it never told of a contact."""
    source = next((s for s in business.sources if s.name == SOURCE), None)
    if source is None or not lakehouse.exists(tables.silver(source)):
        return None
    names = ["mark_id", "contacted_on", "recommended", "state", "refused", "known_at", "sequence"]
    rows = lakehouse.arrow(tables.silver(source), names).to_pylist()
    return adoption(rows, today) if rows else None
