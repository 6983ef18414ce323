"""What the daemon does by itself, and what survives when parts of it are killed; told in order on one deployment."""

import os
import signal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.tables import Table
from churn_assets.operations.incidents.incident import Incident
from churn_assets.operations.incidents.store import incidents
from churn_assets_tests.end_to_end.conftest import NEXT, Living
from churn_assets_tests.end_to_end.deployment import Deployment, deliver, until
from churn_assets_tests.worlds import Lake

pytestmark = pytest.mark.slow
CHECKS = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode { assetChecksOrError {
  ... on AssetChecks { checks { name blocking executionForLatestMaterialization { status runId } } } } } } }"""
IN_TURN = (["2025-06", "2025-07", "2025-08"], ["2025-07", "2025-08", "2025-09"])


@pytest.fixture(scope="module")
def delivery(living: Living) -> pd.DataFrame:
    """The next month's files, moved into the landing zone; the reconciliation as it was before."""
    before = living.lake.frame(tables.RECONCILIATION)
    deliver(living.delivered, living.deployment.settings)
    return before


def test_degraded_cohorts_call_for_a_training_that_without_mlflow_fails_soon_and_changes_nothing(
    living: Living, delivery: pd.DataFrame
) -> None:
    deployment, lake = living.deployment, living.lake
    champions, trainings = lake.frame(tables.CHAMPIONS), lake.frame(tables.TRAINING_RUNS)
    assert len(champions) == 1
    [asked] = until(
        "a training",
        lambda: [r for r in deployment.runs(pipelineName="train") if "churn/why" in r["tags"]],
        180,
    )
    assert asked["tags"]["churn/retraining"] == "degradation"
    assert "3 of the last 3 cohorts are below the bar" in asked["tags"]["churn/why"]
    run = deployment.finished(asked["runId"], 180)
    assert run["status"] == "FAILURE"
    assert run["endTime"] - run["startTime"] < 90
    said = deployment.messages(asked["runId"])
    assert "MLflow at http://127.0.0.1:" in said and "does not answer" in said
    pd.testing.assert_frame_equal(lake.frame(tables.CHAMPIONS), champions)
    pd.testing.assert_frame_equal(lake.frame(tables.TRAINING_RUNS), trainings)


def _until_it_writes(lake: Lake, table: Table) -> None:
    before = lake.lakehouse.version(table)
    until(f"a write to {table.path}", lambda: lake.lakehouse.version(table) != before, 400, 0.05)


def _arrived(lake: Lake, table: Table) -> pd.DataFrame:
    frame = lake.frame(table)
    return frame[frame["extract_month"] == NEXT]


def test_a_month_that_arrives_is_ingested_also_when_its_worker_is_killed(
    living: Living, delivery: pd.DataFrame
) -> None:
    """Nobody does anything but deliver files, and kill -9 in the middle of silver."""
    deployment, lake = living.deployment, living.lake
    customers, tickets = (lake.business.source(name) for name in ("customers", "tickets"))
    before = lake.lakehouse.version(tables.silver(tickets))
    _until_it_writes(lake, tables.silver(customers))
    [run] = deployment.runs(pipelineName="ingest", statuses=["STARTED"])
    os.kill(deployment.worker(run["runId"]), signal.SIGKILL)
    first = deployment.finished(run["runId"])
    assert first["status"] == "FAILURE"
    assert {k: v for k, v in first["tags"].items() if k.startswith("dagster/asset_partition_range")} == {
        "dagster/asset_partition_range_start": NEXT,
        "dagster/asset_partition_range_end": NEXT,
    }
    assert lake.lakehouse.version(tables.silver(tickets)) == before

    def retried() -> list[dict[str, Any]]:
        parent = {"key": "dagster/parent_run_id", "value": run["runId"]}
        return deployment.runs(tags=[parent])

    [retry] = until("the retry", retried, 90)
    assert deployment.finished(retry["runId"])["status"] == "SUCCESS"
    # nothing lost, nothing doubled
    balance = lake.frame(tables.RECONCILIATION)
    earlier = balance[balance["extract_month"] != NEXT].reset_index(drop=True)
    pd.testing.assert_frame_equal(earlier, delivery)
    assert len(balance) == len(earlier) + len(lake.business.sources)
    assert balance["balances"].all()
    for source in lake.business.sources:
        rows = _arrived(lake, tables.bronze(source))
        assert len(rows) > 0
        assert not rows.duplicated(["source_file", "row_number"]).any()
    files = Path(lake.settings.landing_uri, "tickets").glob(f"extract_date={NEXT}-*/*.jsonl")
    lines = [line for file in files for line in file.read_text().splitlines() if line.strip()]
    assert len(_arrived(lake, tables.bronze(tickets))) == len(lines)
    keys = lake.frame(tables.CUSTOMER_KEYS)
    assert keys["customer_id"].is_unique and keys["customer_key"].is_unique
    # and the page shows it, down to gold
    monthly = [tables.silver(tickets), tables.RECONCILIATION, tables.CUSTOMER_MONTHS]
    for table, month in [*((table, NEXT) for table in monthly), (tables.CUSTOMERS, None)]:
        assert deployment.shown(table)[0] == (month, retry["runId"]), table.path
    assert len(deployment.ticks("ingest_new_files_sensor", "SUCCESS")) == 1


