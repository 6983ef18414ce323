"""Case 16 from the landing zone to labels: customers who are purged, erased or merged are not loyal."""

from collections import Counter
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.features.snapshots import customer_snapshots
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end
from churn_assets.silver.reconciliation import first_extracts
from churn_assets_tests.lakes import (
    edit_yaml,
    ingest,
    settings_for,
    small_business,
    tell_merges,
    write_csv,
    write_jsonl,
)
from churn_assets_tests.silver.rows import customer, subscription, ticket

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_engine(
    reason="runs jobs; `test_labels_of_the_gone` and `test_presence` compute the same on both engines"
)

MONTHS = ["2025-01", "2025-02"]
ENDS = ["2025-01-31", "2025-02-28"]
IDS = [f"NATID{n:04d}" for n in range(20)]


def test_three_of_twenty_customers_vanish_and_nobody_asks_them(spark: "SparkSession", tmp_path: Path) -> None:
    folder = small_business(tmp_path)
    edit_yaml(folder / "contracts" / "customers.yaml", tell_merges)
    business, house = load_business(folder), Lakehouse(settings_for(tmp_path, folder))
    landing = house.settings.landing_uri
    everybody = [customer(n, merged_into="") for n in range(20)]
    merged = [row | {"merged_into": IDS[0]} if row["customer_id"] == IDS[19] else row for row in everybody]
    write_csv(landing, "customers", ENDS[0], everybody)
    write_csv(landing, "customers", ENDS[1], [r for r in merged if r["customer_id"] not in IDS[17:19]])
    spells = [subscription(n) for n in range(20)]
    write_csv(landing, "subscriptions", ENDS[0], spells)
    write_csv(
        landing, "subscriptions", ENDS[1], spells[:1]
    )  # changes: of the others there is nothing to tell
    for number, day in enumerate(ENDS):
        write_jsonl(landing, "tickets", day, [ticket(number, IDS[0], f"{day}T10:00:00Z")])
    ingest(house, business, MONTHS)
    assert first_extracts(house)["customers"] == [date(2025, 1, 31), date(2025, 2, 28)]

    keys = {r["customer_id"]: r["customer_key"] for r in house.arrow(tables.CUSTOMER_KEYS).to_pylist()}
    versions = house.arrow(tables.silver(business.source("customers"))).to_pylist()
    into = {v["customer_key"]: v["merged_into_key"] for v in versions if v["merged_into_key"]}
    assert into == {keys[IDS[19]]: keys[IDS[0]]} and "merged_into" not in versions[0]

    people = customer_snapshots(house, business, [month_end(m) for m in MONTHS]).people.collect()
    counts = Counter((str(r["as_of_date"]), r["excluded"]) for r in people)
    assert counts == {
        ("2025-01-31", None): 20,
        ("2025-02-28", None): 17,
        ("2025-02-28", "disappeared"): 2,
        ("2025-02-28", "merged"): 1,
    }
