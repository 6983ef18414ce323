"""The balance of people of a simulated operator against its truth: nobody is asked after the end."""

import csv
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pandas as pd
import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.monitoring.people_balance import ALL, balances
from churn_assets.monitoring.people_balance_asset import (
    EVERYBODY,
    NOBODY_AFTER,
    WITHIN_LIMITS,
    last_versions,
)
from churn_assets.months import month_end
from churn_assets.silver.reconciliation import first_extracts
from churn_assets_tests.checks import require_blocked
from churn_assets_tests.lakes import edit_yaml, settings_for
from churn_assets_tests.worlds import INGEST, MONTHS, SNAPSHOTS, Lake, failures, simulated

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_engine(reason="runs jobs; `make parity` compares what jobs write")
COHORTS = MONTHS[2:]
BALANCE = dg.AssetSelection.assets(tables.PEOPLE_BALANCE.key)


@dataclass(frozen=True)
class World:
    """A lake with snapshots, the run of its balance, the true ends, and two customers whose end row was spoilt."""

    lake: Lake
    run: dg.ExecuteInProcessResult
    ends: dict[str, date]
    active: dict[date, set[str]]
    spoilt: set[str]


@pytest.fixture(scope="module")
def world(spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory) -> World:
    """150 customers for half a year; the ends of two customers have an impossible price."""
    folder = tmp_path_factory.mktemp("people")
    lake = simulated(folder, 150, MONTHS[0], MONTHS[-1], len(MONTHS))
    ends = pd.read_parquet(folder / "truth" / "ends.parquet")
    hazard = pd.read_parquet(folder / "truth" / "hazard.parquet")
    early = ends[ends["ended_on"] <= date(2025, 4, 30)]["customer_id"].head(2)
    spoilt = set(early)
    assert len(spoilt) == 2
    _spoil_ends(Path(lake.settings.landing_uri) / "subscriptions", spoilt)
    lake.succeed(INGEST, MONTHS)
    lake.succeed(SNAPSHOTS, COHORTS)
    run = lake.run(BALANCE, COHORTS)
    assert run.success, failures(run)
    active = {day: set(rows["customer_id"]) for day, rows in hazard.groupby("as_of_date")}
    return World(lake, run, dict(zip(ends["customer_id"], ends["ended_on"], strict=True)), active, spoilt)


def _spoil_ends(folder: Path, customers: set[str]) -> None:
    for file in folder.rglob("*.csv"):
        with file.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle)
            rows, header = list(reader), list(reader.fieldnames or ())
        for row in rows:
            if row["customer_id"] in customers and row["ended_on"]:
                row["monthly_price"] = "-1.00"
        with file.open("w", encoding="utf-8", newline="") as handle:
            writer = csv.DictWriter(handle, header)
            writer.writeheader()
            writer.writerows(rows)


def test_the_balance_is_exact_and_nobody_is_a_customer_after_the_end(world: World) -> None:
    lake = world.lake
    ids = lake.frame(tables.CUSTOMER_KEYS).set_index("customer_key")["customer_id"]
    refused = set()
    for month in MONTHS:
        rows = last_versions(lake.lakehouse, lake.business.label_source, month, ["customer_key", "refused"])
        refused |= set(ids[rows["customer_key"][rows["refused"]]])
    assert world.spoilt <= refused
    read, extracts = (lambda *what: last_versions(lake.lakehouse, *what)), first_extracts(lake.lakehouse)
    for of_month, people in balances(lake.business, read, extracts, COHORTS):
        day, states = of_month[-1].as_of_date, people["state"]
        told = ("now", "ended", "unknown", "disappeared")
        found = {state: set(ids[states.index[states == state]]) for state in told}
        ended = {who for who, on in world.ends.items() if on <= day}
        true = world.active[day] - ended
        assert found["now"] <= true, "a ghost"
        assert true - found["now"] <= found["unknown"] <= refused
        assert found["ended"] == ended - found["unknown"] - found["disappeared"]
        gone_by_now = {who for who in world.spoilt if world.ends[who] <= day}
        # unknown until customers who have left are listed no more
        assert found["disappeared"] <= gone_by_now <= found["unknown"] | found["disappeared"]


