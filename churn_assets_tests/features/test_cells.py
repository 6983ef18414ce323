"""Windows over events, on frames whose answers are counted by hand."""

from datetime import UTC, date, datetime, timedelta
from math import fsum
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.features.cells import features_from_cells, monthly_cells, reach_months, terms_of
from churn_assets.history import knowledge
from churn_assets.history.knowledge import from_to
from churn_assets.history.periods import MONTHS, Periods
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.features.frames import JULY, JUNE, MAY, by_key, day, declared, silver

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TELECOM = load_business(SHIPPED_BUSINESSES / "telecom")
Found = dict[tuple[Any, ...], dict[str, Any]]

# customer, day of use, day on which it became known, value
USAGE = [
    ("bounds", "03-31", "04-07", 1000.0),
    ("bounds", "04-01", "04-07", 1.0),
    ("bounds", "06-30", "06-30", 2.0),
    ("bounds", "07-01", "07-07", 4000.0),
    ("week", "06-16", "06-21", 100.0),
    ("week", "06-17", "06-21", 1000.0),
    ("week", "06-23", "06-30", 1.0),
    ("week", "06-24", "06-30", 10.0),
    ("late", "06-10", "06-14", 5.0),
    ("late", "06-11", "07-07", 7.0),
    ("corrected", "05-05", "05-07", 10.0),
    ("corrected", "05-05", "07-14", 30.0),
    ("corrected at once", "06-05", "06-07", 1.0),
    ("corrected at once", "06-05", "06-14", 2.0),
    ("rising", "05-20", "05-21", 10.0),
    ("rising", "06-20", "06-21", 30.0),
    ("gone", "05-20", "05-21", 10.0),
    ("came", "06-20", "06-21", 10.0),
    ("idle", "05-20", "05-21", 0.0),
    ("gave back", "05-20", "05-21", 10.0),
    ("gave back", "06-20", "06-21", -8.0),
    ("gave back before", "05-20", "05-21", -8.0),
    ("gave back before", "06-20", "06-21", 10.0),
    ("gave all back", "05-20", "05-21", 10.0),
    ("gave all back", "06-20", "06-21", 6.0),
    ("gave all back", "06-21", "06-22", -6.0),
    ("long ago", "2024-02-29", "2024-03-07", 9.0),
]


@pytest.fixture(scope="module")
def usage(spark: "SparkSession") -> Found:
    """Features of all customers of USAGE at the ends of June and July."""
    source = TELECOM.source("usage")
    schema = "customer_key string, day date, data_mb double"
    rows = [(day(known), who, day(on), value) for who, on, known, value in USAGE]
    features = declared(
        source,
        {"aggregate": "sum", "measure": "data_mb", "months": [1, 3], "days": [7, 14]},
        {"aggregate": "mean", "measure": "data_mb", "months": [3], "days": [14]},
        {"aggregate": "count", "months": [1, 3], "days": [7]},
        {"aggregate": "count", "name": "heavy", "where": "data_mb >= 10", "months": [3]},
        {"aggregate": "trend", "measure": "data_mb", "months": [1]},
        {"aggregate": "recency"},
        {"aggregate": "tenure"},
        {"aggregate": "count_ever"},
    )
    terms = list(dict.fromkeys(t for f in features for t in terms_of(f)))
    cells = monthly_cells(silver(spark, source, schema, rows), source, terms)
    return by_key(features_from_cells(cells, [JUNE, JULY], features), "customer_key", "as_of_index")


def test_a_window_is_open_on_the_left_and_closed_on_the_right(usage: Found) -> None:
    june, july = usage["bounds", JUNE], usage["bounds", JULY]
    assert june["usage_data_mb_sum_3m"] == 1 + 2  # 1 April to 30 June; 31 March is outside, 1 July not yet
    assert june["usage_data_mb_sum_1m"] == 2
    assert july["usage_data_mb_sum_3m"] == 2 + 4000
    assert (june["usage_count_3m"], july["usage_count_3m"]) == (2, 2)