def _completed(deployment: Deployment, backfill_id: str) -> dict[str, Any]:
    def over() -> dict[str, Any] | None:
        state = deployment.backfill_state(backfill_id)
        return state if state["status"] not in ("REQUESTED", "COMPLETING") else None

    state: dict[str, Any] = until("the end of the backfill", over, 400)
    assert state["status"] == "COMPLETED_SUCCESS", state
    [run] = state["runs"]
    return deployment.finished(run["id"])


def _rows(lake: Lake, table: Table) -> pd.DataFrame:
    """Rows of the sources that are left; the reconciliation of the demo has more.

    Its column `rules` is left out: the contracts that judge now are not those of the demo.
    """
    frame = lake.frame(table).drop(columns="rules", errors="ignore")
    if "source" in frame:
        names = [source.name for source in lake.business.sources]
        frame = frame[frame["source"].isin(names)].reset_index(drop=True)
    return frame


def test_overlapping_backfills_take_turns_even_when_the_daemon_dies(living: Living) -> None:
    """One backfill is one run with one JVM; every table is as it was, every check passed again."""
    deployment, lake = living.deployment, living.lake
    source = lake.business.source("tickets")
    filled = [tables.bronze(source), tables.silver(source), tables.RECONCILIATION]
    watched = [*filled, tables.QUARANTINE]
    before = {t: _rows(lake, t) for t in watched}
    versions = {t: lake.lakehouse.version(t) or 0 for t in filled}
    backfills = [deployment.backfill([t.key for t in filled], months) for months in IN_TURN]

    def runs() -> list[dict[str, Any]]:
        return [run for b in backfills for run in deployment.backfill_state(b)["runs"]]

    until("a run of each", lambda: len(runs()) == 2, 240)
    until("the first to begin", lambda: any(r["status"] == "STARTED" for r in runs()), 240)
    deployment.kill_daemon()
    deployment.start_daemon()
    told = sorted((_completed(deployment, b) for b in backfills), key=lambda run: run["startTime"])
    assert told[0]["endTime"] <= told[1]["startTime"]
    for run in told:
        assert run["stats"]["stepsFailed"] == 0
        tags = run["tags"]
        months = next(m for m in IN_TURN if m[0] == tags["dagster/asset_partition_range_start"])
        marked = {(*m["assetKey"]["path"], m["partition"]) for m in run["assetMaterializations"]}
        assert marked >= {(*t.key, month) for t in filled for month in months}
    for table in watched:
        pd.testing.assert_frame_equal(_rows(lake, table), before[table], obj=table.path)
    expected = {t: v + 2 for t, v in versions.items()}
    expected[tables.RECONCILIATION] += (
        2  # silver writes its verdict there before the balance is counted again
    )
    assert {t: lake.lakehouse.version(t) for t in filled} == expected
    for table in filled[1:]:
        node = deployment.graphql(CHECKS, key={"path": list(table.key)})["assetNodeOrError"]
        checks = node["assetChecksOrError"]["checks"]
        assert checks
        for check in checks:
            assert check["blocking"] or check["name"] == "columns_stay_filled"
            assert check["executionForLatestMaterialization"] == {
                "status": "SUCCEEDED",
                "runId": told[1]["runId"],
            }


def test_the_failed_training_is_an_incident(living: Living) -> None:
    """The daemon's own look; what else is one, and how each ends: `test_incidents.py`."""

    def of_training() -> list[Incident]:
        return [i for i in incidents(living.lake.lakehouse) if i.dedup_key.startswith("run:train:")]

    [incident] = until("an incident", of_training, 120)
    assert incident.kind == "run_failed"
