"""The truth table of labels: every boundary day, every policy, and labels that stay as they were settled."""

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.contracts.windows import Windows
from churn_assets.features.labels import OUTCOMES, churn_labels, cohorts
from churn_assets.months import month_end
from churn_assets_tests.features.frames import by_key, day, silver
from churn_assets_tests.features.spells import (
    AS_OF,
    SCHEMA,
    SOURCE,
    TELECOM,
    Version,
    daily_until,
    labels,
    named,
    outcomes_of,
    refused,
    version,
)
from churn_assets_tests.lakes import business_copy

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


CANCELLATION: dict[str, tuple[list[Version], str]] = {
    "runs on": ([version("01-07", "")], "stayed"),
    "ends on the as_of_date": ([version("02-07", "", "01-31", "price")], "ended_before"),
    "ends a day after": ([version("02-07", "", "02-01", "price")], "ended_in_gap"),
    "ends on the last day of the gap": ([version("02-14", "", "02-07", "price")], "ended_in_gap"),
    "ends a day after the gap": ([version("02-14", "", "02-08", "price")], "churned"),
    "ends on the last day of the window": ([version("03-12", "", "03-09", "other")], "churned"),
    "ends a day after the window": ([version("03-12", "", "03-10", "other")], "stayed"),
    "is thrown out": ([version("02-21", "", "02-20", "fraud")], "involuntary_end"),
    "is thrown out in the gap": ([version("02-07", "", "02-05", "fraud")], "ended_in_gap"),
    "ends for no stated reason": ([version("02-21", "", "02-20", None)], "involuntary_end"),
    "ended, known on the day of settlement": (
        [version("01-07", ""), version("03-12", "", "02-20", "price")],
        "churned",
    ),
    "ended, known a day too late": ([version("01-07", ""), version("03-13", "", "02-20", "price")], "stayed"),
    "its newest row was refused": ([version("01-07", ""), refused("02-21", "")], "unknown"),
    "its only row was refused": ([refused("01-07", "")], "unknown"),
    "a good row followed the refused one": (
        [version("01-07", ""), refused("02-21", ""), version("02-28", "")],
        "stayed",
    ),
    "a row was refused a day too late": ([version("01-07", ""), refused("03-13", "")], "stayed"),
    "a row of another spell was refused": (
        [version("01-07", ""), version("01-07", "", spell="2"), refused("02-21", "", "2")],
        "stayed",
    ),
    "one spell ended, a row of another was refused": (
        [version("02-21", "", "02-20", "price"), version("01-07", "", spell="2"), refused("02-21", "", "2")],
        "unknown",
    ),
    "took the end back": ([version("02-07", "", "02-20", "price"), version("02-14", "")], "stayed"),
    "comes back within the renewal days": (
        [version("02-21", "", "02-20", "price"), version("02-28", "", started="02-23", spell="2")],
        "stayed",
    ),
    "comes back a day later": (
        [version("02-21", "", "02-20", "price"), version("02-28", "", started="02-24", spell="2")],
        "churned",
    ),
    "comes back on the last day that settlement can tell": (
        [version("03-09", "", "03-09", "price"), version("03-12", "", started="03-12", spell="2")],
        "stayed",
    ),
    "changes over without a gap": (
        [version("02-21", "", "02-20", "price"), version("02-21", "", started="02-15", spell="2")],
        "stayed",
    ),
    "comes back twice": (
        [
            version("02-14", "", "02-10", "price"),
            version("02-21", "", "02-20", "price", started="02-12", spell="2"),
            version("02-28", "", started="02-22", spell="3"),
        ],
        "stayed",
    ),
    "comes back and leaves again": (
        [
            version("02-14", "", "02-10", "price"),
            version("02-28", "", "02-25", "price", started="02-12", spell="2"),
        ],
        "churned",
    ),
    "comes back and is thrown out": (
        [
            version("02-14", "", "02-10", "price"),
            version("02-28", "", "02-25", "fraud", started="02-12", spell="2"),
        ],
        "involuntary_end",
    ),
    "changes over in the gap and leaves in the window": (
        [
            version("02-07", "", "02-05", "price"),
            version("02-21", "", "02-20", "price", started="02-06", spell="2"),
        ],
        "churned",
    ),
    "changes over in the window and leaves after it": (
        [
            version("02-14", "", "02-10", "price"),
            version("03-12", "", "03-10", "price", started="02-11", spell="2"),
        ],
        "stayed",
    ),
    "comes back for a day while the other spell runs on": (
        [
            version("02-14", "", "02-10", "price"),
            version("02-21", "", "02-20", "price", spell="2"),
            version("02-14", "", "02-13", "price", started="02-12", spell="3"),
        ],
        "churned",
    ),
    "one of two spells ends": (
        [version("02-21", "", "02-20", "price"), version("01-07", "", spell="2")],
        "stayed",
    ),
    "both spells end, the last by choice": (
        [version("02-14", "", "02-10", "fraud"), version("02-28", "", "02-20", "price", spell="2")],
        "churned",
    ),
    "both spells end on one day, one of them by choice": (
        [version("02-21", "", "02-20", "price"), version("02-21", "", "02-20", "fraud", spell="2")],
        "churned",
    ),
    "the same, told the other way round": (
        [version("02-21", "", "02-20", "fraud"), version("02-21", "", "02-20", "price", spell="2")],
        "churned",
    ),
    "had another spell before": (
        [
            version("2024-07-07", "", "2024-06-30", "price", started="2024-01-01", spell="0"),
            version("01-07", ""),
        ],
        "stayed",
    ),
}


