"""A webserver and a daemon on the instance of the demo, asked over GraphQL as the browser does."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets_tests.end_to_end.conftest import REPOSITORY, Demo

Graphql = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.slow


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _until(what: str, ask: Callable[[], Any], seconds: float) -> Any:
    """The first true answer, asked for every second.

    Raises:
        AssertionError: none came in time; says what was waited for and the last answer.
    """
    deadline, answer = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        try:
            answer = ask()
        except (urllib.error.URLError, ConnectionError) as error:
            answer = error
        else:
            if answer:
                return answer
        time.sleep(1)
    raise AssertionError(f"{what} did not happen in {seconds:.0f} s; last answer {answer}")


@pytest.fixture(scope="module")
def graphql(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graphql]:
    """A webserver and a daemon on the demo's instance; ends both and sees to it that they end in time."""
    port, logs = _free_port(), tmp_path_factory.mktemp("logs")
    workspace = str(REPOSITORY / "workspace.yaml")
    commands = {
        "webserver": ["dagster-webserver", "-w", workspace, "-h", "127.0.0.1", "-p", str(port)],
        "daemon": ["dagster-daemon", "run", "-w", workspace],
    }
    running = {}
    for name, (program, *words) in commands.items():
        with (logs / f"{name}.log").open("w") as log:
            command = [str(Path(sys.executable).with_name(program)), *words]
            running[name] = subprocess.Popen(
                command, env=demo.env, cwd=REPOSITORY, stdout=log, stderr=log, start_new_session=True
            )

    def ask(query: str, **variables: Any) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    try:
        _until("the webserver's start", lambda: ask("{ version }"), 120)
        yield ask
    finally:
        for process in running.values():
            process.send_signal(signal.SIGINT)
        for process in running.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # its own session: only what this test started
                process.wait(10)
                raise AssertionError(f"{process.args} did not end within 30 s of SIGINT") from None


def test_the_ui_shows_the_location_and_the_runs(graphql: Graphql) -> None:
    def loaded() -> list[dict[str, Any]]:
        entries = graphql(
            """{ workspaceOrError { __typename ... on Workspace { locationEntries {
            name loadStatus locationOrLoadError { __typename } } } } }"""
        )["workspaceOrError"]["locationEntries"]
        return [e for e in entries if e["loadStatus"] == "LOADED"]

    [entry] = _until("loading the code location", loaded, 90)
    assert entry["locationOrLoadError"]["__typename"] == "RepositoryLocation"
    runs = graphql("{ runsOrError { ... on Runs { results { pipelineName status } } } }")["runsOrError"][
        "results"
    ]
    assert {(r["pipelineName"], r["status"]) for r in runs} == {
        (job, "SUCCESS") for job in ("ingest", "snapshot", "train", "score", "monitor")
    }


def test_the_daemons_are_healthy(graphql: Graphql) -> None:
    def healthy() -> bool:
        query = "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"
        states = graphql(query)["instance"]["daemonHealth"]["allDaemonStatuses"]
        return bool(states) and all(s["healthy"] for s in states if s["required"])

    assert _until("healthy daemons", healthy, 90)


MATERIALISE = """mutation($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
RUN = """query($id: ID!) { runOrError(runId: $id) { ... on Run { status stats { ... on RunStatsSnapshot {
  stepsSucceeded stepsFailed } } assetMaterializations { assetKey { path } partition } } } }"""
BACKFILL = """mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
PROGRESS = """query($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill {
  status error { message } runs { id status } } } }"""
CHECKS = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode { assetChecksOrError {
  ... on AssetChecks { checks { name blocking executionForLatestMaterialization { status runId } } } } } } }"""
MONTHS = ["2025-03", "2025-04", "2025-05"]


def _run(graphql: Graphql, run_id: str) -> dict[str, Any]:
    run: dict[str, Any] = graphql(RUN, id=run_id)["runOrError"]
    return run


def test_an_asset_is_materialised_from_the_ui(demo: Demo, graphql: Graphql) -> None:
    """Alone, in a process of its own: nothing but what it reads itself has started anything."""
    lakehouse, table = Lakehouse(demo.settings), tables.CUSTOMER_SEGMENTS
    before, rows = lakehouse.version(table), lakehouse.count(table)
    selector = {
        "repositoryLocationName": "churn_assets",
        "repositoryName": "__repository__",
        "pipelineName": "__ASSET_JOB",
        "assetSelection": [{"path": list(table.key)}],
    }
    tags = [{"key": "dagster/partition", "value": "2026-06"}]
    params = {
        "selector": selector,
        "mode": "default",
        "runConfigData": {},
        "executionMetadata": {"tags": tags},
    }
    launched = graphql(MATERIALISE, params=params)["launchPipelineExecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run_id = launched["run"]["runId"]
    _until("the run", lambda: _run(graphql, run_id)["status"] in ("SUCCESS", "FAILURE"), 300)
    run = _run(graphql, run_id)
    assert (run["status"], run["stats"]) == ("SUCCESS", {"stepsSucceeded": 1, "stepsFailed": 0})
    assert [m["assetKey"]["path"] for m in run["assetMaterializations"]] == [table.key]
    assert lakehouse.version(table) == (before or 0) + 1
    assert lakehouse.count(table) == rows


def test_three_months_are_filled_again_from_the_ui(demo: Demo, graphql: Graphql) -> None:
    """One backfill is one run with one JVM; every table is as it was, every check passed again."""
    lakehouse, business = Lakehouse(demo.settings), load_business(demo.settings.business_path)
    source = business.source("customers")
    filled = [tables.bronze(source), tables.silver(source), tables.RECONCILIATION]
    watched = [*filled, tables.QUARANTINE, tables.customer_identity(business)]
    rows = {t.path: lakehouse.count(t) for t in watched}
    versions = {t.path: lakehouse.version(t) for t in watched}
    params = {
        "assetSelection": [{"path": list(t.key)} for t in filled],
        "partitionNames": MONTHS,
        "title": "again",
    }
    launched = graphql(BACKFILL, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched

    def finished() -> dict[str, Any] | None:
        state: dict[str, Any] = graphql(PROGRESS, id=launched["backfillId"])["partitionBackfillOrError"]
        return state if state["status"] not in ("REQUESTED", "COMPLETING") else None

    state = _until("the backfill", finished, 400)
    assert state["status"] == "COMPLETED_SUCCESS", state
    [run] = state["runs"]
    told = _run(graphql, run["id"])
    assert (told["status"], told["stats"]["stepsFailed"]) == ("SUCCESS", 0)
    marked = {(*m["assetKey"]["path"], m["partition"]) for m in told["assetMaterializations"]}
    assert marked >= {(*t.key, month) for t in filled for month in MONTHS}
    assert {t.path: lakehouse.count(t) for t in watched} == rows
    assert {t.path: lakehouse.version(t) for t in watched} == {p: (v or 0) + 1 for p, v in versions.items()}
    for table in filled[1:]:
        node = graphql(CHECKS, key={"path": list(table.key)})["assetNodeOrError"]
        checks = node["assetChecksOrError"]["checks"]
        assert checks
        for check in checks:
            assert check["blocking"]
            assert check["executionForLatestMaterialization"] == {"status": "SUCCEEDED", "runId": run["id"]}
