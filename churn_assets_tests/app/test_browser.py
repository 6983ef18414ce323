"""The pages in a real browser."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from churn_assets.access.keys import Keys, keys_file, now
from churn_assets.app.places import HOME, PAGES
from churn_assets.settings import Settings
from churn_assets_tests.app.browser import WIDTHS, browser, needs_browser, settled, tab
from churn_assets_tests.app.running import running_page
from churn_assets_tests.app.scored_months import MORNING_KEYS, morning_tables, publish_months
from churn_assets_tests.app.told import SCORED, frames, publish_told
from churn_assets_tests.serving.release.campaigns import campaign_tables

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = needs_browser
__all__ = ["browser", "tab"]  # fixtures


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page whose release has all tables."""
    home = tmp_path_factory.mktemp("months")
    customers = pa.Table.from_pandas(frames()["customers"], preserve_index=False)
    campaign = campaign_tables(MORNING_KEYS)
    publish_months(home / "serving", customers=customers, **morning_tables(), **campaign)
    with running_page(Settings(home=str(home)), CHURN_APP_ROLE="steward") as address:
        yield address


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page whose release has customers of every kind."""
    home = tmp_path_factory.mktemp("told")
    publish_told(home / "serving")
    with running_page(Settings(home=str(home)), CHURN_APP_ROLE="steward") as address:
        yield address


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_loads_without_an_error_and_asks_no_other_website(
    tab: "Page", months: str, width: int
) -> None:
    errors: list[str] = []
    foreign: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("console", lambda told: errors.append(told.text) if told.type == "error" else None)
    own = (months, months.replace("http", "ws", 1), "data:", "blob:")
    tab.on("request", lambda asked: None if asked.url.startswith(own) else foreign.append(asked.url))
    tab.set_viewport_size({"width": width, "height": 900})
    for name, title in PAGES.items():
        tab.goto(months if name == HOME else f"{months}/{name}")
        settled(tab)
        assert tab.inner_text("h1") == title
        assert not tab.query_selector_all("[data-testid=stException]"), name
        assert "cannot be shown" not in tab.inner_text("body"), name
        spread = tab.evaluate("document.documentElement.scrollWidth")
        assert spread <= width, f"{name} is wider than the screen: {spread} pixels"
    assert not errors
    assert not foreign


def test_a_filter_changes_the_list_and_an_export_equals_it(tab: "Page", told: str) -> None:
    def exported() -> list[dict[str, str]]:
        with tab.expect_download() as download:
            tab.get_by_role("button", name="Download as CSV").first.click()
        return list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))

    tab.goto(f"{told}/at_risk?rows=100")
    settled(tab)
    everybody = exported()
    tab.goto(f"{told}/at_risk?rows=100&risk=high")
    settled(tab)
    at_high_risk = exported()
    assert len(everybody) == 100
    assert {row["Customer"] for row in at_high_risk} == set(SCORED[::3])
    counted = tab.get_by_text(re.compile(r"^50 customers")).first
    assert counted.is_visible()


def test_what_if_changes_the_chance_to_leave(tab: "Page", told: str) -> None:
    tab.goto(f"{told}/customer?customer={SCORED[2]}")
    settled(tab)
    assert not tab.get_by_text("With your changes").count()
    tab.get_by_role("slider").first.press("ArrowRight")
    tab.get_by_text("With your changes").first.wait_for()
    settled(tab)
    shown = tab.locator("[data-testid=stMetric]").all_inner_texts()
    before, after = (
        next(text.split("\n")[-1] for text in shown if label in text)
        for label in (
            "Chance to leave now",
            "With your changes",
        )
    )
    assert before != after


def test_a_personal_link_opens_the_page_and_leaves_the_address(tab: "Page", tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    publish_told(tmp_path / "serving")
    _, given = Keys(keys_file(settings)).create("anna", (), None, now(), lambda _: None, role="agent")
    with running_page(settings) as address:
        refused = tab.goto(address)
        assert refused is not None
        assert refused.status == 401
        tab.goto(f"{address}/at_risk?risk=high&access={given}")
        settled(tab)
        assert "access" not in tab.url
        assert "risk=high" in tab.url
        assert "anna (agent)" in tab.inner_text("body")
        tab.reload()
        settled(tab)
        assert "anna (agent)" in tab.inner_text("body")