def test_cancellation_at_every_boundary(spark: "SparkSession") -> None:
    found = by_key(labels(spark, TELECOM, named(CANCELLATION)), "customer_key")
    assert {k[0]: row["outcome"] for k, row in found.items()} == {
        n: outcome for n, (_, outcome) in CANCELLATION.items()
    }
    expected = {"churned": 1, "stayed": 0}
    assert all(row["label"] == expected.get(row["outcome"]) for row in found.values())
    assert all(
        row["label_available_at"] == date(2025, 3, 12) and not row["corrected"] for row in found.values()
    )
    one = found["runs on",]
    assert (one["policy"], one["gap_days"], one["outcome_days"], one["settlement_days"]) == (
        "cancellation",
        7,
        30,
        3,
    )
    assert {row["outcome"] for row in found.values()} < set(OUTCOMES)


def test_without_renewal_days_only_a_change_over_counts(spark: "SparkSession", tmp_path: Path) -> None:
    """An end is the last day: whoever goes on the next day was never away."""
    folder = business_copy(tmp_path, label={"policy": "cancellation", "source": "subscriptions"})
    ended = version("02-21", "", "02-20", "price")
    cases = {
        "next day": ([ended, version("02-28", "", started="02-21", spell="2")], "stayed"),
        "two days later": ([ended, version("02-28", "", started="02-22", spell="2")], "churned"),
    }
    found = outcomes_of(labels(spark, load_business(folder), named(cases)))
    assert found == {name: outcome for name, (_, outcome) in cases.items()}


def test_lapse(spark: "SparkSession", tmp_path: Path) -> None:
    folder = business_copy(tmp_path, label={"policy": "lapse", "source": "subscriptions", "renewal_days": 3})
    cases: dict[str, tuple[list[Version], str]] = {
        "expires later": ([version("01-07", "", expires="03-10")], "stayed"),
        "expires in the gap": ([version("01-07", "", expires="02-07")], "ended_in_gap"),
        "expires on the first day of the window": ([version("01-07", "", expires="02-08")], "churned"),
        "expires on its last day": ([version("01-07", "", expires="03-09")], "churned"),
        "is renewed": (
            [version("01-07", "", expires="02-20"), version("02-28", "", expires="2026-02-20")],
            "stayed",
        ),
        "is renewed too late to count": (
            [version("01-07", "", expires="02-20"), version("03-14", "", expires="2026-02-20")],
            "churned",
        ),
        "buys again in time": (
            [version("01-07", "", expires="02-20"), version("02-28", "", started="02-23", spell="2")],
            "stayed",
        ),
        "is thrown out": ([version("02-21", "", "02-20", "fraud", expires="2026-01-01")], "involuntary_end"),
        "never expires": ([version("01-07", "")], "stayed"),
    }
    found = outcomes_of(labels(spark, load_business(folder), named(cases)))
    assert found == {name: outcome for name, (_, outcome) in cases.items()}


def test_before_its_time_a_label_is_null_and_pending(spark: "SparkSession") -> None:
    versions = [version("02-14", "left", "02-10", "price"), version("01-07", "stays")]
    found = by_key(
        labels(spark, TELECOM, versions, known_until="04-08", months=("2025-01", "2025-02")),
        "customer_key",
        "as_of_date",
    )
    assert (found["left", AS_OF]["label"], found["stays", AS_OF]["label"]) == (1, 0)
    february = date(2025, 2, 28)  # settled on 9 April
    assert [(found[w, february]["label"], found[w, february]["outcome"]) for w in ("left", "stays")] == [
        (None, "pending")
    ] * 2


def test_a_settled_label_is_kept_and_the_correction_flagged(spark: "SparkSession") -> None:
    """An extract that is delivered again for a past date changes what was known; a settled label stays."""
    before = labels(spark, TELECOM, [version("01-07", "a"), version("01-07", "b")]).localCheckpoint()
    corrected = [version("01-07", "a"), version("03-07", "a", "02-20", "price"), version("01-07", "b")]
    after = by_key(labels(spark, TELECOM, corrected, settled=before), "customer_key")
    a, b = after["a",], after["b",]
    assert (a["label"], a["outcome"], a["ended_on"], a["corrected"]) == (0, "stayed", None, True)
    assert (b["label"], b["corrected"]) == (0, False)
    assert outcomes_of(labels(spark, TELECOM, corrected))["a"] == "churned"