def test_the_last_7_and_14_days_include_the_as_of_date(usage: Found) -> None:
    found = usage["week", JUNE]
    assert found["usage_data_mb_sum_7d"] == 10  # 24 to 30 June
    assert found["usage_data_mb_sum_14d"] == 1000 + 1 + 10  # 17 to 30 June
    assert found["usage_data_mb_mean_14d"] == pytest.approx(1011 / 3)
    assert found["usage_count_7d"] == 1
    # in July those days are over
    assert (usage["week", JULY]["usage_data_mb_sum_7d"], usage["week", JULY]["usage_data_mb_mean_14d"]) == (
        0,
        None,
    )


def test_a_late_row_counts_only_from_when_it_was_known(usage: Found) -> None:
    assert usage["late", JUNE]["usage_data_mb_sum_3m"] == 5
    assert usage["late", JULY]["usage_data_mb_sum_3m"] == 5 + 7
    assert (usage["late", JUNE]["usage_recency_days"], usage["late", JULY]["usage_recency_days"]) == (20, 50)


def test_a_corrected_row_has_its_old_value_before_and_its_new_one_after(usage: Found) -> None:
    assert usage["corrected", JUNE]["usage_data_mb_sum_3m"] == 10
    assert usage["corrected", JULY]["usage_data_mb_sum_3m"] == 30
    assert (usage["corrected", JULY]["usage_count_3m"], usage["corrected", JULY]["usage_heavy_count_3m"]) == (
        1,
        1,
    )
    assert usage["corrected at once", JUNE]["usage_data_mb_sum_1m"] == 2


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("rising", 0.5),
        ("gone", -1.0),
        ("came", 1.0),
        ("idle", None),
        ("gave back", None),
        ("gave back before", None),
        ("gave all back", -1.0),
    ],
)
def test_trend_compares_a_window_with_the_one_before(usage: Found, who: str, expected: float | None) -> None:
    assert usage[who, JUNE]["usage_data_mb_trend_1m"] == expected


def test_mean_over_nothing_is_unknown_and_so_is_a_recency_beyond_the_window(usage: Found) -> None:
    found = usage["long ago", JUNE]
    assert (found["usage_data_mb_sum_3m"], found["usage_data_mb_mean_3m"]) == (0, None)
    days = (day("06-30") - day("2024-02-29")).days
    assert (found["usage_recency_days"], found["tenure_days"]) == (None, days)
    assert usage["bounds", JUNE]["usage_recency_days"] == 0


def test_events_before_the_window_change_no_windowed_feature(spark: "SparkSession") -> None:
    """The length of the history leaks into nothing: what is older than W may as well not be there."""
    source = TELECOM.source("tickets")
    features = declared(
        source,
        {"aggregate": "sum", "measure": "message_count", "months": [1, 3, 6], "days": [7]},
        {"aggregate": "mean", "measure": "satisfaction", "months": [3, 6]},
        {"aggregate": "count", "months": [6]},
        {"aggregate": "count", "name": "open", "where": "closed_at is null", "months": [6]},
        {"aggregate": "share", "category": "category", "value": "network", "months": [6]},
        {"aggregate": "trend", "measure": "message_count", "months": [1, 3]},
        {"aggregate": "recency"},
        {"aggregate": "recency", "name": "network", "where": "category = 'network'"},
    )
    random, rows = Random(11), []
    for number in range(400):
        opened = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=random.randrange(540))
        known = opened.date() + timedelta(days=random.choice([0, 3, 40]))
        closed = random.choice([None, opened])
        told = (random.choice(["network", "billing"]), random.choice([None, 1, 5]), random.randrange(4))
        rows.append((known, f"T{number}", f"C{number % 40}", opened, closed, *told))
    schema = (
        "ticket_id string, customer_key string, opened_at timestamp, closed_at timestamp, category string, "
        "satisfaction int, message_count int"
    )
    terms = list(dict.fromkeys(t for f in features for t in terms_of(f)))

    def found(told: list[tuple[Any, ...]]) -> Found:
        cells = monthly_cells(silver(spark, source, schema, told), source, terms)
        table = features_from_cells(cells, [MAY], features).drop("known_index")
        return by_key(table, "customer_key", "as_of_index")

    begins = datetime(2024, 12, 1, tzinfo=UTC)  # six months that end on 31 May
    whole, cut = found(rows), found([row for row in rows if row[3] >= begins])
    assert len(rows) > 2 * sum(row[3] >= begins for row in rows), "most are older"
    assert len(cut) > 20
    assert {key: row for key, row in whole.items() if key in cut} == cut
    assert all(set(row.values()) <= {None, 0.0, key[0], MAY} for key, row in whole.items() if key not in cut)


