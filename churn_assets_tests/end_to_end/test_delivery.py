"""A file is dropped into the landing zone of a running deployment, and nothing else is done."""

import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.months import month_end, month_range, month_start
from churn_assets.runs import dagster_instance, run_job
from churn_assets.settings import Settings
from churn_assets.simulator.plan import SimulationPlan
from churn_assets.simulator.shop import simulate_shop
from churn_assets_tests.end_to_end.deployment import HURRIED, Deployment, deliver, until
from churn_assets_tests.lakes import business_copy, settings_for
from churn_assets_tests.worlds import Lake

pytestmark = pytest.mark.slow
FIRST, LAST, NEXT = "2025-01", "2025-12", "2026-01"
# a month of outcome and three days to settle: an extract of January tells what became of November
SETTLING = "2025-11"
EDITS = {
    "windows": {"observation_months": 6, "gap_days": 0, "outcome_days": 30, "settlement_days": 3},
    "training": {"candidates": ["histogram_boosting"], "validation_cohorts": 1, "row_limit": 10_000},
    "retraining": {"new_data": {"matured_months": 12}},
}
SENSORS = (
    "ingest_new_files_sensor",
    "refresh_cohorts_sensor",
    "retrain_on_degradation_sensor",
    "retrain_on_new_data_sensor",
)


@dataclass(frozen=True)
class Shop:
    """A deployment over a lake of everything up to LAST; `delivered` holds the extracts of NEXT."""

    deployment: Deployment
    lake: Lake
    delivered: Path


def _build(settings: Settings) -> None:
    """Everything up to LAST, in the instance that is deployed later: ingested, learned from, scored, looked at."""
    months = month_range(FIRST, LAST)
    with dagster_instance(settings) as instance:
        for job, span in (
            ("ingest", months),
            ("snapshot", months[5:]),
            ("train", [SETTLING]),
            ("score", month_range(SETTLING, LAST)),
            ("monitor", month_range(SETTLING, LAST)),
        ):
            run_job(instance, settings, job, span, None)


def _build_apart(settings: Settings) -> None:
    """`_build` in a process, so that this one needs no Spark session, and another of the tests can have it."""
    process = multiprocessing.get_context("spawn").Process(target=_build, args=(settings,))
    process.start()
    process.join()
    assert process.exitcode == 0, "see what it wrote on standard error"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The shipped shop with fewer candidates, the webserver and the daemon; their sensors look every five seconds."""
    folder = tmp_path_factory.mktemp("delivery")
    calendar = {"start": FIRST, "end": LAST}
    business = business_copy(folder, "shop", calendar=calendar, **EDITS)
    plan = SimulationPlan(customers=400, start=month_start(FIRST), months=13, seed=5)
    landing = Path(settings_for(folder, business).landing_uri)
    simulate_shop(plan, landing, folder / "truth")
    delivered = folder / "delivered"
    (delivered / "transactions").mkdir(parents=True)
    for extract in landing.glob(f"transactions/extract_date={NEXT}*"):
        extract.rename(delivered / extract.relative_to(landing))
    _build_apart(settings_for(folder, business))
    longer = business_copy(folder, "shop", calendar=calendar | {"end": NEXT}, **EDITS)
    settings = settings_for(folder, longer)
    deployment = Deployment(settings, folder, HURRIED)
    try:
        deployment.start()
        yield Shop(deployment, Lake(settings, load_business(longer)), delivered)
    finally:
        deployment.stop()


def test_a_file_that_is_dropped_is_scored_and_settles_what_it_tells(shop: Shop) -> None:
    """Sensors carry the month from the landing zone to segments, and the cohort that it settles to its quality."""
    deployment, lake = shop.deployment, shop.lake

    def looked() -> bool:
        return all(deployment.ticks(sensor, "SKIPPED") for sensor in SENSORS)

    until("a first look of every sensor", looked, 180)
    known = {run["runId"] for run in deployment.runs()}
    quality = lake.frame(tables.MODEL_PERFORMANCE)
    assert set(quality["status"]) == {"immature"}
    deliver(shop.delivered, deployment.settings)
    until("segments on the page", lambda: deployment.written(tables.CUSTOMER_SEGMENTS, NEXT), 500)
    until("the settled cohort", lambda: len(deployment.written(tables.MODEL_PERFORMANCE, SETTLING)) == 2, 300)

    def over() -> list[dict[str, Any]]:
        runs = [run for run in deployment.runs() if run["runId"] not in known]
        return runs if all(run["status"] in ("SUCCESS", "FAILURE") for run in runs) else []

    runs = until("the end of all runs", over, 300)
    assert {run["status"] for run in runs} == {"SUCCESS"}
    # the scores of the last day may be asked for before the file is dropped, or after
    runs = [run for run in runs if run["jobName"] != "daily"]
    range_of = "dagster/asset_partition_range_{}".format
    assert {
        (run["jobName"], run["tags"][range_of("start")], run["tags"][range_of("end")]) for run in runs
    } == {
        ("ingest", NEXT, NEXT),
        ("month_end", NEXT, NEXT),
        ("settle", SETTLING, SETTLING),
    }
    assert len(runs) == 3, "each was asked for once"
    balance = lake.frame(tables.RECONCILIATION)
    assert NEXT in set(balance["extract_month"]) and balance["balances"].all()
    people = lake.frame(tables.CUSTOMER_SNAPSHOTS, ["customer_key", "as_of_date"])
    eligible = set(people.loc[people["as_of_date"] == month_end(NEXT), "customer_key"])
    for table in (tables.CHURN_SCORES, tables.CUSTOMER_SEGMENTS):
        rows = lake.frame(table, ["customer_key", "as_of_date"])
        new = rows.loc[rows["as_of_date"] == month_end(NEXT), "customer_key"]
        assert eligible and new.is_unique and set(new) == eligible
    after = lake.frame(tables.MODEL_PERFORMANCE)
    settled = after[after["status"] != "immature"]
    assert list(settled["as_of_date"]) == [month_end(SETTLING)] and settled["auc"].between(0.6, 1).all()
    assert set(after["as_of_date"]) == {month_end(month) for month in month_range(SETTLING, NEXT)}
