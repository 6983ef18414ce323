"""A webserver and a daemon on one home, started as the README says, and asked over GraphQL as the browser does."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from churn_assets.deployment.dagster_home import prepare_dagster_home
from churn_assets.deployment.logged import MODULE
from churn_assets.lakehouse.tables import Table
from churn_assets.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = REPOSITORY / "workspace.yaml"
HURRIED = Path(__file__).with_name("hurried.yaml")  # sensors that look every five seconds
RUNS = """query($filter: RunsFilter) { runsOrError(filter: $filter) { ... on Runs { results {
  runId jobName status startTime endTime tags { key value }
  stats { ... on RunStatsSnapshot { stepsSucceeded stepsFailed } }
  assetMaterializations { assetKey { path } partition } } } } }"""
EVENTS = """query($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events {
  ... on MessageEvent { message } ... on ExecutionStepFailureEvent { error { message causes { message } } } } } } }"""
LAUNCH = """mutation($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
BACKFILL = """mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
PROGRESS = """query($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill {
  status error { message } runs { id status } } } }"""
TICKS = """query($sensor: SensorSelector!) { sensorOrError(sensorSelector: $sensor) { ... on Sensor {
  sensorState { ticks(limit: 200) { status skipReason runIds } } } ... on Error { message } } }"""
LOADED = """{ workspaceOrError { ... on Workspace { locationEntries { loadStatus locationOrLoadError {
  __typename ... on PythonError { message } } } } } }"""
SHOWN = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
  assetMaterializations(limit: 100) { partition runId } } } }"""
SENSOR = "query($sensor: SensorSelector!) { sensorOrError(sensorSelector: $sensor) { ... on Sensor { id } } }"
STOP = """mutation($id: String) { stopSensor(id: $id) { __typename ... on StopSensorMutationResult {
  instigationState { status } } } }"""
REPOSITORY_SELECTOR = {"repositoryLocationName": "churn_assets", "repositoryName": "__repository__"}


