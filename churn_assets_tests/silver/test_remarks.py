"""Values that silver makes null are counted by month and column, and told."""

import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.silver.assets import _report
from churn_assets_tests.lakes import ingest, settings_for, small_business, write_csv, write_jsonl
from churn_assets_tests.silver.rows import customer, subscription, ticket

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_values_that_were_made_null_are_counted_by_month_and_column(
    spark: "SparkSession", tmp_path: Path
) -> None:
    """Every end is 9999-12-31, one household has 99 people, one end has day and month exchanged."""
    folder = small_business(tmp_path)
    house, business = Lakehouse(settings_for(tmp_path, folder)), load_business(folder)
    none = {"ended_on": "9999-12-31", "expires_on": "9999-12-31"}
    spells = [subscription(n, **none) for n in range(1, 10)]
    exchanged = subscription(10, started_on="2024-01-01", end_reason="price")
    exchanged |= {"ended_on": "01.02.2025", "expires_on": ""}
    write_csv(house.settings.landing_uri, "subscriptions", "2025-01-07", [*spells, exchanged])
    people = [customer(n, household_size="99" if n == 1 else "2") for n in range(1, 11)]
    write_csv(house.settings.landing_uri, "customers", "2025-01-31", people)
    opened = ticket(1, "NATID0001", "2025-01-30T10:00:00Z")
    write_jsonl(house.settings.landing_uri, "tickets", "2025-01-31", [opened])
    loads = ingest(house, business, ["2025-01"], date(2025, 1, 31))
    [spoken] = loads["subscriptions"].audits
    assert (spoken.accepted, spoken.quarantined) == (10, 0)
    assert spoken.remarks == {"none:ended_on": 9, "none:expires_on": 9, "exchanged:ended_on": 1}
    assert loads["customers"].audits[0].remarks == {"range:household_size": 1}
    noticed = {p.rule: p for load in loads.values() for p in load.problems}
    assert set(noticed) == {"range:household_size", "exchanged:ended_on"}
    assert noticed["exchanged:ended_on"].evidence == (
        "In 1 row ended_on is after the extract, but shortly before it if day and month are exchanged."
    )
    rows = house.arrow(tables.silver(business.source("subscriptions"))).to_pylist()
    assert sorted((row["ended_on"], row["remarks"]) for row in rows if row["ended_on"]) == [
        (date(2025, 2, 1), "exchanged:ended_on")
    ]
    table = _report(loads["subscriptions"].audits, [])["remarked of accepted rows"]
    assert re.findall(r"2025-01 \| (\w+) \| (\w+) \| (\d+)", table.value) == [
        ("ended_on", "exchanged", "1"),
        ("ended_on", "none", "9"),
        ("expires_on", "none", "9"),
    ]
