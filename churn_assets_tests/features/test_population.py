"""Who gets a snapshot where only events tell of customers."""

from pathlib import Path
from typing import TYPE_CHECKING

from churn_assets.contracts.loader import load_business
from churn_assets.features.population import population
from churn_assets.months import month_index
from churn_assets_tests.features.frames import by_key, day, silver
from churn_assets_tests.lakes import business_copy

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_who_has_been_silent_for_long_may_be_left_out(spark: "SparkSession", tmp_path: Path) -> None:
    """31 January, active within 30 days: from 2 January on, as known by then."""
    shop = load_business(business_copy(tmp_path, "shop", eligibility={"active_within_days": 30}))
    rows = [
        ("01-31", "just in time", "01-02"),
        ("01-31", "a day too long ago", "01-01"),
        ("02-07", "back, but told too late", "01-30"),
        ("01-07", "back, but told too late", "01-01"),
    ]
    schema = "customer_key string, date date, quantity int, amount double"
    told = [(day(known), who, day(on), 1, 5.0) for known, who, on in rows]
    events = silver(spark, shop.source("transactions"), schema, told)
    people = by_key(population(events, shop, [month_index("2025-01")]), "customer_key")
    assert {who: row["excluded"] for (who,), row in people.items()} == {
        "just in time": None,
        "a day too long ago": "not_active",
        "back, but told too late": "not_active",
    }
