"""Merged customers, and whose history counts for whom since when."""

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.history.merges import counted_for_survivors, heirs, merges
from churn_assets.months import month_end
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.features.frames import REFUSED, by_key, day, silver
from churn_assets_tests.lakes import business_copy, edit_yaml, tell_merges

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TELECOM = load_business(SHIPPED_BUSINESSES / "telecom")
SCHEMA = "customer_key string, status string, merged_into_key string"
ENDS = [(month_end(month), month_end(month)) for month in ("2025-04", "2025-05", "2025-06", "2025-07")]
APRIL, MAY, JUNE, JULY = (day for day, _ in ENDS)


@pytest.fixture(scope="module")
def merging(tmp_path_factory: pytest.TempPathFactory) -> Business:
    """The telecom business, whose customers tell into whom they were merged."""
    folder = business_copy(tmp_path_factory.mktemp("merging"), "telecom")
    edit_yaml(folder / "contracts" / "customers.yaml", tell_merges)
    return load_business(folder)


def _listed(spark: "SparkSession", business: Business, *rows: tuple[str, ...]) -> "DataFrame":
    """Versions of the customers: known_at, customer, and where they are told the survivor or REFUSED."""
    told = []
    for known, who, *more in rows:
        refused = more == [REFUSED]
        survivor = more[0] if more and not refused else None
        told.append(
            (day(known), who, None if refused else "active", survivor, *([REFUSED] if refused else []))
        )
    return silver(spark, business.source("customers"), SCHEMA, told)


KNOWN = {"A": day("02-01"), "B": day("05-01"), "C": day("03-01"), "D": day("01-01")}


@pytest.mark.parametrize(
    ("into", "expected"),
    [
        ({"A": "X"}, {"A": ("X", None, "A")}),
        (
            {"A": "B", "B": "C", "C": "X"},
            {"A": ("X", None, "B"), "B": ("X", None, "B"), "C": ("X", None, "C")},
        ),
        (
            {"C": "X", "A": "C", "B": "C"},
            {"A": ("X", None, "C"), "B": ("X", None, "B"), "C": ("X", None, "C")},
        ),
        ({"A": "B", "B": "A"}, {"A": (None, "cycle"), "B": (None, "cycle")}),
        (
            {"D": "A", "A": "B", "B": "C", "C": "A"},
            dict.fromkeys("DABC", (None, "cycle")),
        ),
        (
            {"A": "B", "B": "nobody"},
            {"A": (None, "unknown_survivor"), "B": (None, "unknown_survivor")},
        ),
        ({"A": "C", "C": None}, {"A": (None, "refused"), "C": (None, "refused")}),
    ],
)
def test_a_chain_ends_with_the_last_or_in_doubt(
    into: dict[str, str | None], expected: dict[str, tuple[str | None, ...]]
) -> None:
    """Of a survivor also since when: known_at of the newest row in the chain, here named by its customer."""
    found = heirs({who: (to, KNOWN[who]) for who, to in into.items()}, {"X", *"ABCD"})
    assert {who: heir[:2] for who, heir in found.items()} == {who: told[:2] for who, told in expected.items()}
    since = {who: KNOWN[str(told[2])] for who, told in expected.items() if told[0]}
    assert {who: found[who].known_at for who in since} == since


@given(st.dictionaries(st.integers(0, 9), st.integers(0, 12), max_size=10))
def test_whoever_is_merged_has_one_end(into: dict[int, int]) -> None:
    """Followed step by step, as often as there are customers: who then is still merged goes round in a cycle."""
    told = {str(who): (str(to), day("01-01")) for who, to in into.items() if who != to}
    listed = {str(n) for n in range(11)}
    found = heirs(told, listed)
    assert found.keys() == told.keys()
    for who in told:
        at = who
        for _ in range(len(told) + 1):
            at = told[at][0] if at in told else at
        expected = (
            (None, "cycle") if at in told else (at, None) if at in listed else (None, "unknown_survivor")
        )
        assert found[who][:2] == expected


def _told(
    business: Business, versions: "DataFrame", dates: list[tuple[date, date]] = ENDS
) -> dict[str, dict[date, str | None]]:
    """Merged customer -> as_of_date -> the survivor, or why nobody inherits."""
    frame = merges({"customers": versions}, business, dates)
    found: dict[str, dict[date, str | None]] = {}
    for row in frame.collect() if frame is not None else ():
        found.setdefault(row["customer_key"], {})[row["as_of_date"]] = row["survivor_key"] or row["doubt"]
    return found


