"""What Sail's server prints is in the structured log, without values of rows, and not on the terminal."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from churn_assets import trace
from churn_assets.lakehouse.engine.processes import module_environment
from churn_assets.lakehouse.engine.sail_output import ServerOutput
from churn_assets.operations.log import writing
from churn_assets.operations.log.reading import read_log
from churn_assets.settings import Settings

PRINTED = """\
[2026-11-29T14:59:43Z WARN sail_plan::resolver] Hint 'Zaphod Canary' is not supported
[2026-11-29T14:59:44Z ERROR sail_execution::job] cannot read zaphod@canary.example
Zaphod Canary
[2026-11-29T14:59:44Z INFO sail_session] creating session

thread 'tokio-runtime-worker' (1234) panicked at crates/sail-plan/src/lib.rs:12:5:
called `Result::unwrap()` on an `Err` value: CastError("Zaphod Canary")
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
memory allocation of 17 bytes failed
"""
REAL = """
import sys
from churn_assets import trace
from churn_assets.lakehouse.engine import sail
from churn_assets.operations.log import writing
from churn_assets.settings import Settings
sail.LEVELS = "warn"
settings = Settings(home=sys.argv[1], engine="sail")
writing.start(settings)
with trace.within("ab" * 16):
    frame = sail.start_session(settings).range(3)
frame.persist().count()
sail.stop_session()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    settings = Settings(home=str(tmp_path))
    writing.start(settings)
    yield writing.log_folder(settings)
    writing.stop()


def _printed(text: str) -> str:
    """The last line, after all were read."""
    reading, wrote = os.pipe()
    output = ServerOutput(os.fdopen(reading, errors="replace"))
    with os.fdopen(wrote, "w") as server:
        server.write(text)
    return output.last_line()


def test_each_message_is_a_record_and_its_further_lines_are_not(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with trace.within("ab" * 16):
        assert _printed(PRINTED) == "memory allocation of 17 bytes failed"
    records = read_log(folder).records
    assert [(r["severity_text"], r["attributes"]["code.namespace"], r["body"]) for r in records] == [
        ("WARN", "sail.sail_plan.resolver", "Hint *** is not supported"),
        ("ERROR", "sail.sail_execution.job", "cannot read ***"),
        ("FATAL", "sail", "thread *** (1234) panicked at crates/sail-plan/src/lib.rs:12:5:"),
        ("FATAL", "sail", "memory allocation of 17 bytes failed"),
    ]
    assert {r["trace_id"] for r in records} == {"ab" * 16}
    assert "anary" not in json.dumps(records)
    assert capfd.readouterr() == ("", "")


def test_without_a_log_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    assert _printed("") == ""
    _printed(PRINTED)
    assert capfd.readouterr() == ("", "")


def test_a_real_server_is_heard_in_the_trace_that_started_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", REAL, str(tmp_path)],
        env=module_environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    records = read_log(tmp_path / "log").records
    [record] = [r for r in records if r["attributes"]["code.namespace"].startswith("sail.")]
    assert record["severity_text"] == "WARN" and record["body"].startswith("Persist operation")
    assert record["trace_id"] == "ab" * 16
