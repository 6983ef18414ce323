"""A merge from the landing zone to every table that speaks of customers."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.contracts.merges import Merges
from churn_assets.cross_checks.doubtful_merges import doubtful_merges
from churn_assets.lakehouse import tables
from churn_assets.monitoring.people_balance_asset import NOBODY_AFTER
from churn_assets_tests.checks import evaluations
from churn_assets_tests.lakes import (
    edit_yaml,
    key_of,
    not_as_declared,
    settings_for,
    small_business,
    tell_merges,
    write_csv,
    write_jsonl,
)
from churn_assets_tests.silver.rows import customer, subscription, ticket
from churn_assets_tests.worlds import FEATURED, INGEST, MONTHS, WINDOWS, Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_engine(reason="runs jobs; `test_merged_history` computes merges on both engines")

ENDS = ("2025-01-31", "2025-02-28", "2025-03-31", "2025-04-30", "2025-05-31", "2025-06-30")
COHORTS = MONTHS[2:]
GOLD = dg.AssetSelection.groups("gold")
BALANCE = dg.AssetSelection.assets(tables.PEOPLE_BALANCE.key)
SURVIVOR, MERGED = 0, 7  # from April on; the extracts after it list the merged customer no more
ROUND, TRIP = 5, 6  # merged into each other in May


def _deliver(landing: str) -> None:
    """Eight customers. The subscription of the survivor ends in April, that of the merged customer goes on."""

    def listed(number: int, day: str) -> dict[str, str]:
        into = {(MERGED, ENDS[3]): SURVIVOR}
        into |= {(ROUND, day): TRIP, (TRIP, day): ROUND} if day >= ENDS[4] else {}
        survivor = into.get((number, day))
        return customer(number, merged_into="" if survivor is None else f"NATID{survivor:04d}")

    ended = subscription(SURVIVOR, ended_on="2025-04-20", end_reason="price")
    opened = {
        ENDS[2]: [(1, SURVIVOR, "03-10")],
        ENDS[3]: [(2, MERGED, "04-15")],
        ENDS[4]: [(3, MERGED, "05-15")],
    }
    for place, end in enumerate(ENDS):
        there = [n for n in range(8) if n != MERGED or end <= ENDS[3]]
        write_csv(landing, "customers", end, [listed(n, end) for n in there])
        spells = [subscription(n) for n in (range(8) if not place else [1])]
        write_csv(landing, "subscriptions", end, [*spells, *([ended] if place == 4 else [])])
        calls = [ticket(n, f"NATID{who:04d}", f"2025-{on}T10:00:00Z") for n, who, on in opened.get(end, ())]
        write_jsonl(landing, "tickets", end, [*calls, ticket(90 + place, "NATID0001", f"{end}T10:00:00Z")])


@pytest.fixture(scope="module")
def world(spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, Any]:
    home = tmp_path_factory.mktemp("merged")
    folder = small_business(home, windows=WINDOWS, calendar={"start": MONTHS[0], "end": MONTHS[-1]})
    edit_yaml(folder / "contracts" / "customers.yaml", tell_merges)
    lake = Lake(settings_for(home, folder), load_business(folder))
    _deliver(lake.settings.landing_uri)
    lake.succeed(INGEST | GOLD, MONTHS)
    return lake, lake.run(FEATURED | BALANCE, COHORTS)


def _by(lake: Lake, table: Any, *key: str) -> dict[tuple[str, ...], dict[str, Any]]:
    rows = lake.lakehouse.arrow(table).to_pylist()
    return {tuple(str(row[k]) for k in key): row for row in rows}


def test_the_survivor_is_asked_and_labelled_with_the_history_of_both(world: tuple[Lake, Any]) -> None:
    lake, _ = world
    survivor, merged = (key_of(lake.lakehouse, n) for n in (SURVIVOR, MERGED))
    snapshots = _by(lake, tables.customer_snapshots(lake.business), "customer_key", "as_of_date")
    who = {end: {key for key, day in snapshots if day == end} for end in ENDS}
    assert [len(who[end]) for end in ENDS[2:]] == [8, 7, 5, 5]
    assert merged in who[ENDS[2]] and merged not in who[ENDS[3]] and survivor in who[ENDS[5]]
    tickets = {end: snapshots[survivor, end]["tickets_count_1m"] for end in ENDS[2:]}
    assert list(tickets.values()) == [1, 1, 1, 0]
    assert snapshots[merged, ENDS[2]]["tickets_count_1m"] == 0
    labels = _by(lake, tables.CHURN_LABELS, "customer_key", "as_of_date")
    assert [labels[merged, ENDS[2]][name] for name in ("outcome", "label")] == ["merged", None]
    outcomes = [labels[survivor, end]["outcome"] for end in ENDS[2:]]
    assert outcomes == ["stayed", "stayed", "pending", "pending"]


def test_the_balance_of_people_counts_a_merge_once_and_the_survivor_goes_on(world: tuple[Lake, Any]) -> None:
    lake, run = world
    assert run.success and evaluations(run)[f"{tables.PEOPLE_BALANCE.path}:{NOBODY_AFTER}"].passed
    balances = _by(lake, tables.PEOPLE_BALANCE, "source", "as_of_date")
    names = ("former", "new", "now", "merged", "ended", "disappeared", "unknown", "snapshots")
    assert [[balances["all sources", end][name] for name in names] for end in ENDS[2:]] == [
        [8, 0, 8, 0, 0, 0, 0, 8],
        [8, 0, 7, 1, 0, 0, 0, 7],
        [7, 0, 5, 0, 0, 0, 2, 5],
        [7, 0, 5, 0, 0, 0, 2, 5],
    ]


def test_gold_shows_the_survivor_and_the_merged_customers_own_months(world: tuple[Lake, Any]) -> None:
    lake, _ = world
    survivor, merged = (key_of(lake.lakehouse, n) for n in (SURVIVOR, MERGED))
    people = _by(lake, tables.customers(lake.business), "customer_key")
    shown = ("survivor_key", "subscriptions_running", "tickets_total")
    assert [people[(survivor,)][name] for name in shown] == [None, True, 3]
    assert [people[(merged,)][name] for name in shown] == [survivor, False, 0]
    assert people[(key_of(lake.lakehouse, ROUND),)]["survivor_key"] is None
    months = _by(lake, tables.customer_months(lake.business), "customer_key", "month")
    assert sorted(month for who, month in months if who == merged) == MONTHS[:3]
    assert [months[survivor, month]["tickets"] for month in MONTHS] == [0, 0, 1, 1, 1, 0]
    [event] = lake.lakehouse.arrow(tables.CHURN_EVENTS).to_pylist()
    assert (event["customer_key"], str(event["ended_on"])) == (survivor, "2025-04-20")
    assert not_as_declared(lake.lakehouse, lake.business) == {}


def test_merges_without_a_survivor_are_told(world: tuple[Lake, Any]) -> None:
    lake, _ = world
    rows = [r for r in lake.lakehouse.arrow(tables.FINDINGS).to_pylist() if r["rule"] == "merges"]
    names = ("extract_month", "source", "subject", "severity", "count", "of")
    told = [tuple(r[name] for name in names) for r in rows]
    assert sorted(told) == [(month, "customers", "cycle", "warn", 2, 3) for month in MONTHS[4:]]
    assert rows[0]["what"] == (
        "2 customers were merged into each other or into such customers, so nobody knows who goes on. "
        "They count as unknown."
    )
    assert set(rows[0]["examples"]) == {key_of(lake.lakehouse, n) for n in (ROUND, TRIP)}


@pytest.mark.parametrize(
    ("limit", "declared", "severity"),
    [(0.0, "warn", "warn"), (0.6, "block", "block"), (0.7, "block", "warn")],
)
def test_above_the_limit_the_declared_severity_of_merges_counts(
    world: tuple[Lake, Any], limit: float, declared: Any, severity: str
) -> None:
    """Two of three merged customers are merged into each other."""
    lake, _ = world
    file = lake.business.file.model_copy(update={"merges": Merges(max_share=limit, severity=declared)})
    [problem] = doubtful_merges(lake.lakehouse, replace(lake.business, file=file), MONTHS[4:5])
    assert (problem.severity, problem.count, problem.of) == (severity, 2, 3)
