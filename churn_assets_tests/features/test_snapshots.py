"""Snapshots of small lakes, from landing to the frame."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.features.snapshots import customer_snapshots
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.silver.load import load_silver
from churn_assets_tests.lakes import (
    business_copy,
    give_keys,
    settings_for,
    small_business,
    to_bronze,
    write_csv,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LABELLED = {
    "telecom": {"subscription_id": "S1", "plan": "basic", "contract_months": 0, "monthly_price": 10}
    | {"customer_id": "C1", "started_on": "2024-12-01"},
    "shop": {"customer_id": "C1", "date": "2025-01-02", "quantity": 1, "amount": "9.50"},
}


@pytest.mark.parametrize(("name", "tenure"), [("telecom", 61.0), ("shop", 29.0)])
def test_tenure_alone_is_a_feature(spark: "SparkSession", tmp_path: Path, name: str, tenure: float) -> None:
    """What is known of such a customer is known from the source of the labels."""
    source = {"telecom": "subscriptions", "shop": "transactions"}[name]
    features = [{"source": source, "aggregate": "tenure"}, {"name": "years", "sql": "tenure_days / 365.25"}]
    if name == "telecom":
        folder = small_business(tmp_path, features=features, protected=None)
    else:
        value = {"feature": "tenure_days", "high": 0.67, "middle": 0.33}
        segments = {
            "risk": {"high": 0.9, "elevated": 0.7},
            "value": value,
            "rules": [{"name": "all", "action": "x"}],
        }
        folder = business_copy(tmp_path, name, features=features, segments=segments)
    business, house = load_business(folder), Lakehouse(settings_for(tmp_path, folder))
    write_csv(house.settings.landing_uri, source, "2025-01-31", [LABELLED[name]])
    to_bronze(house, business, ["2025-01"])
    give_keys(house, business, ["2025-01"])
    load_silver(house, business, business.source(source), ["2025-01"], "silver", date.max)
    [row] = customer_snapshots(house, business, ["2025-01"]).snapshots.collect()
    assert (row["tenure_days"], row["known_at"]) == (tenure, date(2025, 1, 31))