def test_a_merge_holds_from_the_day_on_which_it_is_known_until_it_is_taken_back(
    spark: "SparkSession", merging: Business
) -> None:
    versions = _listed(
        spark,
        merging,
        *(
            ("04-30", who)
            for who in ("A", "B", "C", "S", "taken back", "round", "trip", "stray", "own", "doubtful")
        ),
        ("05-31", "A", "B"),
        ("06-30", "B", "S"),
        ("05-07", "taken back", "S"),
        ("06-07", "taken back"),
        ("05-31", "round", "trip"),
        ("06-30", "trip", "round"),
        ("05-31", "stray", "comes in July"),
        ("07-07", "comes in July"),
        ("05-31", "own", "own"),
        ("05-31", "doubtful", "S"),
        ("06-30", "doubtful", REFUSED),
        ("07-31", "doubtful", "S"),
    )
    assert _told(merging, versions) == {
        "A": {MAY: "B", JUNE: "S", JULY: "S"},
        "B": {JUNE: "S", JULY: "S"},
        "taken back": {MAY: "S"},
        "round": {MAY: "trip", JUNE: "cycle", JULY: "cycle"},
        "trip": {JUNE: "cycle", JULY: "cycle"},
        "stray": {MAY: "unknown_survivor", JUNE: "unknown_survivor", JULY: "comes in July"},
        "doubtful": {MAY: "S", JUNE: "refused", JULY: "S"},
    }
    by_labels = [(APRIL, day("06-06")), (MAY, day("06-07"))]
    assert _told(merging, versions, by_labels)["taken back"] == {APRIL: "S"}, "known by another date"


def test_of_two_rows_of_a_customer_the_newest_speaks_and_one_of_several_is_enough(
    spark: "SparkSession", merging: Business
) -> None:
    """As accounts of a customer; the key of the source is then that of the account."""
    from dataclasses import replace

    source = replace(merging.source("customers"), key=("status",))
    business = replace(
        merging, sources=tuple(source if s.name == "customers" else s for s in merging.sources)
    )
    rows = [
        *((day("05-31"), who, f"{who} first", "S") for who in ("both", "later single")),
        (day("05-31"), "both", "both second", None),
        (day("06-30"), "later single", "later single second", None),
        (day("04-30"), "S", "S", None),
        (day("05-31"), "handed over", "handed over", "S"),
        (day("06-30"), "somebody else", "handed over", None),
    ]
    versions = silver(spark, source, SCHEMA, rows)
    assert _told(business, versions) == {
        "both": {MAY: "S", JUNE: "S", JULY: "S"},
        "later single": {MAY: "S"},
        "handed over": {MAY: "S"},
    }


def test_without_a_merge_nothing_is_read_or_added(spark: "SparkSession", merging: Business) -> None:
    class Untouched:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"{name} was asked of versions that cannot tell of merges")

    assert merges({"customers": Untouched()}, TELECOM, ENDS) is None  # type: ignore[dict-item]
    assert merges({"customers": _listed(spark, merging, ("04-30", "A"))}, merging, ENDS) is None
    frame = spark.createDataFrame([("A", 1)], "customer_key string, as_of_index int")
    assert counted_for_survivors(frame, None) is frame


def test_rows_count_for_the_survivor_and_if_wanted_for_both(spark: "SparkSession", merging: Business) -> None:
    versions = _listed(spark, merging, ("04-30", "A"), ("04-30", "S"), ("05-31", "A", "S"))
    merged = merges({"customers": versions}, merging, ENDS[:2])
    rows = [(who, day, index) for who in ("A", "S") for day, index in ((APRIL, 24303), (MAY, 24304))]
    frame = spark.createDataFrame(rows, "customer_key string, as_of_date date, known_index int")

    def found(**how: Any) -> dict[tuple[Any, ...], int]:
        counted = counted_for_survivors(frame, merged, by="as_of_date", **how)
        return {
            key: row["known_index"]
            for key, row in by_key(counted, "customer_key", "owner_key", "as_of_date").items()
        }

    one = {
        ("A", "A", APRIL): 24303,
        ("S", "A", MAY): 24304,
        ("S", "S", APRIL): 24303,
        ("S", "S", MAY): 24304,
    }
    assert found() == one
    assert found(keep=True) == one | {("A", "A", MAY): 24304}
