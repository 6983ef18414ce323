"""From delivered rows to versions of a key: nothing lost, repetitions counted, months apart."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.silver.conform import conform
from churn_assets.silver.versions import (
    repeated_keys,
    set_apart,
    to_versions,
    to_versions_sparing,
    with_known_keys,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

CONTACTS = load_business(SHIPPED_BUSINESSES / "telecom").source("retention_contacts")
# (contact_id, cost, month, file); rows arrive in the order of the list within a file
Delivered = tuple[str | None, str | None, str, str]


def _conformed(spark: "SparkSession", cases: Sequence[Sequence[Delivered]]) -> "DataFrame":
    """All cases in one frame; each case has keys and files of its own."""
    schema = tables.bronze(CONTACTS).ddl
    names = spark.createDataFrame([], schema).columns
    rows, numbers = [], defaultdict[str, int](int)
    for case, delivered in enumerate(cases):
        for key, cost, month, file in delivered:
            source_file = f"contacts/extract_date={month}-28/case {case} {file}.csv"
            numbers[source_file] += 1
            row: dict[str, Any] = dict.fromkeys(names) | {
                "contact_id": None if key is None else f"{case}-{key}",
                "customer_id": "C1",
                "contacted_on": "2025-01-01",
                "arm": "treated",
                "cost": cost,
                "extract_month": month,
                "source_file": source_file,
                "row_number": numbers[source_file],
            }
            rows.append(tuple(row[n] for n in names))
    from pyspark.sql import functions as F

    frame = spark.createDataFrame(rows, schema.replace("extract_date date", "extract_date string"))
    dated = frame.withColumn("extract_date", F.to_date(F.concat("extract_month", F.lit("-28"))))
    return conform(dated.select(names), CONTACTS)


def _to_versions(conformed: "DataFrame") -> "DataFrame":
    """Both ways to the versions, which must agree to the row."""
    repeated = repeated_keys(conformed, CONTACTS)
    spared = to_versions_sparing(
        conformed, CONTACTS, repeated, set_apart(conformed, CONTACTS, repeated)
    ).persist()
    versions = to_versions(with_known_keys(conformed, CONTACTS), CONTACTS).persist()
    assert versions.exceptAll(spared).isEmpty()
    assert spared.exceptAll(versions).isEmpty()
    return spared


def _versions(
    spark: "SparkSession", cases: Sequence[Sequence[Delivered]]
) -> dict[int, list[tuple[Any, ...]]]:
    """(key, month, sequence, cost, copies, latest_in_month) of each case; the cost of a refused version is its rule."""
    versions = _to_versions(_conformed(spark, cases))
    found: dict[int, list[tuple[Any, ...]]] = {case: [] for case in range(len(cases))}
    for row in versions.collect():
        case, _, key = row["contact_id"].partition("-")
        assert row["refused"] == (row["refused_rule"] is not None)
        assert not row["refused"] or (row["cost"], row["arm"]) == (None, None)
        cost = row["refused_rule"] if row["cost"] is None else str(int(row["cost"]))
        found[int(case)].append(
            (key, row["extract_month"], row["sequence"], cost, row["copies"], row["latest_in_month"])
        )
    return {case: sorted(rows) for case, rows in found.items()}


def test_versions_of_a_key(spark: "SparkSession") -> None:
    jan, feb = "2025-01", "2025-02"
    cases: dict[str, tuple[list[Delivered], list[tuple[Any, ...]]]] = {
        "once": ([("k", "1", jan, "a")], [("k", jan, 1, "1", 1, True)]),
        "exact duplicates are counted": ([("k", "1", jan, "a")] * 3, [("k", jan, 1, "1", 3, True)]),
        "back to an earlier value is knowledge": (
            [("k", "1", jan, "a"), ("k", "2", jan, "a"), ("k", "2", jan, "b"), ("k", "1", jan, "c")],
            [("k", jan, 1, "1", 1, False), ("k", jan, 2, "2", 2, False), ("k", jan, 3, "1", 1, True)],
        ),
        "nothing equals nothing": (
            [("k", None, jan, "a"), ("k", " ", jan, "b")],
            [("k", jan, 1, None, 2, True)],
        ),
        "a value comes and goes": (
            [("k", None, jan, "a"), ("k", "1", jan, "b"), ("k", None, jan, "c")],
            [("k", jan, 1, None, 1, False), ("k", jan, 2, "1", 1, False), ("k", jan, 3, None, 1, True)],
        ),
        "files in order of their names": (
            [("k", "2", jan, "b"), ("k", "1", jan, "a")],
            [("k", jan, 1, "1", 1, False), ("k", jan, 2, "2", 1, True)],
        ),
        "months stand alone": (
            [("k", "1", jan, "a"), ("k", "1", feb, "a")],
            [("k", jan, 1, "1", 1, True), ("k", feb, 1, "1", 1, True)],
        ),
        "keys stand alone": (
            [("k", "1", jan, "a"), ("l", "1", jan, "a"), ("k", "1", jan, "a")],
            [("k", jan, 1, "1", 2, True), ("l", jan, 1, "1", 1, True)],
        ),
        "a refused row between two equal ones": (
            [("k", "1", jan, "a"), ("k", "dear", jan, "a"), ("k", "1", jan, "a")],
            [
                ("k", jan, 1, "1", 1, False),
                ("k", jan, 2, "malformed:cost", 1, False),
                ("k", jan, 3, "1", 1, True),
            ],
        ),
        "a refused row is the newest that is known of its key": (
            [("k", "1", jan, "a"), ("k", "-1", jan, "b"), ("k", "-1", jan, "b")],
            [("k", jan, 1, "1", 1, False), ("k", jan, 2, "range:cost", 2, True)],
        ),
        "a refused row without a key is in the quarantine only": (
            [("k", "1", jan, "a"), (None, "dear", jan, "b")],
            [("k", jan, 1, "1", 1, True)],
        ),
    }
    found = _versions(spark, [delivered for delivered, _ in cases.values()])
    assert {name: found[i] for i, name in enumerate(cases)} == {
        name: expected for name, (_, expected) in cases.items()
    }


def test_a_source_that_lists_everything_tells_until_when_a_version_was_listed(spark: "SparkSession") -> None:
    """Extracts of 7, 14 and 21 January: presence is told by month, and the last day of it is kept."""
    from pyspark.sql import functions as F

    source, jan = replace(CONTACTS, delivery="full"), "2025-01"
    cases: list[list[Delivered]] = [
        [("k", "1", jan, "07"), ("k", "1", jan, "14"), ("k", "2", jan, "21")],
        [("k", "1", jan, "07"), ("k", "1", jan, "21")],
        [("k", "1", jan, "14")],
    ]
    day = F.to_date(F.concat_ws("-", "extract_month", F.substring("source_file", -6, 2)))
    conformed = _conformed(spark, cases).withColumns({"extract_date": day, "known_at": day})
    repeated = repeated_keys(conformed, source)
    ways = (
        to_versions(with_known_keys(conformed, source), source),
        to_versions_sparing(conformed, source, repeated, set_apart(conformed, source, repeated)),
    )
    for versions in ways:
        found = [(r["contact_id"], r["known_at"].day, r["listed_until"].day) for r in versions.collect()]
        assert sorted(found) == [("0-k", 7, 14), ("0-k", 21, 21), ("1-k", 7, 21), ("2-k", 14, 14)]


def _expected(delivered: Sequence[Delivered]) -> dict[str, tuple[int, int, int]]:
    """By month: versions, duplicates, refused rows, by walking over the rows as a person would."""
    counts: dict[str, list[int]] = {month: [0, 0, 0] for _, _, month, _ in delivered}
    before: dict[tuple[str, str], str | None] = {}
    for key, cost, month, _ in sorted(
        delivered, key=lambda row: row[3]
    ):  # stable: files by name, rows as they stand
        if key is None:
            counts[month][2] += 1
        elif cost in ("dear", "-1"):
            counts[month][2] += 1
            before[month, key] = "unknown since this row"
        elif (month, key) in before and before[month, key] == cost:
            counts[month][1] += 1
        else:
            counts[month][0] += 1
            before[month, key] = cost
    return {month: (found[0], found[1], found[2]) for month, found in counts.items()}


ROW = st.tuples(
    st.sampled_from(["k", "l", "k", None]),
    st.sampled_from(["1", "2", None, "dear", "-1"]),
    st.sampled_from(["2025-01", "2025-02"]),
    st.sampled_from(["a", "b"]),
)


@settings(max_examples=3, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(cases=st.lists(st.lists(ROW, min_size=1, max_size=12), min_size=8, max_size=8))
def test_every_delivered_row_is_accepted_a_duplicate_or_refused(
    spark: "SparkSession", cases: list[list[Delivered]]
) -> None:
    """Eight cases share a Spark job, so that 25 cases cost a few seconds."""
    from pyspark.sql import functions as F

    case = F.regexp_extract("source_file", r"case (\d+) ", 1).cast("int").alias("case")
    conformed = _conformed(spark, cases).persist()
    refused = conformed.where("refused_rule IS NOT NULL").groupBy(case, "extract_month").count().collect()
    found: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in refused:
        found[row["case"], row["extract_month"]][2] = row["count"]
    versions = _to_versions(conformed)
    of_key = F.split("contact_id", "-")[0].cast("int").alias("case")
    counted = (
        versions.where("NOT refused")
        .groupBy(of_key, "extract_month")
        .agg(F.count("*").alias("rows"), F.sum("copies").alias("copies"))
    )
    for row in counted.collect():
        found[row["case"], row["extract_month"]][:2] = [row["rows"], row["copies"] - row["rows"]]
    conformed.unpersist()
    for number, delivered in enumerate(cases):
        expected = _expected(delivered)
        actual = {month: tuple(found[number, month]) for month in expected}
        assert actual == expected, delivered
        for month, counts in actual.items():
            assert sum(counts) == sum(1 for row in delivered if row[2] == month)
