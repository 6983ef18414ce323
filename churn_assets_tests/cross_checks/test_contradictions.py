"""An entity says that a customer has left, and the spell runs on (case 5)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from churn_assets.contracts.business import Business
from churn_assets.contracts.contradictions import Contradictions
from churn_assets.contracts.loader import load_business
from churn_assets.cross_checks.contradictions import contradictions, in_doubt, listed_since
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.silver.reconciliation import first_extracts
from churn_assets_tests.lakes import ingest, key_of, settings_for, small_business, write_csv, write_jsonl
from churn_assets_tests.silver.rows import customer, subscription, ticket

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JAN, FEB, MAR, APR = (f"2025-0{m}" for m in range(1, 5))
LATER = date(2025, 6, 1)
DAYS = {JAN: "2025-01-31", FEB: "2025-02-28", MAR: "2025-03-31", APR: "2025-04-30"}
# of ten customers with a running subscription: 1 is former from February on and its end never comes; 2 is former and
# its end comes a week later; 3 is listed no more from February on; 4 is former and back in March; 5 has given notice
FORMER = {FEB: {1, 2, 4, 5}, MAR: {1, 2, 5}, APR: {1, 2, 5}}
SAME_FRAMES = pytest.mark.one_engine(reason="another case of the same frames")


@pytest.fixture(scope="module")
def lake(
    spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Lakehouse, Business]]:
    home = tmp_path_factory.mktemp("lake")
    house, business = Lakehouse(settings_for(home)), load_business(small_business(home))
    landing = house.settings.landing_uri
    for month, day in DAYS.items():
        listed = [n for n in range(1, 11) if n != 3 or month == JAN]
        status = {n: "former" if n in FORMER.get(month, ()) else "active" for n in listed}
        write_csv(landing, "customers", day, [customer(n, status=status[n]) for n in listed])
        write_jsonl(landing, "tickets", day, [ticket(1, "NATID0010", f"{day}T10:00:00Z")])
    write_csv(
        landing, "subscriptions", DAYS[JAN], [subscription(n) | {"notice_on": ""} for n in range(1, 11)]
    )
    ended = subscription(2, ended_on="2025-02-27", end_reason="price") | {"notice_on": ""}
    notice = subscription(5) | {"notice_on": "2025-02-20"}
    write_csv(landing, "subscriptions", "2025-02-28", [notice])
    write_csv(landing, "subscriptions", "2025-03-07", [ended])
    write_csv(landing, "subscriptions", "2025-04-07", [notice])
    ingest(house, business, list(DAYS))
    yield house, business


def test_customers_who_have_left_while_their_spell_runs_are_counted_by_month(
    lake: tuple[Lakehouse, Business],
) -> None:
    """Subscriptions come weekly, so the end of February may come until 9 March: the months after it are judged."""
    house, business = lake
    found = contradictions(house, business, list(DAYS), LATER)
    keys = tuple(sorted(key_of(house, n) for n in (1, 3)))
    assert [(p.source, p.month, p.rule, p.count, p.of, p.examples) for p in found] == [
        ("subscriptions", MAR, "contradiction:customers", 2, 8, keys),
        ("subscriptions", APR, "contradiction:customers", 2, 8, keys),
    ]
    assert found[0].evidence == (
        "2 of 8 customers whose spell runs (25.0%) have left according to customers: 1 called former, 1 no longer "
        "listed. Ends may be missing in subscriptions."
    )
    assert "NATID" not in str(found)


@pytest.mark.parametrize(
    "months", [*(pytest.param([month], marks=SAME_FRAMES) for month in (JAN, FEB, MAR)), [APR], [MAR, APR]]
)
def test_months_by_themselves_are_judged_alike(lake: tuple[Lakehouse, Business], months: list[str]) -> None:
    house, business = lake
    everything = contradictions(house, business, list(DAYS), LATER)
    assert contradictions(house, business, months, LATER) == [p for p in everything if p.month in months]


def test_history_is_read_of_those_alone_whom_the_newest_extracts_do_not_list(
    lake: tuple[Lakehouse, Business],
) -> None:
    house, business = lake
    entity, extracts = business.source("customers"), first_extracts(house)
    assert listed_since(entity, extracts, [JAN, FEB]) == [], "there is nothing older"
    assert listed_since(entity, extracts, [APR]) == [APR]
    assert listed_since(entity, extracts, [MAR, APR]) == [MAR, APR]
    people = [key_of(house, n) for n in range(1, 11)]
    running = house.spark.createDataFrame([(who,) for who in people], "customer_key string")
    versions = house.read(tables.silver(entity))
    doubtful = {r["customer_key"] for r in in_doubt(running, versions, entity, [MAR, APR]).collect()}
    assert doubtful == {key_of(house, n) for n in (1, 2, 3, 5)}


@pytest.mark.parametrize(("today", "count"), [(8, None), (9, 2)])
def test_an_end_that_may_still_come_is_no_contradiction(
    lake: tuple[Lakehouse, Business], today: int, count: int | None
) -> None:
    """March is not over; what customers said on 28 February may come in subscriptions until 9 March."""
    house, business = lake
    found = contradictions(house, business, [MAR], date(2025, 3, today))
    assert [p.count for p in found] == ([count] if count else [])


@pytest.mark.one_engine(reason="compares the counts in Python")
@pytest.mark.parametrize(
    ("limit", "declared", "severity"),
    [(0.2, "block", "block"), (0.2, "warn", "warn"), (0.25, "block", "warn")],
)
def test_beyond_the_limit_the_severity_counts(
    lake: tuple[Lakehouse, Business], limit: float, declared: str, severity: str
) -> None:
    house, business = lake
    rule = Contradictions(max_share=limit, severity=declared)  # type: ignore[arg-type]
    file = business.file.model_copy(update={"contradictions": rule})
    [problem] = contradictions(house, replace(business, file=file), [MAR], LATER)
    assert problem.severity == severity
