"""Labels of customers who disappear from the extracts or are merged: they did not stay."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.features.labels import churn_labels, cohorts
from churn_assets.months import month_end
from churn_assets_tests.features.frames import by_key, day, silver
from churn_assets_tests.lakes import business_copy, deliver_all, edit_yaml, tell_merges

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

from churn_assets_tests.features.spells import AS_OF, SCHEMA, SOURCE, TELECOM, outcomes_of, version

# Listed by a full entity at the end of each month; the spell runs on. Case 16: they were labelled 0.
DISAPPEARED: dict[str, tuple[list[str], str, str]] = {
    "listed until settled": (["01-31", "02-28", "03-31"], "stayed", "stayed"),
    "gone on the last day of the window": (["01-31"], "disappeared", "churned"),
    "gone after the window, not seen at its end": (["01-31", "02-28"], "disappeared", "disappeared"),
}


@pytest.mark.parametrize("declared", ["censored", "churn"])
def test_whom_nobody_lists_any_more_did_not_stay(
    spark: "SparkSession", tmp_path: Path, declared: str
) -> None:
    business = load_business(business_copy(tmp_path, people={"disappeared": declared}))
    outcomes, customers = _labelled_with_customers(
        spark, business, {who: listed for who, (listed, *_) in DISAPPEARED.items()}
    )
    expected = {
        who: censored if declared == "censored" else churn
        for who, (_, censored, churn) in DISAPPEARED.items()
    }
    assert outcomes == expected
    assert {row["disappeared"] for row in customers.values()} == {declared}
    assert {who: row["label"] for (who,), row in customers.items()} == {
        who: {"stayed": 0, "churned": 1}.get(outcome) for who, outcome in expected.items()
    }


def test_who_was_listed_until_the_window_ended_stayed(spark: "SparkSession") -> None:
    """Weekly extracts repeat an unchanged row, whose known_at is the first of the month; the window ends on 9 March."""
    from pyspark.sql import functions as F

    listed = {"until 16 March": "03-16", "until 2 March": "03-02"}
    rows = [(day(known), who, "active") for who in listed for known in ("01-05", "02-02", "03-02")]
    until = F.when(
        F.col("extract_month") == "2025-03",
        F.when(F.col("customer_key") == "until 16 March", F.lit(day("03-16"))).otherwise(F.lit(day("03-02"))),
    )
    versions = silver(spark, TELECOM.source("customers"), "customer_key string, status string", rows)
    people = spark.createDataFrame([(who, AS_OF) for who in listed], "customer_key string, as_of_date date")
    spells = silver(spark, SOURCE, SCHEMA, [version("01-07", who) for who in listed])
    dates = cohorts([month_end("2025-01")], TELECOM.file.windows, [day("04-07")])
    extracts = {"customers": [day(d) for d in ("01-05", "02-02", "03-02", "04-06")]}
    entities = {"customers": versions.withColumn("listed_until", until)}
    found = outcomes_of(churn_labels(people, spells, TELECOM, dates, None, entities, extracts))
    assert found == {"until 16 March": "stayed", "until 2 March": "disappeared"}


def test_who_is_merged_neither_stayed_nor_churned(spark: "SparkSession", tmp_path: Path) -> None:
    folder = business_copy(tmp_path)
    edit_yaml(folder / "contracts" / "customers.yaml", tell_merges)
    business = load_business(folder)
    told = {
        "merged": ["01-31", "02-28"],
        "merged when it was settled": ["01-31", "02-28", "03-31"],
        "left, then merged": ["01-31", "02-28"],
        "survivor": ["01-31", "02-28", "03-31"],
    }
    merges = [("merged", "02-28"), ("merged when it was settled", "03-31"), ("left, then merged", "02-28")]
    outcomes, _ = _labelled_with_customers(
        spark, business, told, merges, settled_on="03-30", left=["left, then merged"]
    )
    assert outcomes == {
        "merged": "merged",
        "merged when it was settled": "stayed",
        "left, then merged": "merged",  # the survivor goes on
        "survivor": "stayed",
    }


def _labelled_with_customers(
    spark: "SparkSession",
    business: Business,
    listed: dict[str, list[str]],
    merges: list[tuple[str, str]] | None = None,
    settled_on: str = "03-31",
    left: Sequence[str] = (),
) -> tuple[dict[str, str], dict[tuple[Any, ...], dict[str, Any]]]:
    """Outcomes of the cohort of January, whose spells run on but of those who `left` on 10 February.

    `listed`: when an extract lists each customer.
    """
    source = business.source("customers")
    rows = [
        (day(known), who, "active", "survivor" if (who, known) in (merges or []) else None)
        for who, days in listed.items()
        for known in days
    ]
    versions = silver(spark, source, "customer_key string, status string, merged_into_key string", rows)
    people = spark.createDataFrame([(who, AS_OF) for who in listed], "customer_key string, as_of_date date")
    dates = cohorts([month_end("2025-01")], business.file.windows, [day(settled_on)])
    ends = {"customers": [day("01-31"), day("02-28"), day("03-31")]}
    running = [version("01-07", who) for who in listed]
    ended = [version("02-14", who, "02-10", "price") for who in left]
    spells = silver(spark, SOURCE, SCHEMA, running + ended)
    told = (spells, business, dates, None, {"customers": versions}, ends)
    by_customer = by_key(churn_labels(people, *told), "customer_key")
    asked = people.where("customer_key <> 'survivor'")
    alone = by_key(churn_labels(asked, *told, few=True), "customer_key")
    assert alone == {who: row for who, row in by_customer.items() if who != ("survivor",)}
    return {who[0]: row["outcome"] for who, row in by_customer.items()}, by_customer


def test_a_spell_gone_from_a_full_source_has_not_gone_on(spark: "SparkSession", tmp_path: Path) -> None:
    told = [version("01-31", who) for who in ("gone in February", "gone in March", "listed")]
    told += [version("02-28", who) for who in ("gone in March", "listed")]
    told += [version("03-31", "listed"), version("02-14", "ended, then purged", "02-10", "price")]
    ends = {"subscriptions": [day("01-31"), day("02-28"), day("03-31")]}
    expected = {
        "censored": ("disappeared", "disappeared", "stayed", "churned"),
        "churn": ("churned", "disappeared", "stayed", "churned"),
    }
    for declared, outcomes in expected.items():
        folder = business_copy(tmp_path, people={"disappeared": declared})
        edit_yaml(folder / "contracts" / "subscriptions.yaml", deliver_all)
        business = load_business(folder)
        names = ("gone in February", "gone in March", "listed", "ended, then purged")
        people = spark.createDataFrame(
            [(who, AS_OF) for who in names], "customer_key string, as_of_date date"
        )
        dates = cohorts([month_end("2025-01")], business.file.windows, [day("03-31")])
        spells = silver(spark, business.source("subscriptions"), SCHEMA, told)
        found = outcomes_of(churn_labels(people, spells, business, dates, None, extracts=ends))
        assert found == dict(zip(names, outcomes, strict=True)), declared
