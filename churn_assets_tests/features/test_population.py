"""Who gets a snapshot, and why others do not."""

from pathlib import Path
from typing import TYPE_CHECKING

from churn_assets.contracts.loader import load_business
from churn_assets.features.population import population
from churn_assets.months import month_index
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.features.frames import REFUSED, by_key, day, silver
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


def test_who_only_gave_back_is_no_customer_and_a_return_is_no_sign_of_life(
    spark: "SparkSession", tmp_path: Path
) -> None:
    shop = load_business(business_copy(tmp_path, "shop", eligibility={"active_within_days": 30}))
    rows = [
        ("returns alone", "01-10", -1),
        ("returned lately", "2024-06-10", 1),
        ("returned lately", "01-10", -1),
        ("bought lately", "01-05", -1),
        ("bought lately", "01-10", 1),
    ]
    schema = "customer_key string, date date, quantity int, amount double"
    told = [(day("01-31"), who, day(on), count, 5.0) for who, on, count in rows]
    events = silver(spark, shop.source("transactions"), schema, told)
    people = by_key(population(events, shop, [month_index("2025-01")]), "customer_key")
    found = {who: (row["excluded"], row["tenure_days"]) for (who,), row in people.items()}
    assert found == {"returned lately": ("not_active", 235), "bought lately": (None, 21)}


def test_a_customer_whose_newest_row_was_refused_is_unknown_until_a_good_one_comes(
    spark: "SparkSession",
) -> None:
    """The state before the refused row no longer counts, and a first row that was refused is not nobody."""
    telecom = load_business(SHIPPED_BUSINESSES / "telecom")
    schema = (
        "subscription_id string, customer_key string, started_on date, expires_on date, notice_on date, "
        "ended_on date, end_reason string"
    )
    rows = [
        ("01-07", "end refused", "1", True),
        ("01-21", "end refused", "1", False),
        ("01-07", "first refused", "1", False),
        ("01-07", "good again", "1", True),
        ("01-14", "good again", "1", False),
        ("01-21", "good again", "1", True),
        ("01-07", "another spell runs", "1", True),
        ("01-07", "another spell runs", "2", True),
        ("01-21", "another spell runs", "2", False),
        ("01-07", "refused later", "1", True),
        ("02-07", "refused later", "1", False),
    ]
    told = [
        (
            day(known),
            f"{who} {spell}",
            who,
            day("2024-01-01") if good else None,
            *(None, None, None, None),
            "" if good else REFUSED,
        )
        for known, who, spell, good in rows
    ]
    versions = silver(spark, telecom.source("subscriptions"), schema, told)
    january, february = month_index("2025-01"), month_index("2025-02")
    people = by_key(population(versions, telecom, [january, february]), "customer_key", "as_of_index")
    assert {who: row["excluded"] for (who, index), row in people.items() if index == january} == {
        "end refused": "unknown",
        "first refused": "unknown",
        "good again": None,
        "another spell runs": None,
        "refused later": None,
    }
    assert people["refused later", february]["excluded"] == "unknown"
