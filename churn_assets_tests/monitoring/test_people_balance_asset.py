"""monitoring/people_balance against the snapshots of a shop, whose label counts only some of its events."""

from typing import TYPE_CHECKING

import dagster as dg
import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.tables import as_of_between
from churn_assets.monitoring.people_balance import ALL
from churn_assets.monitoring.people_balance_asset import EVERYBODY, NOBODY_AFTER
from churn_assets.months import month_end
from churn_assets_tests.checks import evaluations, require_blocked
from churn_assets_tests.lakes import business_copy, settings_for, write_csv
from churn_assets_tests.worlds import INGEST, SNAPSHOTS, Lake, failures

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_engine(
    reason="counts without an engine; `features/test_population` and `test_labels_of_events` make its tables on both"
)

MONTHS = ["2024-01", "2024-02", "2024-03"]
BALANCE = dg.AssetSelection.assets(tables.PEOPLE_BALANCE.key)
SHOP = {
    "calendar": {"start": MONTHS[0], "end": "2024-06"},
    "windows": {"observation_months": 2, "gap_days": 0, "outcome_days": 30, "settlement_days": 3},
    "eligibility": {"active_within_days": 40, "min_tenure_days": 10},
    "features": [{"source": "transactions", "aggregate": "tenure"}],
    "customer_months": None,
    "churn_rates": None,
    "segments": {
        "risk": {"high": 0.7, "elevated": 0.4},
        "value": {"feature": "tenure_days", "high": 0.67, "middle": 0.33},
        "rules": [{"name": "all", "action": "wait"}],
    },
}


def _row(who: str, day: str, quantity: int = 1) -> dict[str, object]:
    return {"customer_id": who, "date": day, "quantity": quantity, "amount": 10 * quantity}


@pytest.fixture(scope="module")
def shop(spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Nine buy every month; B brings back what was bought in January; N buys in the last week of March."""
    folder = tmp_path_factory.mktemp("returns")
    settings = settings_for(folder, business_copy(folder, "shop", **SHOP))
    for month in MONTHS:
        rows = [_row(f"C{n}", f"{month}-15") for n in range(9)]
        rows.append(_row("B", f"{month}-20", 1 if month == MONTHS[0] else -1))
        rows += [_row("N", "2024-03-28")] if month == MONTHS[-1] else []
        write_csv(settings.landing_uri, "transactions", str(month_end(month)), rows)
    lake = Lake(settings, load_business(settings.business_path))
    lake.succeed(INGEST, MONTHS)
    lake.succeed(SNAPSHOTS, MONTHS[1:])
    return lake


def test_an_event_that_the_label_does_not_count_is_no_sign_of_life(shop: Lake) -> None:
    """A return: whoever only brings things back buys no more, for the snapshots and for the balance."""
    run = shop.run(BALANCE, MONTHS[1:])
    assert run.success, failures(run)
    checks = evaluations(run)
    assert all(checks[f"{tables.PEOPLE_BALANCE.path}:{name}"].passed for name in (EVERYBODY, NOBODY_AFTER))
    rows = shop.frame(tables.PEOPLE_BALANCE).to_dict("records")
    found = {str(r["as_of_date"]): (r["now"], r["ended"], r["snapshots"]) for r in rows if r["source"] == ALL}
    # N, who came three days before, is no customer for ten days yet
    assert found == {"2024-02-29": (9, 1, 9), "2024-03-31": (10, 0, 9)}


def test_a_month_of_customers_without_snapshots_is_told(shop: Lake) -> None:
    """Nobody is asked, though ten people are customers."""
    instance = dg.DagsterInstance.ephemeral()
    kept = shop.lakehouse.read(tables.CUSTOMER_SNAPSHOTS).localCheckpoint()
    table = tables.customer_snapshots(shop.business)
    try:
        shop.lakehouse.replace(table, kept.where("false"), as_of_between(MONTHS[2:]), run_id="lost")
        run = shop.run(BALANCE, MONTHS[1:], instance=instance)
        evidence = require_blocked(run, instance, tables.PEOPLE_BALANCE, EVERYBODY)
        assert "2024-03-31" in evidence and "2024-02-29" not in evidence
        assert "churn-assets run snapshot --from 2024-03" in evidence
    finally:
        march = kept.where("as_of_date = DATE'2024-03-31'")
        shop.lakehouse.replace(table, march, as_of_between(MONTHS[2:]), run_id="found")


def test_a_customer_without_a_snapshot_is_told(shop: Lake) -> None:
    """One of nine is not asked."""
    kept = shop.lakehouse.read(tables.CUSTOMER_SNAPSHOTS).localCheckpoint()
    february = kept.where("as_of_date = DATE'2024-02-29'")
    table = tables.customer_snapshots(shop.business)
    try:
        shop.lakehouse.replace(table, february.limit(8), as_of_between(MONTHS[1:2]), run_id="lost")
        run = shop.run(BALANCE, MONTHS[1:])
        check = evaluations(run)[f"{tables.PEOPLE_BALANCE.path}:{EVERYBODY}"]
        assert not check.passed and "1 customer" in str(check.description)
    finally:
        shop.lakehouse.replace(table, february, as_of_between(MONTHS[1:2]), run_id="found")
