"""`churn-assets demo` in a process of its own, what it leaves behind, and the UI and daemon on top of it."""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.settings import Settings

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).resolve().parents[2]
NATURAL_ID = re.compile(rb"(?<![0-9A-Za-z])C[0-9]{7}(?![0-9A-Za-z])")
NAMED = ("bronze", "silver/customer_keys", "silver/customer_identity", "silver/quarantine")


@dataclass(frozen=True)
class Demo:
    """A finished demo: its home and what it printed."""

    settings: Settings
    output: str

    @property
    def home(self) -> Path:
        """CHURN_HOME."""
        return self.settings.home_path

    @property
    def env(self) -> dict[str, str]:
        """Environment of further processes on this home."""
        return os.environ | {"CHURN_HOME": str(self.home), "DAGSTER_HOME": str(self.home / "dagster")}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demo, run once; with much fewer customers the test cohort has too few churners to judge a model by."""
    home = tmp_path_factory.mktemp("demo") / "home"
    done = subprocess.run(
        [str(Path(sys.executable).with_name("churn-assets")), "demo", "--customers", "1500"],
        env=os.environ | {"CHURN_HOME": str(home), "COLUMNS": "160"},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return Demo(Settings(home=str(home)), done.stdout)


def test_the_summary_tells_what_came_out(demo: Demo) -> None:
    for said in (
        "Extracts of 2025-01 to 2026-06",
        "features/customer_snapshots",
        "Refused rows",
        "ROC-AUC on the last mature cohort",
        "Segments on 2026-06-30",
        "The ten riskiest customers",
        "Done in",
    ):
        assert said in demo.output
    assert "Traceback" not in demo.output
    assert not NATURAL_ID.search(demo.output.encode())


def test_every_table_is_there(demo: Demo) -> None:
    lakehouse, business = Lakehouse(demo.settings), load_business(demo.settings.business_path)
    counts = {t.path: lakehouse.count(t) for t in tables.catalogue(business)}
    assert all(counts.values()), counts
    balance = lakehouse.arrow(tables.RECONCILIATION).to_pylist()
    assert len(balance) == 6 * 18
    assert all(r["balances"] for r in balance)
    snapshots = lakehouse.arrow(tables.CUSTOMER_SNAPSHOTS, ["customer_key", "as_of_date"])
    assert len(set(snapshots["as_of_date"].to_pylist())) == 13
    labels = lakehouse.arrow(tables.CHURN_LABELS, ["as_of_date", "label", "outcome"]).to_pylist()
    assert len(labels) == snapshots.num_rows
    assert {str(r["as_of_date"]) for r in labels if r["outcome"] == "pending"} == {"2026-05-31", "2026-06-30"}
    # trained as of the end: honest scores exist for that month only
    scores = lakehouse.arrow(tables.CHURN_SCORES, ["as_of_date", "customer_key"]).to_pylist()
    assert {str(r["as_of_date"]) for r in scores} == {"2026-06-30"}
    segments = lakehouse.arrow(tables.CUSTOMER_SEGMENTS, ["customer_key", "segment"]).to_pylist()
    assert {r["customer_key"] for r in segments} == {r["customer_key"] for r in scores}
    assert len(segments) == len(scores)


def test_the_model_is_tracked_and_in_charge(demo: Demo) -> None:
    with closing(sqlite3.connect(demo.home / "mlflow.db")) as db:
        runs = db.execute("SELECT status FROM runs").fetchall()
        alias = db.execute("SELECT alias, version FROM registered_model_aliases").fetchall()
    assert runs == [("FINISHED",)]
    assert alias == [("champion", 1)]


def test_natural_ids_stay_where_they_are_named(demo: Demo) -> None:
    """Byte scan of all that is not landing zone, truth, or a table declared to be personal."""
    from deltalake import DeltaTable

    places = [
        demo.home / p
        for p in ("mlflow.db", "mlartifacts", "dagster", "lake/features", "lake/gold", "lake/scores")
    ]
    places += [demo.home / "lake" / "models"]
    places += [p for p in (demo.home / "lake" / "silver").iterdir() if f"silver/{p.name}" not in NAMED]
    found, scanned = [], 0
    for place in places:
        for file in [place] if place.is_file() else sorted(f for f in place.rglob("*") if f.is_file()):
            scanned += 1
            hit = NATURAL_ID.search(file.read_bytes())
            if hit:
                found.append((str(file.relative_to(demo.home)), hit[0]))
    assert scanned > 50
    assert found == []
    # Parquet is compressed: look at the values too
    for table in [*(demo.home / "lake").glob("*/*")]:
        if f"{table.parent.name}/{table.name}" in NAMED or table.parent.name == "bronze":
            continue
        text = DeltaTable(str(table)).to_pyarrow_table()
        for column in text.column_names:
            if str(text[column].type) == "string":
                assert not any(NATURAL_ID.search(v.encode()) for v in set(text[column].to_pylist()) if v), (
                    table,
                    column,
                )


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
def graphql(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., dict[str, Any]]]:
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


def test_the_ui_shows_the_location_and_the_runs(graphql: Callable[..., dict[str, Any]]) -> None:
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
        (job, "SUCCESS") for job in ("ingest", "snapshot", "train", "score")
    }


def test_the_daemons_are_healthy(graphql: Callable[..., dict[str, Any]]) -> None:
    def healthy() -> bool:
        query = "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"
        states = graphql(query)["instance"]["daemonHealth"]["allDaemonStatuses"]
        return bool(states) and all(s["healthy"] for s in states if s["required"])

    assert _until("healthy daemons", healthy, 90)


BACKFILL = """mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
PROGRESS = """query($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill {
  status error { message } runs { status } } } }"""


def test_a_month_is_filled_again_from_the_ui(demo: Demo, graphql: Callable[..., dict[str, Any]]) -> None:
    """The daemon ticks every 30 s, so this takes a minute or two."""
    lakehouse, business = Lakehouse(demo.settings), load_business(demo.settings.business_path)
    table = tables.bronze(business.source("customers"))
    rows, version = lakehouse.count(table), lakehouse.version(table)
    params = {
        "assetSelection": [{"path": ["bronze", "customers"]}],
        "partitionNames": ["2025-03"],
        "title": "again",
    }
    launched = graphql(BACKFILL, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched

    def finished() -> dict[str, Any] | None:
        state: dict[str, Any] = graphql(PROGRESS, id=launched["backfillId"])["partitionBackfillOrError"]
        return state if state["status"] not in ("REQUESTED", "COMPLETING") else None

    state = _until("the backfill", finished, 300)
    assert state["status"] == "COMPLETED_SUCCESS", state
    assert [r["status"] for r in state["runs"]] == ["SUCCESS"]
    assert lakehouse.count(table) == rows
    assert lakehouse.version(table) == (version or 0) + 1
