"""A process of Dagster writes the structured log, although Dagster and uvicorn configure logging later."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from churn_assets import definitions
from churn_assets.deployment import logged
from churn_assets.deployment.dagster_home import prepare_dagster_home
from churn_assets.lakehouse.engine.processes import module_environment, only_one
from churn_assets.operations.log import writing
from churn_assets.operations.log.reading import read_log
from churn_assets.settings import Settings

# Stands for dagster-webserver: the same configuration of logging, and one failure of each kind.
SCRIPT = """
import logging, os, signal, sys, time
import click
from churn_assets.deployment import logged
from churn_assets.settings import Settings

def main():
    from dagster._utils.log import configure_loggers
    from uvicorn import Config
    configure_loggers()
    Config("no:app", log_level="warning")
    logging.getLogger("dagster.daemon.SensorDaemon").warning("A tick failed")
    logging.getLogger("dagster.daemon.SensorDaemon").info("Checking")
    try:
        raise ValueError("Zaphod Canary")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    logging.getLogger("some.library").warning("It is late")
    if sys.argv[1:] == ["fail"]:
        raise RuntimeError("Zaphod Canary")
    if sys.argv[1:] == ["interrupt"]:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
    if sys.argv[1:] == ["terminate"]:
        from dagster._utils.interrupts import setup_interrupt_handlers
        setup_interrupt_handlers()  # as each of Dagster's processes does: SIGTERM becomes what SIGINT is
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    if sys.argv[1:] == ["refuse"]:
        raise click.UsageError("Zaphod Canary")

class Script:
    def load(self):
        if sys.argv[1:] == ["interrupt while loading"]:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
        return lambda: click.Command("dagster-webserver", callback=main).main([])

logged.entry_points = lambda group, name: [Script()]
sys.exit(logged.run("dagster-webserver", sys.argv[1:], Settings()))
"""


def _run(
    home: Path, *arguments: str, before: Callable[[], object] | None = None
) -> "subprocess.CompletedProcess[str]":
    environment = module_environment(CHURN_HOME=str(home), DAGSTER_HOME="")
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=before,
    )


@pytest.mark.one_python(reason="starts processes of Dagster; others of this module do so on each Python")
def test_warnings_and_errors_of_dagster_and_uvicorn_are_in_the_log_and_printed_once(tmp_path: Path) -> None:
    done = _run(tmp_path)
    assert done.returncode == 0, done.stderr
    found = read_log(tmp_path / "log").records
    # Dagster turns warnings of Python into records of its own logger.
    records = [record for record in found if record["attributes"]["code.namespace"] != "dagster"]
    assert [record["body"] for record in records] == [
        "dagster-webserver starts.",
        "A tick failed",
        "Exception in ASGI application",
        "It is late",
    ]
    assert records[0]["event.name"] == "process.started"
    assert records[2]["attributes"]["exception.type"] == "builtins.ValueError"
    assert "Zaphod" not in json.dumps(found)
    printed = done.stdout + done.stderr
    assert [printed.count(r["body"]) for r in records[1:]] == [1, 1, 1], printed


def test_the_end_by_an_error_is_in_the_log_without_its_text(tmp_path: Path) -> None:
    done = _run(tmp_path, "fail")
    assert done.returncode == 1 and "RuntimeError: Zaphod Canary" in done.stderr
    *_, last = read_log(tmp_path / "log").records
    assert (last["event.name"], last["severity_text"]) == ("process.failed", "ERROR")
    assert last["attributes"]["exception.type"] == "builtins.RuntimeError"
    assert "Zaphod" not in json.dumps(last)


def test_the_end_by_an_exit_code_is_in_the_log(tmp_path: Path) -> None:
    """A command that refuses its options or finds no workspace only prints why, and exits."""
    done = _run(tmp_path, "refuse")
    assert done.returncode == 2 and "Zaphod Canary" in done.stderr
    *_, last = read_log(tmp_path / "log").records
    assert (last["event.name"], last["severity_text"]) == ("process.failed", "ERROR")
    assert last["body"] == "dagster-webserver ended with the exit code 2."
    assert "Zaphod" not in json.dumps(last)


@pytest.mark.parametrize("when", ["interrupt", "interrupt while loading"])
def test_ctrl_c_before_dagster_handles_it_is_no_failure(tmp_path: Path, when: str) -> None:
    done = _run(tmp_path, when)
    assert done.returncode != 0 and "KeyboardInterrupt" not in done.stderr
    found = read_log(tmp_path / "log").records
    assert "process.failed" not in {record.get("event.name") for record in found}
    assert (found[-1]["event.name"], found[-1]["severity_text"]) == ("process.interrupted", "INFO")
    assert found[-1]["body"] == "dagster-webserver was interrupted."


@pytest.mark.one_python(reason="starts processes of Dagster; others of this module do so on each Python")
def test_a_process_that_a_shell_started_in_the_background_ends_by_sigterm(tmp_path: Path) -> None:
    """Such a shell lets it ignore SIGINT, and Dagster treats SIGTERM as it finds SIGINT."""
    done = _run(tmp_path, "terminate", before=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    assert done.returncode != 0
    assert read_log(tmp_path / "log").records[-1]["body"] == "dagster-webserver was interrupted."


CODE_SERVER = [sys.executable, "-m", "dagster", "api", "grpc", "-m", "churn_assets.definitions"]


@pytest.mark.one_python(reason="starts processes of Dagster; others of this module do so on each Python")
def test_a_code_server_is_in_the_log_before_its_first_tick(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    server = subprocess.Popen(
        [*CODE_SERVER, "-p", port, "--host", "127.0.0.1"],
        env=module_environment(CHURN_HOME=str(tmp_path), DAGSTER_HOME=""),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while not (found := read_log(tmp_path / "log").records) and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        server.terminate()
        server.wait(60)
    (record,) = found
    assert (record["event.name"], record["attributes"]["churn.business"]) == ("definitions.loaded", "telecom")


def test_definitions_that_cannot_be_loaded_are_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    business = tmp_path / "business"
    business.mkdir()
    (business / "churn.yaml").write_text("label: nonsense\n")
    monkeypatch.setenv("CHURN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CHURN_BUSINESS", str(business))
    try:
        with pytest.raises(ValueError, match="there is no contract"):
            definitions.defs()
    finally:
        writing.stop()
    (record,) = read_log(tmp_path / "home" / "log").records
    assert (record["event.name"], record["severity_text"]) == ("definitions.failed", "ERROR")
    assert "there is no contract" in record["attributes"]["exception.message"]


def test_one_process_at_a_time_makes_the_files_of_dagster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = prepare_dagster_home(Settings(home=str(tmp_path)))
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    get = dg.DagsterInstance.get

    def alone() -> dg.DagsterInstance:
        with pytest.raises(BlockingIOError), only_one(home / logged.LOCK, wait=False):
            pass
        return get()

    monkeypatch.setattr(dg.DagsterInstance, "get", alone)
    logged._prepare_storage()
    assert (home / "history" / "runs" / "index.db").is_file()
    with only_one(home / logged.LOCK, wait=False):
        pass


def test_an_unknown_command_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no command dagster-demon"):
        logged.run("dagster-demon", [], Settings(home=str(tmp_path)))
    assert not (tmp_path / "log").exists()