def test_a_pending_label_settles_and_one_of_another_rule_does_not_bind(
    spark: "SparkSession", tmp_path: Path
) -> None:
    versions = [version("02-21", "a", "02-20", "price")]
    pending = labels(spark, TELECOM, versions, known_until="02-28").localCheckpoint()
    assert outcomes_of(pending) == {"a": "pending"}
    settled = labels(spark, TELECOM, versions, settled=pending).localCheckpoint()
    assert outcomes_of(settled) == {"a": "churned"}
    windows = {"observation_months": 6, "gap_days": 21, "outcome_days": 14, "settlement_days": 3}
    other = load_business(business_copy(tmp_path, windows=windows))
    found = by_key(labels(spark, other, versions, settled=settled), "customer_key")["a",]
    assert (found["outcome"], found["corrected"], found["gap_days"]) == ("ended_in_gap", False, 21)


def test_who_handed_a_spell_over_has_none_whether_all_or_few_are_asked(spark: "SparkSession") -> None:
    """One subscription, first of one customer and then of another: its newest version tells whose it is."""
    ended = (day("02-14"), "S a 1", "b", *version("02-14", "b", "02-10", "price")[3:])
    spells = silver(spark, SOURCE, SCHEMA, [version("01-07", "a"), ended])
    dates = cohorts([AS_OF], Windows(), daily_until(day("03-31")))
    for few in (False, True):
        for who, outcome in (("a", "ended_before"), ("b", "churned")):
            asked = spark.createDataFrame([(who, AS_OF)], "customer_key string, as_of_date date")
            found = churn_labels(asked, spells, TELECOM, dates, None, few=few)
            assert outcomes_of(found) == {who: outcome}, few


def test_the_first_extract_after_the_lag_settles(spark: "SparkSession") -> None:
    """Extracts on days 7 and 14: the window ends on 9 March, and what happened that day is told on the 14th."""
    dates = cohorts([month_end("2025-01")], Windows(), [day("03-07"), day("03-14"), day("03-21")])
    assert (dates[0].label_available_at, dates[0].mature) == (day("03-14"), True)
    told = [
        version("01-07", "in time"),
        version("03-14", "in time", "03-09", "price"),
        version("01-07", "a correction"),
        version("03-21", "a correction", "03-09", "price"),
    ]
    people = [("in time", AS_OF), ("a correction", AS_OF)]
    snapshots = spark.createDataFrame(people, "customer_key string, as_of_date date")
    found = churn_labels(snapshots, silver(spark, SOURCE, SCHEMA, told), TELECOM, dates, None)
    assert outcomes_of(found) == {"in time": "churned", "a correction": "stayed"}


@pytest.mark.parametrize(
    ("as_of", "ended", "outcome"),
    [
        ("01-10", "01-17", "ended_in_gap"),
        ("01-10", "01-18", "churned"),
        ("01-10", "02-16", "churned"),
        ("01-10", "02-17", "stayed"),
        ("02-01", "02-09", "churned"),
        ("02-28", "03-07", "ended_in_gap"),
    ],
)
def test_an_outcome_counts_from_whatever_day(
    spark: "SparkSession", as_of: str, ended: str, outcome: str
) -> None:
    """Seven days of gap and thirty of outcome follow any as_of_date, as they do a month end."""
    known = [version("01-07", "a"), version(ended, "a", ended, "price")]
    snapshots = spark.createDataFrame([("a", day(as_of))], "customer_key string, as_of_date date")
    dates = cohorts([day(as_of)], Windows(), daily_until(day("12-31")))
    found = churn_labels(snapshots, silver(spark, SOURCE, SCHEMA, known), TELECOM, dates, None)
    assert outcomes_of(found) == {"a": outcome}
    assert dates[0].label_available_at == day(as_of) + timedelta(days=40)


def test_a_label_as_of_a_day_within_a_month_uses_nothing_known_after_it_settles(
    spark: "SparkSession",
) -> None:
    """As of 10 January: settled on 19 February, whatever becomes known on the 20th."""
    versions = [version("01-07", "a"), version("02-20", "a", "02-10", "price")]
    snapshots = spark.createDataFrame([("a", day("01-10"))], "customer_key string, as_of_date date")
    dates = cohorts([day("01-10")], Windows(), daily_until(day("12-31")))
    found = churn_labels(snapshots, silver(spark, SOURCE, SCHEMA, versions), TELECOM, dates, None)
    assert outcomes_of(found) == {"a": "stayed"}
