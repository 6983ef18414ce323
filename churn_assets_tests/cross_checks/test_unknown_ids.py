"""Ids that the related source never delivered (case 7)."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.contracts.source import MonthRule
from churn_assets.cross_checks.unknown_ids import unknown_ids
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets_tests.lakes import ingest, key_of, settings_for, small_business, write_csv, write_jsonl
from churn_assets_tests.silver.rows import customer, subscription, ticket

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_engine(reason="the check reads tables without an engine")
JAN, FEB, MAR, APR, MAY = (f"2025-0{m}" for m in range(1, 6))
# who opens tickets on which day; customers 1 to 20 are there from the start, 21 from February, 22 from March on
TICKETS = {
    "2025-01-31": [*range(1, 11), 50, 50],
    "2025-02-28": [*range(1, 11), 21, 22],
    "2025-03-31": [*range(1, 11), 22],
    "2025-04-20": [*range(1, 11), 60],
    "2025-05-31": range(1, 11),
}
CUSTOMERS = {"2025-01-31": 20, "2025-02-28": 21, "2025-03-31": 22, "2025-04-10": 22, "2025-05-31": 22}


@pytest.fixture(scope="module")
def lake(
    spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Lakehouse, Business]]:
    home = tmp_path_factory.mktemp("lake")
    house, business = Lakehouse(settings_for(home)), load_business(small_business(home))
    landing = house.settings.landing_uri
    for day, last in CUSTOMERS.items():
        write_csv(landing, "customers", day, [customer(n) for n in range(1, last + 1)])
        write_csv(landing, "subscriptions", day, [subscription(n) for n in range(1, 21)])
    for day, people in TICKETS.items():
        rows = [ticket(n, f"NATID{who:04d}", f"{day}T10:00:00Z") for n, who in enumerate(people, 1)]
        write_jsonl(landing, "tickets", day, [r | {"ticket_id": f"{day}-{r['ticket_id']}"} for r in rows])
    ingest(house, business, [JAN, FEB, MAR, APR, MAY])
    yield house, business


def test_ids_that_the_related_source_never_delivered_are_counted_by_month(
    lake: tuple[Lakehouse, Business],
) -> None:
    """50 never comes, 22 comes to customers a month later, 60 is judged when customers are delivered again."""
    house, business = lake
    found = unknown_ids(house, business, [JAN, FEB, MAR, APR, MAY])
    assert [(p.source, p.month, p.rule, p.severity, p.count, p.of, p.examples) for p in found] == [
        ("tickets", JAN, "relationships:customers", "warn", 1, 11, (key_of(house, 50),)),
        ("tickets", FEB, "relationships:customers", "warn", 1, 12, (key_of(house, 22),)),
        ("tickets", MAY, "relationships:customers", "warn", 1, 10, (key_of(house, 60),)),
    ]
    assert found[0].evidence == (
        "1 of 11 ids (9.1%), in 2 rows, were never delivered by customers up to 2025-01."
    )
    assert "NATID" not in str(found)


@pytest.mark.parametrize("months", [[JAN], [FEB], [MAR], [APR], [MAY], [FEB, MAR], [APR, MAY]])
def test_months_by_themselves_are_judged_alike(lake: tuple[Lakehouse, Business], months: list[str]) -> None:
    house, business = lake
    everything = unknown_ids(house, business, [JAN, FEB, MAR, APR, MAY])
    assert unknown_ids(house, business, months) == [p for p in everything if p.month in months]


def test_the_contract_says_how_many_block(lake: tuple[Lakehouse, Business]) -> None:
    house, business = lake
    for limit, severity in ((0.09, "block"), (0.1, "warn")):
        rule = MonthRule("relationships", None, limit, "block")
        sources = tuple(replace(s, month_rules=(*s.month_rules, rule)) for s in business.sources)
        [problem] = unknown_ids(house, replace(business, sources=sources), [JAN])
        assert problem.severity == severity
