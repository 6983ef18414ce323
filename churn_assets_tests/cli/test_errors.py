"""What the operating system refuses is one sentence with the path and the remedy."""

import errno
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from churn_assets.cli.errors import sentence
from churn_assets.cli.options import settings_of_process
from churn_assets.lakehouse.engine import session
from churn_assets.settings import filesystem
from churn_assets_tests.cli.calling import call


def _chained() -> Exception:
    try:
        try:
            raise sqlite3.OperationalError("database or disk is full")
        except sqlite3.OperationalError as cause:
            raise ValueError("(sqlite3.OperationalError) and a page of SQL") from cause
    except ValueError as error:
        return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/x/y"),
            "Error: The disk is full: /x/y. Free some space",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "/x"),
            "Error: No permission: /x. Change its owner",
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "/x"),
            "Error: This file system can only be read: /x.",
        ),
        (
            OSError(errno.ELOOP, "Too many levels of symbolic links", "/x"),
            "Too many levels of symbolic links: /x.",
        ),
        (
            FileNotFoundError("CHURN_BUSINESS=x: no churn.yaml there."),
            "Error: CHURN_BUSINESS=x: no churn.yaml there.",
        ),
        (
            Exception(
                "java.lang.ClassNotFoundException: Class org.apache.hadoop.fs.s3a.S3AFileSystem not found\n"
            ),
            "Error: Spark lacks the library of the object store (org.apache.hadoop.fs.s3a.S3AFileSystem).",
        ),
        (_chained(), "Error: The disk is full: a database in CHURN_HOME cannot be written"),
    ],
)
def test_an_error_of_the_system_is_a_sentence(error: Exception, said: str) -> None:
    found = sentence(error)
    assert found is not None
    assert found.text.startswith(said) or said in found.text
    assert found.exit_code == 2 and "[Errno" not in found.text and "\n" not in found.text


def test_a_defect_keeps_its_traceback() -> None:
    assert sentence(KeyError("x")) is None


@pytest.mark.parametrize(
    "words", [["run", "ingest", "--from", "2025-01"], ["doctor", "--quick"], ["summary"]]
)
def test_a_home_that_cannot_be_made_is_told_without_a_traceback(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CHURN_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setenv("COLUMNS", "500")
    code, printed = call(monkeypatch, capsys, *words)
    assert "Traceback" not in printed and "[Errno" not in printed
    if words[0] == "run":
        assert code == 2
        assert f"Error: A file is in place of a folder: {tmp_path}/file/home" in printed


def test_ctrl_c_is_a_sentence_and_the_exit_code_of_an_interrupt(tmp_path: Path) -> None:
    words = ["simulate", "--customers", "50000", "--months", "18"]
    process = subprocess.Popen(
        [sys.executable, "-c", "from churn_assets.cli.main import main; main()", *words],
        env=os.environ | {"CHURN_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(600):
        if (tmp_path / "landing").exists() or process.poll() is not None:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted." in told and "Traceback" not in told


def test_the_home_of_dagster_that_cannot_be_made_is_told_in_a_sentence(tmp_path: Path) -> None:
    """`make ui` asks for it before anything else."""
    (tmp_path / "file").touch()
    done = subprocess.run(
        [sys.executable, "-m", "churn_assets.deployment.dagster_home"],
        env=os.environ | {"CHURN_HOME": str(tmp_path / "file" / "home")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: Not a directory:") and "Set CHURN_HOME" in done.stderr


def test_a_location_of_an_unknown_kind_is_a_sentence() -> None:
    with pytest.raises(RuntimeError, match=r"foo://\*+@x/landing cannot be used as a location") as raised:
        filesystem("foo://me:secret@x/landing")
    assert sentence(raised.value) is not None


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("CHURN_APP_PORT", "secret", "CHURN_APP_PORT: input should be a valid integer"),
        ("CHURN_API_PORT", "99999", "CHURN_API_PORT: input should be less than or equal to 65535."),
        (
            "CHURN_APP_ROLE",
            "boss",
            "CHURN_APP_ROLE: input should be 'viewer', 'agent', 'manager' or 'steward'.",
        ),
        ("CHURN_APP_GROUPS", "{retention: agent}", "CHURN_APP_GROUPS is no JSON."),
        ("CHURN_APP_GROUPS", '{"a": "boss"}', "CHURN_APP_GROUPS (a): input should be 'viewer'"),
        ("CHURN_APP_ISSUER", "https://login.example.com", "CHURN_APP_ADDRESS is not set."),
        ("CHURN_ENGINE", "flink", "CHURN_ENGINE: input should be 'auto', 'sail' or 'spark'."),
    ],
)
def test_a_wrong_setting_is_a_sentence_without_its_value(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(click.UsageError) as raised:
        settings_of_process()
    told = str(raised.value)
    assert said in told
    assert "\n" not in told and "pydantic" not in told
    assert value not in told


def test_the_end_of_the_engine_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    class ConnectionLostError(Exception):
        """As that of a client whose server was killed."""

    monkeypatch.setattr(session, "why_engine_ended", lambda _: "The server of Sail was killed by signal 9.")
    monkeypatch.setitem(sys.modules, "pyspark", sys)
    told = sentence(ConnectionLostError())
    assert told is not None and told.text == "Error: The server of Sail was killed by signal 9."
    assert sentence(RuntimeError("Ours."))[0] == "Error: Ours."  # type: ignore[index]