def test_all_that_ever_happened_is_counted_as_it_was_known(usage: Found) -> None:
    ever = {who: found["usage_count_ever"] for (who, month), found in usage.items() if month == JUNE}
    assert (ever["bounds"], ever["long ago"], ever["late"], ever["corrected"]) == (3, 1, 1, 1)
    assert (usage["bounds", JULY]["usage_count_ever"], usage["late", JULY]["usage_count_ever"]) == (4, 2)
    assert usage["corrected", JULY]["usage_count_ever"] == 1


def test_tickets_that_are_closed_and_recategorised_later(spark: "SparkSession") -> None:
    """An event whose key has no day: closing and changing it are versions. Seconds before midnight are still June."""
    source = TELECOM.source("tickets")
    schema = (
        "ticket_id string, customer_key string, opened_at timestamp, closed_at timestamp, category string, "
        "priority int, satisfaction int"
    )
    noon = datetime(2025, 6, 10, 12, tzinfo=UTC)
    rows = [
        (day("06-14"), "T1", "a", noon, None, "billing", 1, None),
        (day("07-07"), "T1", "a", noon, datetime(2025, 7, 2, tzinfo=UTC), "network", 1, 2),
        (
            day("06-30"),
            "T2",
            "a",
            datetime(2025, 6, 30, 23, 59, 59, tzinfo=UTC),
            datetime(2025, 6, 30, 23, 59, 59, tzinfo=UTC),
            "network",
            3,
            5,
        ),
        (day("07-07"), "T3", "a", datetime(2025, 7, 1, tzinfo=UTC), None, "other", 2, None),
    ]
    features = declared(
        source,
        {"aggregate": "count", "months": [1]},
        {"aggregate": "count", "name": "open", "where": "closed_at is null", "months": [3]},
        {"aggregate": "count", "name": "urgent", "where": "priority = 1", "months": [3]},
        {"aggregate": "share", "category": "category", "value": "network", "months": [3]},
        {"aggregate": "mean", "measure": "satisfaction", "months": [3]},
    )
    terms = list(dict.fromkeys(t for f in features for t in terms_of(f)))
    cells = monthly_cells(silver(spark, source, schema, rows), source, terms)
    found = by_key(features_from_cells(cells, [JUNE, JULY], features), "as_of_index")

    def values(index: int) -> list[Any]:
        names = (
            "count_1m",
            "open_count_3m",
            "urgent_count_3m",
            "category_network_share_3m",
            "satisfaction_mean_3m",
        )
        return [found[index,][f"tickets_{n}"] for n in names]

    assert values(JUNE) == [2, 1, 1, 0.5, 5.0]
    assert values(JULY) == [1, 1, 1, pytest.approx(2 / 3), 3.5]


@pytest.fixture(scope="module")
def deliveries(spark: "SparkSession") -> "DataFrame":
    """Random days of use, some of them delivered late, some corrected several times."""
    source, random = TELECOM.source("usage"), Random(11)
    start = day("01-01")
    rows = []
    for _ in range(600):
        on = start + timedelta(days=random.randrange(150))
        for _ in range(random.choice((1, 1, 1, 2, 4))):
            known = on + timedelta(days=random.choice((0, 3, 6, 12, 30, 45, 90)))
            rows.append((known, f"c{random.randrange(8)}", on, float(random.randrange(100))))
    return silver(spark, source, "customer_key string, day date, data_mb double", rows).persist()


