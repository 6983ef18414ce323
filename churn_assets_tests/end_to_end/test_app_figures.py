"""The figures of the pages on the release that the demo publishes, beside a second computation with pandas."""

from itertools import pairwise

import pytest

from churn_assets.app.queries import data, model, segments
from churn_assets.app.queries.overview import at_risk
from churn_assets.app.store import ReleaseHolder, ReleaseStore
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.reporting.words import full_date
from churn_assets.serving.release.reading import read_status
from churn_assets_tests.app.computed import check_at_risk, check_churn, check_flows, check_sizes
from churn_assets_tests.app.opening import open_page
from churn_assets_tests.app.views.texts import boxes, no_errors
from churn_assets_tests.end_to_end.conftest import Demo

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store(demo: Demo) -> ReleaseStore:
    """The release in force."""
    found = ReleaseHolder(demo.settings).store()
    assert found is not None
    return found


def test_the_figures_agree_with_pandas_over_the_tables_of_the_release(store: ReleaseStore) -> None:
    check_at_risk(store)
    check_churn(store)
    days = segments.scored_days(store)
    for day in days:
        check_sizes(store, day)
    for before, day in pairwise(days):
        check_flows(store, before, day)


def test_the_figures_are_those_of_the_lake(demo: Demo, store: ReleaseStore) -> None:
    rows = Lakehouse(demo.settings).arrow(tables.CUSTOMER_SEGMENTS).to_pandas()
    objected = [row["customer_key"] for row in store.rows("SELECT customer_key FROM objections")]
    of_newest_day = rows["as_of_date"] == rows["as_of_date"].max()
    newest = rows[of_newest_day & ~rows["customer_key"].isin(objected)]  # who objected is on no page
    found = at_risk(store).now
    assert found.scored == len(newest)
    assert found.high == int((newest["risk_tier"] == "high").sum())
    assert found.expected == pytest.approx(newest["probability"].sum())


def test_refused_rows_are_those_of_quarantine_and_everybody_is_accounted_for(
    demo: Demo, store: ReleaseStore
) -> None:
    status = read_status(demo.settings.releases_uri)
    assert status is not None
    refused = Lakehouse(demo.settings).arrow(tables.QUARANTINE, ["source", "rule"]).to_pandas()
    counted = refused.groupby(["source", "rule"]).size()
    told = data.refused(status).set_index(["source", "rule"])["rows"]
    assert told.to_dict() == counted.to_dict()
    assert data.row_balance(status)["quarantined"] == len(refused)
    assert (data.people(store)["difference"] == 0).all()


def test_the_model_of_the_demo_cannot_be_measured_yet(store: ReleaseStore) -> None:
    found = model.evidence(store, full_date)
    assert found.verdict == "unknown"
    assert found.sentence.startswith("Not yet measurable. What became of the customers of ")
    assert model.chapter(store.release.card, "Fairness")


@pytest.mark.parametrize("name", ["overview", "churn", "segments", "model", "data"])
def test_each_page_shows_the_demo(demo: Demo, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_HOME", demo.settings.home)
    monkeypatch.setenv("CHURN_APP_ROLE", "viewer")
    page = open_page(demo.settings, name)
    no_errors(page)
    if name == "overview":
        assert "No earlier month was scored, so nothing can be said about what changed." in boxes(page)
