"""A contact marked on the page comes back through the landing zone: into silver, the snapshot and the release."""

import json
import shutil
from datetime import UTC, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from churn_assets.app.contacts import SOURCE
from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.features.snapshots import customer_snapshots
from churn_assets.history.known_until import known, not_passed
from churn_assets.history.people import identity_rows
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.monitoring.page_contacts import PageContacts, page_contacts
from churn_assets.months import add_months, month_end, month_of
from churn_assets.serving.contents import contacts
from churn_assets.serving.release.identity import key_made_once, write_identity
from churn_assets.settings import SHIPPED_BUSINESSES, Settings
from churn_assets_tests.app.conftest import Open
from churn_assets_tests.app.marking import BUSINESS, publish_contacts
from churn_assets_tests.app.opening import choose_rows
from churn_assets_tests.lakes import ingest, settings_for, small_business, write_csv
from churn_assets_tests.silver.rows import customer, subscription

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_engine(reason="a contact takes the way of any row of a source")

TODAY = datetime.now(UTC).date()
MONTH = month_of(TODAY)
BEFORE = add_months(MONTH, -1)
CUSTOMERS = 20
RECENCY, COUNT = "app_contacts_recency_days", "app_contacts_made_count_1m"
FEATURES = [
    {"source": "subscriptions", "aggregate": "tenure"},
    {"source": SOURCE, "aggregate": "recency", "where": "state = 'made'"},
    {"source": SOURCE, "aggregate": "count", "name": "made", "where": "state = 'made'", "months": [1]},
]


@pytest.fixture
def house(spark: "SparkSession", tmp_path: Path) -> Lakehouse:
    """Customers and subscriptions of a living business of which the month before was ingested."""
    folder = small_business(
        tmp_path, features=FEATURES, customer_months=None, calendar={"start": BEFORE}, windows=WINDOWS
    )
    (folder / "contracts" / "tickets.yaml").unlink()
    shutil.copy(SHIPPED_BUSINESSES / "telecom" / "contracts" / f"{SOURCE}.yaml", folder / "contracts")
    found = Lakehouse(settings_for(tmp_path, folder))
    for day in (month_end(BEFORE), TODAY):
        rows = [customer(n) for n in range(CUSTOMERS)]
        write_csv(found.settings.landing_uri, "customers", str(day), rows)
        spells = [subscription(n, started_on="2020-01-01") for n in range(CUSTOMERS)]
        write_csv(found.settings.landing_uri, "subscriptions", str(day), spells)
    ingest(found, load_business(folder), [BEFORE], TODAY)
    return found


WINDOWS = {"observation_months": 2, "gap_days": 7, "outcome_days": 30, "settlement_days": 3}


def publish(house: Lakehouse, business: Business) -> None:
    """A release of the customers of the lake, with the identity file that the pipeline writes."""
    keys = sorted(house.arrow(tables.CUSTOMER_KEYS)["customer_key"].to_pylist())
    publish_contacts(house.settings, [], BUSINESS | {"treatments": [SOURCE]}, keys)
    people = identity_rows(house, business, set())
    write_identity(house.settings.releases_uri, people, key_made_once(house.settings))


def read_by_the_pipeline(settings: Settings) -> None:
    """The status after an ingest of today."""
    told = [{"source": SOURCE, "newest_extract": str(TODAY)}]
    status = {
        "at": datetime.now(UTC).isoformat(),
        "sources": told,
        "rows": [],
        "refused_rows": [],
        "incidents": [],
    }
    Path(settings.releases_uri, "STATUS.json").write_text(json.dumps(status))


def snapshot(house: Lakehouse, business: Business, month: str) -> pd.DataFrame:
    frame = customer_snapshots(house, business, [month_end(month)]).snapshots.toPandas()
    return frame.set_index("customer_key")[[RECENCY, COUNT]]


def test_a_contact_marked_on_the_page_is_in_the_next_snapshot_and_one_taken_back_is_not(
    house: Lakehouse, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = datetime.combine(TODAY, time(12), UTC)  # so that no midnight passes
    monkeypatch.setattr("churn_assets.access.keys.now", lambda: noon)
    settings = house.settings
    business = load_business(settings.business_path)
    assert snapshot(house, business, BEFORE).isna().all(axis=None), "nobody used the page: unknown, not zero"
    assert contacts_of(house, business) is None
    publish(house, business)
    page = choose_rows(opened(settings, "at_risk"), 0, 0, 1)
    first, second = page.dataframe[0].value["customer_key"].tolist()[:2]
    page.selectbox(key="outcome").select("accepted")
    page.button(key="mark").click().run()
    assert not page.error and not page.exception
    assert not_passed(business, business.source(SOURCE), known(house, business), [MONTH]) == [MONTH]
    ingest(house, business, [MONTH], TODAY)
    days = (month_end(MONTH) - TODAY).days
    told = snapshot(house, business, MONTH)
    assert told.loc[[first, second]].to_numpy().tolist() == [[days, 1.0]] * 2
    others = told.drop([first, second])
    assert len(others) == CUSTOMERS - 2 and others[RECENCY].isna().all() and (others[COUNT] == 0).all()
    assert {row["customer_key"] for row in contacts_of(house, business) or []} == {first, second}
    assert "contacted_by" not in house.columns(tables.silver(business.source(SOURCE)))

    read_by_the_pipeline(settings)
    page = choose_rows(opened(settings, "at_risk"), 1, 0)
    gone = page.dataframe[1].value["customer_key"].tolist()[0]
    page.button(key="take_back").click().run()
    assert not page.error and not page.exception
    ingest(house, business, [MONTH], TODAY)
    after = snapshot(house, business, MONTH)
    [kept] = {first, second} - {gone}
    assert after.loc[[kept, gone], COUNT].tolist() == [1.0, 0.0]
    assert pd.isna(after.loc[gone, RECENCY])
    states = {
        row["customer_key"]: (row["outcome"], row["state"]) for row in contacts_of(house, business) or []
    }
    assert states == {kept: ("accepted", "made"), gone: ("accepted", "withdrawn")}
    assert page_contacts(house, business, TODAY) == PageContacts(1, 1, 1)


def contacts_of(house: Lakehouse, business: Business) -> list[dict[str, Any]] | None:
    """The rows of the release's table `contacts`."""
    if not house.exists(tables.CHURN_EVENTS):
        house.append_rows(tables.CHURN_EVENTS, tables.CHURN_EVENTS.rows([]), run_id="nobody left")
    found = contacts(house, business)
    return None if found is None else found.to_pylist()
