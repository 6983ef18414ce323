"""Contacts marked on the page, as the monthly page counts them."""

from datetime import date
from typing import Any

import pytest

from churn_assets.monitoring.page_contacts import PageContacts, adoption

TODAY = date(2026, 3, 31)


def version(mark_id: str, day: date, **values: Any) -> dict[str, Any]:
    row = {"mark_id": mark_id, "contacted_on": day, "recommended": True, "state": "made", "refused": False}
    return row | {"known_at": day, "sequence": 1} | values


@pytest.mark.parametrize(
    ("rows", "counted"),
    [
        ([], (0, 0, 0)),
        ([version("a", TODAY), version("b", date(2026, 3, 25), recommended=False)], (2, 2, 1)),
        ([version("a", date(2026, 3, 24)), version("b", date(2026, 3, 2))], (0, 2, 2)),
        ([version("a", date(2026, 3, 1)), version("b", date(2026, 4, 1))], (0, 0, 0)),
        ([version("a", TODAY, state="withdrawn", sequence=2), version("a", TODAY)], (0, 0, 0)),
        ([version("a", TODAY), version("a", TODAY, state=None, refused=True, sequence=2)], (0, 0, 0)),
        ([version("a", TODAY, recommended=None)], (1, 1, 0)),
    ],
)
def test_the_newest_version_of_each_mark_counts_in_its_week_and_month(
    rows: list[dict[str, Any]], counted: tuple[int, int, int]
) -> None:
    found = adoption(rows, TODAY)
    assert (found.week, found.month, found.recommended) == counted


def test_the_figures_in_words() -> None:
    assert PageContacts(3, 8, 6).sentence == (
        "8 contacts marked on the page in the last 30 days, 3 of them in the last 7; the segments recommended 75%."
    )
    assert PageContacts(0, 0, 0).sentence == "Nobody marked a contact on the page in the last 30 days."
    assert PageContacts(0, 0, 0).share_recommended is None
