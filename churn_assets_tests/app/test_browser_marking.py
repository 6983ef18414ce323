"""Contacts marked in real browsers come back through the landing zone into the next snapshot."""

from typing import TYPE_CHECKING

import pytest

from churn_assets.app.contacts import OUTCOMES
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets_tests.app.browser import browser, needs_browser, settled, tab
from churn_assets_tests.app.running import running_page
from churn_assets_tests.app.test_marked_contacts import (
    COUNT,
    CUSTOMERS,
    MONTH,
    TODAY,
    contacts_of,
    house,
    publish,
    snapshot,
)
from churn_assets_tests.lakes import ingest

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [needs_browser, pytest.mark.slow, pytest.mark.one_engine]
__all__ = ["browser", "house", "tab"]  # fixtures
HEADER, ROW = 35, 35  # pixels of a table
TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def choose(tab: "Page", address: str, row: int) -> None:
    """Opens the list, ticks a row and says what came of the contact; the mark is not made yet."""
    tab.goto(f"{address}/at_risk")
    settled(tab)
    # the table is drawn on a canvas, so its boxes have places and no names
    tab.get_by_test_id("stDataFrame").first.click(position={"x": 18, "y": HEADER + ROW * row + ROW / 2})
    tab.get_by_text("1 chosen").wait_for()
    settled(tab)
    # now, since a page that scrolls when the list of outcomes is open closes it
    tab.get_by_role("button", name="Mark as contacted").scroll_into_view_if_needed()
    tab.evaluate(TWO_FRAMES)
    tab.get_by_role("combobox", name="Outcome").press("ArrowDown")
    tab.get_by_role("option", name=OUTCOMES["accepted"]).click()


def test_two_browsers_mark_at_once_and_the_next_snapshot_knows_both(tab: "Page", house: Lakehouse) -> None:
    business = load_business(house.settings.business_path)
    publish(house, business)
    assert tab.context.browser is not None
    other = tab.context.browser.new_context(locale="en-GB")
    with running_page(house.settings, CHURN_APP_ROLE="steward") as address:
        tabs = (tab, other.new_page())
        for row, one in enumerate(tabs):
            choose(one, address, row)
        for one in tabs:
            one.get_by_role("button", name="Mark as contacted").click(no_wait_after=True)
        for one in tabs:
            one.get_by_text("1 marked as contacted.").wait_for()
    other.close()
    ingest(house, business, [MONTH], TODAY)
    told = contacts_of(house, business) or []
    marked = {row["customer_key"] for row in told}
    assert len(told) == len(marked) == 2
    assert {(row["outcome"], row["state"], row["happened_on"]) for row in told} == {
        ("accepted", "made", TODAY)
    }
    counts = snapshot(house, business, MONTH)[COUNT]
    assert (counts[sorted(marked)] == 1).all()
    assert (counts.drop(sorted(marked)) == 0).all() and len(counts) == CUSTOMERS