def test_snapshots_are_of_true_customers_and_the_table_tells_the_rest(world: World) -> None:
    lake = world.lake
    ids = lake.frame(tables.CUSTOMER_KEYS).set_index("customer_key")["customer_id"]
    asked = lake.frame(tables.CUSTOMER_SNAPSHOTS, ["customer_key", "as_of_date"])
    for day, rows in asked.groupby("as_of_date"):
        ghosts = [who for who in ids[rows["customer_key"]] if world.ends.get(who, date.max) <= day]
        assert ghosts == []
    table = lake.frame(tables.PEOPLE_BALANCE)
    assert len(table) == len(COHORTS) * 3 and set(table["source"]) == {"customers", "subscriptions", ALL}
    left = table[["now", "ended", "merged", "disappeared", "unknown"]].sum(axis=1)
    assert (table["former"] + table["new"] == left).all()
    of_all = table[table["source"] == ALL].set_index("as_of_date")
    assert of_all["merged"].sum() == 0
    assert of_all["disappeared"].sum() == len(world.spoilt), "the simulator loses nobody else"
    assert (of_all["snapshots"] == asked.groupby("as_of_date").size()).all()
    ended = {day: sum(1 for on in world.ends.values() if on <= day) for day in of_all.index}
    assert ended[month_end(COHORTS[-1])] > ended[month_end(COHORTS[0])], "people do leave this world"


def test_the_checks_say_so(world: World) -> None:
    checks = {check.check_name: check for check in world.run.get_asset_check_evaluations()}
    assert checks[EVERYBODY].passed and checks[NOBODY_AFTER].passed
    # two of 150 are unknown, which is below the shipped limit
    assert checks[WITHIN_LIMITS].passed


def test_above_a_limit_that_blocks_nothing_is_committed(world: World, tmp_path: Path) -> None:
    folder = shutil.copytree(world.lake.settings.business_path, tmp_path / "business")
    people = {"max_unknown_share": 0.0, "severity": "block"}
    edit_yaml(folder / "churn.yaml", lambda file: file.update(people=people))
    lake = Lake(settings_for(tmp_path, folder), load_business(folder))
    for path in ("silver", "features/customer_snapshots"):
        _copy(world.lake, lake, path)
    with dg.DagsterInstance.ephemeral() as instance:
        run = lake.run(BALANCE, COHORTS, instance=instance)
        evidence = require_blocked(run, instance, tables.PEOPLE_BALANCE, WITHIN_LIMITS)
    assert "unknown" in evidence and "people.max_unknown_share" in evidence
    assert not lake.lakehouse.exists(tables.PEOPLE_BALANCE)


def test_a_snapshot_of_somebody_who_has_left_is_told(world: World, tmp_path: Path) -> None:
    """A snapshot that was made before the end was told."""
    lake = world.lake.sibling(tmp_path, landing=False)
    for source in ("customers", "subscriptions"):
        _copy(world.lake, lake, f"silver/{source}")
    _copy(world.lake, lake, "silver/reconciliation")
    snapshots = world.lake.lakehouse.arrow(tables.CUSTOMER_SNAPSHOTS).to_pandas()
    ids = world.lake.frame(tables.CUSTOMER_KEYS).set_index("customer_id")["customer_key"]
    day = month_end(COHORTS[0])
    ghost = next(ids[who] for who, on in world.ends.items() if on <= day and who not in world.spoilt)
    of_day = snapshots[snapshots["as_of_date"] == day]
    asked = pd.concat([of_day, of_day.head(1).assign(customer_key=ghost)])
    lake.lakehouse.append_rows(
        tables.customer_snapshots(lake.business),
        tables.customer_snapshots(lake.business).rows(asked.to_dict("records")),
        run_id="ghost",
    )
    run = lake.run(BALANCE, [COHORTS[0]])
    assert run.success, failures(run)
    checks = {check.check_name: check for check in run.get_asset_check_evaluations()}
    assert not checks[NOBODY_AFTER].passed
    assert f"1 of {len(asked)} snapshots are of people who are no customers" in str(
        checks[NOBODY_AFTER].description
    )


def _copy(lake: Lake, other: Lake, path: str) -> None:
    shutil.copytree(f"{lake.settings.lake_uri}/{path}", f"{other.settings.lake_uri}/{path}")
