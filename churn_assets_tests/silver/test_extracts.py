"""Extracts that hold no row, that nobody has read yet, or that never came, each in a lake of its own."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.silver.load import MonthBlocked, delivered_files
from churn_assets.silver.reconciliation import reconcile
from churn_assets_tests.lakes import edit_yaml, ingest, settings_for, small_business, write_csv, write_jsonl
from churn_assets_tests.silver.rows import ADA, subscription, ticket

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TODAY = date(2026, 1, 1)


def test_an_extract_without_rows_counts_beside_others_and_one_that_bronze_has_not_read_does_not(
    spark: "SparkSession", tmp_path: Path
) -> None:
    house, business = Lakehouse(settings_for(tmp_path)), load_business(small_business(tmp_path))
    landing, source = house.settings.landing_uri, business.source("subscriptions")
    write_csv(landing, "customers", "2025-01-31", [ADA])
    write_csv(landing, "subscriptions", "2025-01-07", [subscription(1)])
    write_csv(landing, "subscriptions", "2025-01-14", [], columns=list(subscription(1)))
    write_jsonl(landing, "tickets", "2025-01-31", [ticket(1, "NATID0001", "2025-01-30T10:00:00Z")])
    write_jsonl(landing, "tickets", "2025-01-28", ["", "  "])
    ingest(house, business, ["2025-01"])
    write_csv(landing, "subscriptions", "2025-01-21", [subscription(2)])  # came a moment later
    dates = {b.source: [day.day for day in b.extract_dates] for b in reconcile(house, business, ["2025-01"])}
    assert dates == {"customers": [31], "subscriptions": [7, 14], "tickets": [28, 31]}
    assert [f.rows for f in delivered_files(house, source, ["2025-01"])] == [1, 0]


@pytest.mark.one_engine(reason="compares days of extracts in Python; the test above computes them on both")
def test_a_lost_week_of_changes_is_not_loyalty(spark: "SparkSession", tmp_path: Path) -> None:
    """The endings that it told of would be missing; an extract without rows closes the gap."""
    folder = small_business(tmp_path)
    rule = {"type": "custom", "engine": "churnAssets", "implementation": {"rule": "gap", "maxDays": 13}}
    edit_yaml(folder / "contracts" / "subscriptions.yaml", lambda c: c["schema"][0]["quality"].append(rule))
    house, business = Lakehouse(settings_for(tmp_path)), load_business(folder)
    landing = house.settings.landing_uri
    write_csv(landing, "customers", "2025-01-31", [ADA])
    write_jsonl(landing, "tickets", "2025-01-31", [ticket(1, "NATID0001", "2025-01-30T10:00:00Z")])
    for day in ("07", "14", "28"):
        write_csv(landing, "subscriptions", f"2025-01-{day}", [subscription(int(day))])
    with pytest.raises(
        MonthBlocked, match=r"gap: no extract came between 2025-01-14 and 2025-01-28, 14 days"
    ):
        ingest(house, business, ["2025-01"], TODAY)
    write_csv(landing, "subscriptions", "2025-01-21", [], columns=list(subscription(1)))
    ingest(house, business, ["2025-01"], TODAY)
    assert all(balance.whole for balance in reconcile(house, business, ["2025-01"]))