def until(what: str, ask: Callable[[], Any], seconds: float, every: float = 1.5) -> Any:
    """The first true answer.

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
        time.sleep(every)
    raise AssertionError(f"{what} did not happen in {seconds:.0f} s; last answer {answer}")


def deliver(folder: Path, settings: Settings) -> None:
    """Moves the extracts of a landing zone elsewhere into that of the settings; they are no longer young."""
    for extract in folder.glob("*/extract_date=*"):
        for file in extract.iterdir():
            os.utime(file, (time.time() - 3600, time.time() - 3600))
        target = Path(settings.landing_uri) / extract.relative_to(folder)
        target.parent.mkdir(exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        extract.rename(target)


class Deployment:
    """The two processes on one home; `environment` is added to theirs."""

    def __init__(self, settings: Settings, logs: Path, workspace: Path = SHIPPED, **environment: str) -> None:
        self.settings, self.logs = settings, logs
        self._workspace = ["-w", str(workspace)]
        self._environment = os.environ | environment
        self._environment |= {
            "CHURN_HOME": settings.home,
            "CHURN_BUSINESS": settings.business,
            "DAGSTER_HOME": str(prepare_dagster_home(settings)),
        }
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = str(probe.getsockname()[1])
        self._webserver: subprocess.Popen[bytes] | None = None
        self._daemon: subprocess.Popen[bytes] | None = None
        self._sessions: list[int] = []

    def start(self) -> None:
        """Both, until the page answers."""
        self.start_daemon()
        self.start_webserver()

    def start_webserver(self) -> None:
        """A webserver, until it answers and has loaded the assets."""
        page = ["dagster-webserver", *self._workspace, "-h", "127.0.0.1", "-p", self._port]
        self._webserver = self._start("webserver", page)

        def location() -> dict[str, Any]:
            [entry] = self.graphql(LOADED)["workspaceOrError"]["locationEntries"]
            found: dict[str, Any] = entry["locationOrLoadError"] or {}
            return found

        loaded = until("the webserver's start", location, 180)
        assert loaded["__typename"] == "RepositoryLocation", loaded

    def start_daemon(self) -> None:
        """A daemon; there must be none."""
        self._daemon = self._start("daemon", ["dagster-daemon", "run", *self._workspace])

    def _start(self, name: str, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        with (self.logs / f"{name}.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", MODULE, *command],
                env=self._environment,
                cwd=REPOSITORY,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._sessions.append(process.pid)
        return process

    def kill_daemon(self) -> None:
        """kill -9 of the daemon alone: its code server and the run below that go on without it."""
        assert self._daemon
        self._daemon.kill()
        self._daemon.wait()

    def stop(self) -> None:
        """Ctrl-C to both, and an end to what they leave: a run that a failed test did not wait for.

        Raises:
            AssertionError: one did not end within 60 s.
        """
        late = []
        processes = [p for p in (self._daemon, self._webserver) if p]
        for process in processes:
            process.send_signal(signal.SIGINT)
        for process in processes:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                late.append(process.args)
        for session in self._sessions:  # only what was started here
            try:
                os.killpg(session, signal.SIGKILL)
            except ProcessLookupError:
                continue
        assert not late, f"{late} did not end within 60 s of SIGINT"

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of the answer.

        Raises:
            AssertionError: the answer holds errors.
        """
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    def runs(self, **chosen: Any) -> list[dict[str, Any]]:
        """Runs by a RunsFilter (`runIds`, `pipelineName`, `statuses`, `tags`), the newest first; tags as a mapping."""
        found = self.graphql(RUNS, filter=chosen)["runsOrError"]["results"]
        return [run | {"tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in found]

    def finished(self, run_id: str, seconds: float = 600) -> dict[str, Any]:
        """The run, once it has ended, however it did."""

        def ended() -> dict[str, Any] | None:
            [run] = self.runs(runIds=[run_id])
            return run if run["status"] in ("SUCCESS", "FAILURE", "CANCELED") else None

        run: dict[str, Any] = until(f"the end of run {run_id}", ended, seconds)
        return run

    def messages(self, run_id: str) -> str:
        """What the events of a run say, with the causes of errors, a line each."""
        events = self.graphql(EVENTS, id=run_id)["logsForRun"]["events"]
        errors = [e["error"] for e in events if e.get("error")]
        lines = [e["message"] for e in events if e.get("message")]
        lines += [part["message"] for error in errors for part in (error, *error["causes"])]
        return "\n".join(lines)

    def worker(self, run_id: str) -> int:
        """Process id of a run that executes steps."""
        said = until("a worker", lambda: re.search(r"\(pid: (\d+)\)", self.messages(run_id)), 60, 0.1)
        return int(said[1])

    def materialise(self, key: Sequence[str], month: str) -> str:
        """The page's "Materialize" for one asset and month; the id of the run."""
        selector = REPOSITORY_SELECTOR | {
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [{"path": list(key)}],
        }
        tags = [{"key": "dagster/partition", "value": month}]
        params = {
            "selector": selector,
            "mode": "default",
            "runConfigData": {},
            "executionMetadata": {"tags": tags},
        }
        launched = self.graphql(LAUNCH, params=params)["launchPipelineExecution"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def backfill(self, keys: Sequence[Sequence[str]], months: Sequence[str]) -> str:
        """The page's backfill of some assets and months; its id."""
        params = {
            "assetSelection": [{"path": list(key)} for key in keys],
            "partitionNames": list(months),
            "title": f"{months[0]} to {months[-1]}",
        }
        launched = self.graphql(BACKFILL, params=params)["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        return str(launched["backfillId"])

    def backfill_state(self, backfill_id: str) -> dict[str, Any]:
        """Status, error and runs."""
        state: dict[str, Any] = self.graphql(PROGRESS, id=backfill_id)["partitionBackfillOrError"]
        return state

    def shown(self, table: Table) -> list[tuple[str | None, str]]:
        """Months (None: of a table without) and runs that the page shows for a table, the newest first."""
        node = self.graphql(SHOWN, key={"path": list(table.key)})["assetNodeOrError"]
        return [(m["partition"], str(m["runId"])) for m in node["assetMaterializations"]]

    def written(self, table: Table, month: str) -> list[str]:
        """Runs that the page shows for a month of a table, the newest first."""
        return [run for shown, run in self.shown(table) if shown == month]

    def ticks(self, sensor: str, *statuses: str) -> list[dict[str, Any]]:
        """The latest ticks of a sensor with one of these statuses, the newest first."""
        answer = self.graphql(TICKS, sensor=REPOSITORY_SELECTOR | {"sensorName": sensor})["sensorOrError"]
        assert "sensorState" in answer, answer
        return [tick for tick in answer["sensorState"]["ticks"] if tick["status"] in statuses]

    def switch_off(self, sensor: str) -> None:
        """The page's switch of a sensor."""
        selector = REPOSITORY_SELECTOR | {"sensorName": sensor}
        found = self.graphql(SENSOR, sensor=selector)["sensorOrError"]
        stopped = self.graphql(STOP, id=found["id"])["stopSensor"]
        assert stopped["instigationState"]["status"] == "STOPPED", stopped
