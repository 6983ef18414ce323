"""A campaign in a real browser, from the slider to the list with names, over a release of a planned lake."""

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from churn_assets.access.keys import Keys, keys_file, now
from churn_assets.contracts.business import Business
from churn_assets.history.people import identity_rows, objections
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.audit.verification import stored
from churn_assets.operations.campaign_requests.files import requests
from churn_assets.operations.campaigns.record import campaign_records
from churn_assets.retention.from_the_page import take_in
from churn_assets.serving.campaigns import campaign_tables
from churn_assets.serving.contents import _business
from churn_assets.serving.release.identity import key_made_once, write_identity
from churn_assets.serving.release.writing import write_release
from churn_assets_tests.api.releases import tables as release_tables
from churn_assets_tests.app.browser import browser, needs_browser, settled, tab
from churn_assets_tests.app.running import running_page
from churn_assets_tests.retention.planned_lakes import (
    CUSTOMERS,
    business_with,
    key,
    plan_without_engine,
    planned_lake,
)
from churn_assets_tests.serving.release.made import NOW, contents

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [needs_browser, pytest.mark.slow, pytest.mark.one_engine]
__all__ = ["browser", "tab"]  # fixtures


@pytest.fixture
def business(tmp_path: Path) -> Business:
    return business_with(tmp_path)


@pytest.fixture
def house(tmp_path: Path, business: Business) -> Iterator[Lakehouse]:
    """A lake with a plan, and a release with its tables."""
    found = planned_lake(tmp_path, business)
    plan_without_engine(found, business)
    planned = campaign_tables(found)
    assert not isinstance(planned, str)
    planned["campaign_plan"] = planned["campaign_plan"].sort_by("customer_key")
    planned["campaigns"] = found.arrow(tables.CAMPAIGNS).drop_columns(["by", "note"])
    held = release_tables(keys=[key(n) for n in range(CUSTOMERS)]) | planned
    made = replace(contents(**held), business=_business(business))
    write_release(found.settings.releases_uri, made, now=NOW, run_id="campaign", keep=3)
    people = identity_rows(found, business, objections(found, business).keys)
    write_identity(found.settings.releases_uri, people, key_made_once(found.settings))
    yield found


def answered(tab: "Page", house: Lakehouse, business: Business, what: str) -> None:
    """The pipeline answers, and the page shows it by itself."""
    tab.get_by_text(f"{what} asked for.").wait_for()
    assert [one.state for one in take_in(house, business, datetime.now(UTC))] == ["done"]


def test_from_the_slider_to_the_list_with_names(tab: "Page", house: Lakehouse, business: Business) -> None:
    _, given = Keys(keys_file(house.settings)).create("ada", (), None, now(), lambda _: None, role="manager")
    with running_page(house.settings) as address:
        tab.goto(f"{address}/campaign?access={given}")
        settled(tab)
        before = tab.get_by_test_id("stMetric").all_inner_texts()
        for _ in range(4):
            tab.get_by_role("slider").first.press("ArrowLeft")
        tab.get_by_text("against").first.wait_for()
        settled(tab)
        assert tab.get_by_test_id("stMetric").all_inner_texts() != before
        assert "budget=" in tab.url
        tab.get_by_role("button", name=re.compile("^Approve ")).click()
        answered(tab, house, business, "Approval")
        tab.get_by_role("heading", name=re.compile("is approved")).wait_for()
        tab.get_by_text("With names and contact data").click()
        settled(tab)
        tab.get_by_role("button", name="Export the list").click()
        answered(tab, house, business, "List")
        with tab.expect_download() as download:
            tab.get_by_role("button", name=re.compile("^Download the list of ")).click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
    [approval, export] = requests(house.settings)
    assert export.customers == len(rows) > 0
    numbers = [int(row["customer_id"][1:]) for row in rows]
    assert not [n for n in numbers if n % 10 in (1, 2)], "who refuses or objects is on no list"
    assert [(r.what, r.by) for r in campaign_records(house)] == [
        ("planned", "churn-assets"), ("approved", "ada"), ("exported", "ada")
    ]  # fmt: skip
    entries = [entry[0] for _, entry in stored(house.settings) if entry is not None]
    told = [(e.act, e.customers) for e in entries if e.act in ("campaign_request", "approval", "export")]
    assert told == [
        ("campaign_request", None), ("approval", None), ("campaign_request", None), ("export", len(rows)),
        ("export", len(rows)),
    ]  # fmt: skip
    assert approval.plan_digest == campaign_records(house)[0].plan_digest