@pytest.mark.parametrize("few", [knowledge.FEW, 100])
@pytest.mark.parametrize("periods", [MONTHS, Periods(15), Periods(30)])
def test_the_short_way_to_validity_agrees_with_the_long_one(
    deliveries: "DataFrame", periods: Periods, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(knowledge, "FEW", few)
    columns = ["customer_key", "day", "known_at", "data_mb", "known_index", "superseded_index"]
    source = TELECOM.source("usage")
    long, short = (
        sorted(map(tuple, way(deliveries, source, periods).select(*columns).collect()), key=repr)
        for way in (knowledge.with_validity, knowledge.with_validity_by_exception)
    )
    assert any(row[-1] is not None for row in long)
    assert long == short


@pytest.mark.parametrize("end_day", [1, 15, 28, 29, 30, 31])
def test_at_the_end_of_a_period_the_newest_version_of_each_key_counts(
    deliveries: "DataFrame", end_day: int
) -> None:
    """The versions are looked up by hand, whatever months and periods are."""
    periods, source = Periods(end_day), TELECOM.source("usage")
    valid = knowledge.with_validity_by_exception(deliveries, source, periods)
    found: dict[Any, list[Any]] = {}
    for row in knowledge.at_each(valid, range(MAY - 3, JULY)).collect():
        found.setdefault((row["as_of_index"], row["customer_key"], row["day"]), []).append(row["data_mb"])
    expected = {}
    versions = sorted(deliveries.collect(), key=lambda row: (row["known_at"], row["sequence"]))
    for index in range(MAY - 3, JULY):
        for row in versions:
            if row["known_at"] <= periods.end(index):
                expected[index, row["customer_key"], row["day"]] = [row["data_mb"]]
    assert found == expected


@pytest.mark.parametrize("last", ["2025-06-01", "2025-06-15", "2025-06-28", "2025-06-29", "2025-06-30"])
def test_windows_end_on_any_day(deliveries: "DataFrame", last: str) -> None:
    """Each feature is counted by hand between two days."""
    end, source = day(last), TELECOM.source("usage")
    periods = Periods.that_end_on(end)
    index = periods.index(end)
    features = declared(
        source,
        {"aggregate": "sum", "measure": "data_mb", "months": [1, 3], "days": [7, 14]},
        {"aggregate": "count", "months": [1]},
        {"aggregate": "trend", "measure": "data_mb", "months": [1]},
        {"aggregate": "recency"},
        {"aggregate": "tenure"},
    )
    terms = list(dict.fromkeys(t for f in features for t in terms_of(f)))
    cells = monthly_cells(deliveries, source, terms, periods)
    found = by_key(features_from_cells(cells, [index], features, None, periods), "customer_key")
    newest = {}
    for row in sorted(deliveries.collect(), key=lambda row: (row["known_at"], row["sequence"])):
        if row["known_at"] <= end:
            newest[row["customer_key"], row["day"]] = row["data_mb"]
    assert len(found) > 5
    for (who,), row in found.items():
        told = {on: value for (key, on), value in newest.items() if key == who}

        def total(after: date, told: dict[date, float] = told, until: date = end) -> float:
            return fsum(value for on, value in told.items() if after < on <= until)

        month, before, quarter = (periods.end(index - months) for months in (1, 2, 3))
        now, earlier = total(month), total(before, until=month)
        assert row["usage_data_mb_sum_1m"] == now
        assert row["usage_data_mb_sum_3m"] == total(quarter)
        assert row["usage_data_mb_sum_7d"] == total(end - timedelta(days=7))
        assert row["usage_data_mb_sum_14d"] == total(end - timedelta(days=14))
        assert row["usage_count_1m"] == sum(month < on <= end for on in told)
        assert row["usage_data_mb_trend_1m"] == (now - earlier) / (now + earlier)
        assert row["usage_recency_days"] == (end - max(on for on in told if on <= end)).days
        assert row["tenure_days"] == (end - min(told)).days


@pytest.mark.jvm(reason="reads the plan of Spark")
@pytest.mark.parametrize(("few", "broadcast"), [(knowledge.FEW, True), (100, False)])
def test_only_few_late_versions_are_held_in_memory(
    deliveries: "DataFrame", few: int, broadcast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that delivers each month in the next one has nothing but late versions."""
    monkeypatch.setattr(knowledge, "FEW", few)
    found = knowledge.with_validity_by_exception(deliveries, TELECOM.source("usage"))
    plan = found._jdf.queryExecution().executedPlan().toString()
    assert ("Broadcast" in plan) == broadcast


@pytest.mark.jvm(reason="reads the plan of Spark")
def test_without_late_versions_nothing_is_looked_up(deliveries: "DataFrame") -> None:
    in_time = deliveries.where("month(day) = month(known_at)")
    source = TELECOM.source("usage")
    found = knowledge.with_validity_by_exception(in_time, source)
    assert "Join" not in found._jdf.queryExecution().executedPlan().toString()
    assert found.count() == knowledge.with_validity(in_time, source).count() > 100
    assert found.where("superseded_index IS NOT NULL").isEmpty()


def test_how_far_back_features_look() -> None:
    usage = TELECOM.source("usage")
    windowed = declared(usage, {"aggregate": "sum", "measure": "data_mb", "months": [3]})
    assert reach_months(windowed, 6) == 6
    assert reach_months([*windowed, *declared(usage, {"aggregate": "recency"})], 6) == 6
    assert reach_months([*windowed, *declared(usage, {"aggregate": "tenure"})], 6) is None
    assert reach_months([*windowed, *declared(usage, {"aggregate": "count_ever"})], 6) is None


@pytest.mark.parametrize("wanted", [[5], [3, 4, 5], [2, 5, 9]])
def test_a_row_counts_at_exactly_the_wanted_months_between_first_and_last(
    spark: "SparkSession", wanted: list[int]
) -> None:
    from pyspark.sql import functions as F

    spans = [(first, last) for first in range(1, 11) for last in (*range(1, 11), None)]
    frame = spark.createDataFrame(spans, "first int, last int")
    found = from_to(frame, F.col("first"), F.col("last"), wanted).collect()
    expected = {(a, b, at) for a, b in spans for at in wanted if a <= at and (b is None or at <= b)}
    assert {tuple(row) for row in found} == expected and len(found) == len(expected)


def test_the_order_of_the_rows_changes_no_bit(spark: "SparkSession") -> None:
    """Sums over events, over cells and over windows; every fourth event became known in a later month."""
    source, random, rows = TELECOM.source("usage"), Random(3), []
    for number in range(900):
        used = day("01-01") + timedelta(days=number // 5)
        known = used + timedelta(days=random.choice([0, 1, 2, 40]))
        rows.append((known, f"C{number % 5}", used, random.choice([0.1, 0.7, 1234.56, 1e9 / 3, -0.3])))
    features = declared(
        source,
        {"aggregate": "sum", "measure": "data_mb", "months": [1, 3, 6], "days": [7]},
        {"aggregate": "mean", "measure": "data_mb", "months": [3]},
        {"aggregate": "trend", "measure": "data_mb", "months": [1, 3]},
    )
    terms = list(dict.fromkeys(t for f in features for t in terms_of(f)))
    told = silver(spark, source, "customer_key string, day date, data_mb double", rows).persist()
    orders = (
        told.repartition(3),
        told.orderBy("data_mb").coalesce(1),
        told.repartition(5, "day", "customer_key"),
    )
    first, *others = (
        by_key(
            features_from_cells(monthly_cells(frame, source, terms), [MAY, JUNE, JULY], features),
            *("customer_key", "as_of_index"),
        )
        for frame in orders
    )
    assert all(found == first for found in others)
    whole = [
        v for known, who, used, v in rows if who == "C1" and known <= day("06-30") and used > day("03-31")
    ]
    assert first["C1", JUNE]["usage_data_mb_sum_3m"] == fsum(whole)
