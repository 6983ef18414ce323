"""The truth table of labels: every boundary day, every policy, and labels that stay as they were settled."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.contracts.windows import Windows
from churn_assets.features.labels import OUTCOMES, churn_labels, cohorts
from churn_assets.months import month_end, month_from_index, month_index
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.features.frames import REFUSED, by_key, day, silver
from churn_assets_tests.lakes import business_copy, deliver_all, edit_yaml, tell_merges

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TELECOM = load_business(SHIPPED_BUSINESSES / "telecom")
SOURCE = TELECOM.source("subscriptions")
SCHEMA = (
    "subscription_id string, customer_key string, started_on date, expires_on date, "
    "ended_on date, end_reason string"
)
# as_of 31 January: gap to 7 February, outcome window to 9 March, settled on 12 March
AS_OF = date(2025, 1, 31)
Version = tuple[date, str, str, date | None, date | None, date | None, str | None, str]


def version(
    known: str,
    who: str,
    ended: str | None = None,
    reason: str | None = None,
    *,
    started: str = "2024-01-01",
    expires: str | None = None,
    spell: str = "1",
) -> Version:
    """A delivered version of a subscription."""
    dates = [day(d) if d else None for d in (expires, ended)]
    return (day(known), f"S {who} {spell}", who, day(started), dates[0], dates[1], reason, "accepted")


def refused(known: str, who: str, spell: str = "1") -> Version:
    """A version of a subscription whose row was refused."""
    return (day(known), f"S {who} {spell}", who, None, None, None, None, REFUSED)


def daily_until(last: date) -> list[date]:
    """Extracts of every day of a year."""
    return [last - timedelta(days=back) for back in range(365)]


def labels(
    spark: "SparkSession",
    business: Business,
    versions: list[Version],
    known_until: str = "03-31",
    settled: "DataFrame | None" = None,
    months: tuple[str, ...] = ("2025-01",),
) -> "DataFrame":
    """Labels of everybody in `versions` at the ends of `months`."""
    people = sorted({(v[2], month_end(m)) for v in versions for m in months})
    snapshots = spark.createDataFrame(people, "customer_key string, as_of_date date")
    dates = cohorts(months, business.file.windows, daily_until(day(known_until)))
    return churn_labels(snapshots, silver(spark, SOURCE, SCHEMA, versions), business, dates, settled)


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


def _named(cases: dict[str, tuple[list[Version], str]]) -> list[Version]:
    """The versions of all cases, each case a customer of its own."""
    return [(v[0], f"{v[1]} {name}", name, *v[3:]) for name, (versions, _) in cases.items() for v in versions]


def _outcomes(frame: "DataFrame") -> dict[str, str]:
    return {key[0]: row["outcome"] for key, row in by_key(frame, "customer_key").items()}


def test_cancellation_at_every_boundary(spark: "SparkSession") -> None:
    found = by_key(labels(spark, TELECOM, _named(CANCELLATION)), "customer_key")
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
    found = _outcomes(labels(spark, load_business(folder), _named(cases)))
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
    found = _outcomes(labels(spark, load_business(folder), _named(cases)))
    assert found == {name: outcome for name, (_, outcome) in cases.items()}


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
    dates = cohorts(["2025-01"], shop.file.windows, daily_until(day("08-31")))
    assert _outcomes(churn_labels(snapshots, events, shop, dates, None)) == {
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
    dates = cohorts(["2025-01"], shop.file.windows, daily_until(day("08-31")))
    found = churn_labels(snapshots, events, shop, dates, None)
    assert _outcomes(found) == {who: outcome for who, _, _, outcome in rows}
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
    dates = cohorts(["2025-01"], business.file.windows, daily_until(day("03-31")))
    assert _outcomes(churn_labels(snapshots, events, business, dates, None)) == {
        who: outcome for _, who, _, outcome in tickets
    }


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
    assert _outcomes(labels(spark, TELECOM, corrected))["a"] == "churned"


def test_a_pending_label_settles_and_one_of_another_rule_does_not_bind(
    spark: "SparkSession", tmp_path: Path
) -> None:
    versions = [version("02-21", "a", "02-20", "price")]
    pending = labels(spark, TELECOM, versions, known_until="02-28").localCheckpoint()
    assert _outcomes(pending) == {"a": "pending"}
    settled = labels(spark, TELECOM, versions, settled=pending).localCheckpoint()
    assert _outcomes(settled) == {"a": "churned"}
    windows = {"observation_months": 6, "gap_days": 21, "outcome_days": 14, "settlement_days": 3}
    other = load_business(business_copy(tmp_path, windows=windows))
    found = by_key(labels(spark, other, versions, settled=settled), "customer_key")["a",]
    assert (found["outcome"], found["corrected"], found["gap_days"]) == ("ended_in_gap", False, 21)


MONTHS = st.integers(month_index("1999-12"), month_index("2101-01")).map(month_from_index)
WINDOWS = st.builds(
    Windows,
    observation_months=st.integers(1, 12),
    gap_days=st.integers(0, 60),
    outcome_days=st.integers(1, 200),
    settlement_days=st.integers(0, 30),
)


@given(month=MONTHS, windows=WINDOWS, offset=st.integers(-3, 3))
def test_dates_of_a_cohort(month: str, windows: Windows, offset: int) -> None:
    """gap, outcome window and settlement follow each other without a hole; mature from label_available_at on."""
    [cohort] = cohorts([month], windows, [])
    assert not cohort.mature
    assert cohort.as_of_date.strftime("%Y-%m") == month
    assert (cohort.as_of_date + timedelta(days=1)).day == 1
    assert (cohort.gap_end - cohort.as_of_date).days == windows.gap_days
    assert (cohort.outcome_end - cohort.gap_end).days == windows.outcome_days
    assert (cohort.label_available_at - cohort.as_of_date).days == windows.maturity_days
    known = cohort.label_available_at + timedelta(days=offset)
    assert cohorts([month], windows, [known])[0].mature is (offset >= 0)


def test_the_first_extract_after_the_lag_settles(spark: "SparkSession") -> None:
    """Extracts on days 7 and 14: the window ends on 9 March, and what happened that day is told on the 14th."""
    dates = cohorts(["2025-01"], Windows(), [day("03-07"), day("03-14"), day("03-21")])
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
    assert _outcomes(found) == {"in time": "churned", "a correction": "stayed"}


@given(windows=WINDOWS, first=MONTHS)
def test_cohorts_mature_in_order(windows: Windows, first: str) -> None:
    months = [month_from_index(month_index(first) + i) for i in range(6)]
    known = month_end(months[3])
    mature = [c.mature for c in cohorts(months, windows, [known])]
    assert mature == sorted(mature, reverse=True)


@pytest.mark.parametrize("month", ["2024-02", "2025-02", "2024-12"])
def test_as_of_is_the_last_day_also_in_leap_years(month: str) -> None:
    last: dict[str, Any] = {
        "2024-02": date(2024, 2, 29),
        "2025-02": date(2025, 2, 28),
        "2024-12": date(2024, 12, 31),
    }
    assert cohorts([month], Windows(), [])[0].as_of_date == last[month]


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
    dates = cohorts(["2025-01"], business.file.windows, [day(settled_on)])
    ends = {"customers": [day("01-31"), day("02-28"), day("03-31")]}
    running = [version("01-07", who) for who in listed]
    ended = [version("02-14", who, "02-10", "price") for who in left]
    spells = silver(spark, SOURCE, SCHEMA, running + ended)
    found = churn_labels(people, spells, business, dates, None, {"customers": versions}, ends)
    by_customer = by_key(found, "customer_key")
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
        dates = cohorts(["2025-01"], business.file.windows, [day("03-31")])
        spells = silver(spark, business.source("subscriptions"), SCHEMA, told)
        found = _outcomes(churn_labels(people, spells, business, dates, None, extracts=ends))
        assert found == dict(zip(names, outcomes, strict=True)), declared
