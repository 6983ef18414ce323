"""Churn rates of a shop from the landing zone on: customers are lost by inactivity, and revenue is what they paid."""

from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from deltalake import DeltaTable

from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.months import month_end
from churn_assets_tests.checks import require_blocked
from churn_assets_tests.lakes import business_copy, settings_for, write_csv
from churn_assets_tests.worlds import INGEST, Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_engine(reason="runs jobs; `make parity` compares what jobs write")
MONTHS = [f"2024-{month:02d}" for month in range(1, 11)]
RATES = dg.AssetSelection.assets(tables.CHURN_RATES.key, tables.RETENTION_COHORTS.key)
MADE = INGEST | RATES | dg.AssetSelection.assets(tables.CUSTOMER_MONTHS.key)


def _bought(number: int, month: str, amount: int) -> dict[str, Any]:
    return {"customer_id": f"NATID{number}", "date": f"{month}-15", "quantity": 1, "amount": amount}


@pytest.fixture(scope="module")
def lake(spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """1 and 2 buy each month for 10; 3 buys until March for 20; 4 begins in April and pauses in June and July."""
    home = tmp_path_factory.mktemp("shop")
    windows = {"observation_months": 6, "gap_days": 0, "outcome_days": 60, "settlement_days": 3}
    calendar = {"start": MONTHS[0], "end": MONTHS[-1]}
    folder = business_copy(home, "shop", windows=windows, calendar=calendar)
    lake = Lake(settings_for(home, folder), load_business(folder))
    for month in MONTHS:
        rows = [_bought(1, month, 10), _bought(2, month, 10)]
        rows += [_bought(3, month, 20)] if month <= "2024-03" else []
        rows += [_bought(4, month, 30)] if month in ("2024-04", "2024-05", "2024-08", "2024-09") else []
        write_csv(lake.settings.landing_uri, "transactions", str(month_end(month)), rows)
    lake.succeed(MADE, MONTHS)
    return lake


def test_customers_are_lost_when_the_outcome_window_is_over(lake: Lake) -> None:
    rows = lake.lakehouse.arrow(tables.CHURN_RATES).to_pylist()
    everybody = {row["month"]: row for row in rows if row["dimension"] == "all"}
    assert list(everybody) == MONTHS[2:9], "after a whole outcome window, up to the newest settled month"
    names = (
        "customers_start",
        "customers_new",
        "customers_returned",
        "customers_lost_by_choice",
        "customers_end",
    )
    assert {month: tuple(row[name] for name in names) for month, row in everybody.items()} == {
        "2024-03": (3, 0, 0, 0, 3),
        "2024-04": (3, 1, 0, 0, 4),
        "2024-05": (4, 0, 0, 1, 3),
        "2024-06": (3, 0, 0, 0, 3),
        "2024-07": (3, 0, 0, 1, 2),
        "2024-08": (2, 0, 1, 0, 3),
        "2024-09": (3, 0, 0, 0, 3),
    }
    april = everybody["2024-04"]
    money = ("revenue_start", "revenue_new", "revenue_contraction", "revenue_end", "net_revenue_retention")
    assert [april[name] for name in money] == [40, 30, 20, 50, 0.5], (
        "3 pays nothing any more, but is still there"
    )
    cohorts = lake.lakehouse.arrow(tables.RETENTION_COHORTS).to_pylist()
    assert [(row["joined_month"], row["months_since"], row["retention"]) for row in cohorts] == [
        ("2024-04", since, share) for since, share in enumerate((1, 1, 1, 0, 1, 1))
    ]


def test_without_the_revenue_of_a_month_nothing_is_written(lake: Lake) -> None:
    months = DeltaTable(lake.lakehouse.uri(tables.CUSTOMER_MONTHS))
    before, version = months.version(), lake.lakehouse.version(tables.CHURN_RATES)
    months.delete("month = '2024-04'")
    instance = dg.DagsterInstance.ephemeral()
    run = lake.run(dg.AssetSelection.assets(tables.CHURN_RATES.key), MONTHS, instance=instance)
    evidence = require_blocked(run, instance, tables.CHURN_RATES, "every_source_complete")
    assert "2024-04" in evidence and "churn-assets run ingest --from 2024-04" in evidence
    assert lake.lakehouse.version(tables.CHURN_RATES) == version
    DeltaTable(lake.lakehouse.uri(tables.CUSTOMER_MONTHS)).restore(before)
