"""Labels of policy `inactivity`: which events count, and as known when."""

from datetime import datetime, time
from pathlib import Path
from typing import TYPE_CHECKING

from churn_assets.contracts.loader import load_business
from churn_assets.features.labels import churn_labels, cohorts
from churn_assets.months import month_end
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.features.frames import REFUSED, day, silver
from churn_assets_tests.lakes import business_copy

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

from churn_assets_tests.features.spells import AS_OF, daily_until, outcomes_of


def test_inactivity(spark: "SparkSession") -> None:
    """The shop: no gap, 180 days, 3 days to settle; 31 January -> window to 30 July, settled on 2 August."""
    shop = load_business(SHIPPED_BUSINESSES / "shop")
    source = shop.source("transactions")
    rows = [
        (day("02-07"), "first day", day("02-01"), "stayed"),
        (day("08-02"), "last day", day("07-30"), "stayed"),
        (day("08-07"), "a day later", day("07-31"), "churned"),
        (day("01-31"), "only before", day("01-31"), "churned"),
        (day("08-07"), "told too late", day("06-01"), "churned"),
    ]
    events = silver(
        spark,
        source,
        "customer_key string, date date, quantity int, amount double",
        [(known, who, on, 1, 5.0) for known, who, on, _ in rows],
    )
    snapshots = spark.createDataFrame([(r[1], AS_OF) for r in rows], "customer_key string, as_of_date date")
    dates = cohorts([month_end("2025-01")], shop.file.windows, daily_until(day("08-31")))
    assert outcomes_of(churn_labels(snapshots, events, shop, dates, None)) == {
        who: outcome for _, who, _, outcome in rows
    }


def test_a_return_is_no_purchase(spark: "SparkSession") -> None:
    """The shop's label counts events with `quantity > 0`; a refused one may have been a purchase."""
    shop = load_business(SHIPPED_BUSINESSES / "shop")
    assert shop.file.label.where == "quantity > 0"
    rows = [
        ("bought", "02-10", 1, "stayed"),
        ("gave back", "02-10", -2, "churned"),
        ("bought and gave back", "02-10", 2, "stayed"),
        ("bought and gave back", "02-20", -2, "stayed"),
        ("refused", "02-10", None, "unknown"),
    ]
    told = [
        (day("02-28"), who, day(on), count, 5.0 if count else None, *([] if count else [REFUSED]))
        for who, on, count, _ in rows
    ]
    schema = "customer_key string, date date, quantity int, amount double"
    events = silver(spark, shop.source("transactions"), schema, told)
    people = sorted({(who, AS_OF) for who, *_ in rows})
    snapshots = spark.createDataFrame(people, "customer_key string, as_of_date date")
    dates = cohorts([month_end("2025-01")], shop.file.windows, daily_until(day("08-31")))
    found = churn_labels(snapshots, events, shop, dates, None)
    assert outcomes_of(found) == {who: outcome for who, _, _, outcome in rows}
    assert {row["policy"] for row in found.collect()} == {"inactivity where quantity > 0"}


def test_an_event_that_a_correction_moves_counts_where_it_is_known_to_be(
    spark: "SparkSession", tmp_path: Path
) -> None:
    """A ticket has a number, so its day may be corrected; 31 January -> window to 9 March, settled on the 12th."""
    segments = {
        "risk": {"high": 0.9, "elevated": 0.7},
        "value": {"feature": "tickets_count_1m", "high": 0.67, "middle": 0.33},
        "rules": [{"name": "all", "action": "wait"}],
    }
    business = load_business(
        business_copy(
            tmp_path,
            label={"policy": "inactivity", "source": "tickets"},
            churn_rates=None,
            features=[{"source": "tickets", "aggregate": "count", "months": [1]}],
            segments=segments,
        )
    )
    tickets = [
        ("02-28", "as told", "02-20", "stayed"),
        ("02-14", "moved out", "02-10", "churned"),
        ("03-12", "moved out", "01-31", "churned"),
        ("02-14", "moved out too late to count", "02-10", "stayed"),
        ("03-13", "moved out too late to count", "01-31", "stayed"),
        ("02-07", "moved in", "01-20", "stayed"),
        ("02-21", "moved in", "02-20", "stayed"),
    ]
    rows = [(day(known), who, who, datetime.combine(day(on), time(10))) for known, who, on, _ in tickets]
    schema = "ticket_id string, customer_key string, opened_at timestamp"
    events = silver(spark, business.source("tickets"), schema, rows)
    people = sorted({(who, AS_OF) for _, who, _, _ in tickets})
    snapshots = spark.createDataFrame(people, "customer_key string, as_of_date date")
    dates = cohorts([month_end("2025-01")], business.file.windows, daily_until(day("03-31")))
    for few in (False, True):
        found = churn_labels(snapshots, events, business, dates, None, few=few)
        assert outcomes_of(found) == {who: outcome for _, who, _, outcome in tickets}, few
