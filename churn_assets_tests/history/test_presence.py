"""Who is gone from sources that list everything, and how long that is known."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.features.population import population
from churn_assets.history.merges import merges
from churn_assets.history.presence import Extracts, departures, gone_on, is_former
from churn_assets.history.spells import running_spells
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.features.frames import JUNE, MAY, REFUSED, by_key, day, silver
from churn_assets_tests.lakes import business_copy, deliver_all, edit_yaml, tell_merges

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TELECOM = load_business(SHIPPED_BUSINESSES / "telecom")
CUSTOMERS, SUBSCRIPTIONS = TELECOM.source("customers"), TELECOM.source("subscriptions")
MONTH_ENDS = [day("04-30"), day("05-31"), day("06-30")]
EXTRACTS: Extracts = {"customers": MONTH_ENDS, "subscriptions": MONTH_ENDS}
SPELL = (
    "subscription_id string, customer_key string, started_on date, expires_on date, notice_on date, "
    "ended_on date, end_reason string"
)


def test_a_key_is_gone_from_the_first_month_that_does_not_list_it(spark: "SparkSession") -> None:
    rows = [(day(known),) for known in ("03-31", "04-30", "05-07", "05-31", "06-30", "07-31")]
    frame = spark.createDataFrame(rows, "known_at date").withColumn("gone", gone_on(CUSTOMERS, EXTRACTS))
    assert [r["gone"] for r in frame.orderBy("known_at").collect()] == [
        *(day("04-30"), day("05-31"), day("06-30"), day("06-30"), None, None)
    ]


def test_silence_of_a_source_of_changes_means_nothing(spark: "SparkSession") -> None:
    frame = spark.createDataFrame([(day("03-31"),)], "known_at date")
    for source, extracts in ((SUBSCRIPTIONS, EXTRACTS), (CUSTOMERS, {})):
        [row] = frame.select(gone_on(source, extracts).alias("gone")).collect()
        assert row["gone"] is None


def test_former_is_what_the_contract_declares(spark: "SparkSession") -> None:
    frame = spark.createDataFrame([("active",), ("former",), (None,)], "status string")
    assert [r[0] for r in frame.select(is_former(CUSTOMERS)).collect()] == [False, True, False]
    assert [r[0] for r in frame.select(is_former(SUBSCRIPTIONS)).collect()] == [False] * 3


def _listed(spark: "SparkSession", business: Business, *rows: tuple[str, str, str | None]) -> "DataFrame":
    """Versions of the customers: known_at, customer, survivor."""
    told = [(day(known), who, "active", survivor) for known, who, survivor in rows]
    schema = "customer_key string, status string, merged_into_key string"
    return silver(spark, business.source("customers"), schema, told)


@pytest.fixture(scope="module")
def merging(tmp_path_factory: pytest.TempPathFactory) -> Business:
    """The telecom business, whose customers tell into whom they were merged."""
    folder = business_copy(tmp_path_factory.mktemp("merging"), "telecom")
    edit_yaml(folder / "contracts" / "customers.yaml", tell_merges)
    return load_business(folder)


def test_the_column_of_the_survivor_is_personal_without_saying_so(merging: Business) -> None:
    source = merging.source("customers")
    assert source.merged_into == "merged_into" and source.column("merged_into").personal
    assert source.attribute("merged_into") is None


def test_whose_spell_runs_but_who_is_gone_or_merged_is_not_asked(
    spark: "SparkSession", merging: Business
) -> None:
    """Case 16: purged, erased and merged customers were eligible each month, with label 0."""
    everybody = ("stays", "purged in May", "merged in May", "back in June", "left, then purged")
    everybody += ("end refused, then purged",)
    listed = [("04-30", who, None) for who in everybody]
    listed += [("05-31", "stays", None), ("05-31", "merged in May", "stays")]
    listed += [("06-30", "stays", None), ("06-30", "back in June", None)]
    started = day("2024-01-01")
    spells = [(day("04-07"), f"S {who}", who, started, None, None, None, None) for who in everybody]
    ended = "left, then purged"
    spells.append((day("05-07"), f"S {ended}", ended, started, None, None, day("05-02"), "price"))
    refused = "end refused, then purged"
    spells.append((day("05-07"), f"S {refused}", refused, None, None, None, None, None, REFUSED))
    customers = {"customers": _listed(spark, merging, *listed)}
    subscriptions = silver(spark, merging.source("subscriptions"), SPELL, spells)
    merged = merges(customers, merging, [(day(end), day(end)) for end in ("05-31", "06-30")])
    told = population(subscriptions, merging, [MAY, JUNE], customers, EXTRACTS, merged)
    people = by_key(told, "customer_key", "as_of_index")
    assert {who: (people[who, MAY]["excluded"], people[who, JUNE]["excluded"]) for who in everybody} == {
        "stays": (None, None),
        "purged in May": ("disappeared", "disappeared"),
        "merged in May": ("merged", "merged"),
        "back in June": ("disappeared", None),
        "left, then purged": ("not_active", "not_active"),
        "end refused, then purged": ("disappeared", "disappeared"),
    }


def test_a_customer_is_gone_when_no_source_lists_him_any_more(
    spark: "SparkSession", merging: Business
) -> None:
    """One of two lists is enough to be there."""
    source = merging.source("customers")
    as_of = day("06-30")

    def newest(*rows: tuple[str, str]) -> "DataFrame":
        told = [(day(known), who, as_of, None) for known, who in rows]
        schema = "known_at date, customer_key string, as_of_date date, merged_into_key string"
        return spark.createDataFrame(told, schema)

    one = newest(("05-31", "gone from both"), ("05-31", "gone from one"), ("04-30", "gone from the only one"))
    other = newest(("04-30", "gone from both"), ("06-30", "gone from one"))
    told = departures([(source, one), (source, other)], EXTRACTS, "as_of_date")
    assert told is not None
    found = by_key(told, "customer_key")
    assert {who[0]: (row["gone_on"], row["last_seen"]) for who, row in found.items()} == {
        "gone from both": (day("06-30"), day("05-31")),
        "gone from one": (None, day("06-30")),
        "gone from the only one": (day("05-31"), day("04-30")),
    }


def test_a_spell_that_a_full_source_lists_no_more_does_not_run(spark: "SparkSession", tmp_path: Path) -> None:
    folder = business_copy(tmp_path, "telecom")
    edit_yaml(folder / "contracts" / "subscriptions.yaml", deliver_all)
    business = load_business(folder)

    def row(known: str, who: str, spell: str, *more: str) -> tuple[object, ...]:
        started = None if more else day("2024-01-01")
        return (day(known), f"S {who} {spell}", who, started, None, None, None, None, *more)

    rows = [
        *(row(known, "stays", "1") for known in ("04-30", "05-31")),
        row("04-30", "vanishes", "1"),
        *(row("04-30", "one of two", spell) for spell in ("1", "2")),
        row("05-31", "one of two", "2"),
        row("04-30", "refused, then gone", "1", REFUSED),
    ]
    versions = silver(spark, business.source("subscriptions"), SPELL, rows)
    extracts: Extracts = {"subscriptions": [date(2025, 4, 30), date(2025, 5, 31)]}
    spells = running_spells(versions, business, business.source("subscriptions"), [MAY], extracts)
    found = by_key(spells, "customer_key")
    assert {who[0]: (r["running"], r["unknown"], r["vanished"]) for who, r in found.items()} == {
        "stays": (True, False, False),
        "vanishes": (False, False, True),
        "one of two": (True, False, False),
        "refused, then gone": (False, False, True),
    }
