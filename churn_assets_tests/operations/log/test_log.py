"""The structured log: nothing is lost over a kill, nothing personal is kept, and no run fails for it."""

import errno
import json
import logging
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from churn_assets import trace
from churn_assets.lakehouse.engine.processes import module_environment
from churn_assets.operations.log import writing
from churn_assets.operations.log.reading import read_log
from churn_assets.operations.log.records import masked
from churn_assets.operations.log.spool import Spool, forget
from churn_assets.settings import Settings

CANARY = "Zaphod Canary"
PHONE = "+49 170 1234567"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    settings = Settings(home=str(tmp_path))
    writing.start(settings)
    yield writing.log_folder(settings)
    writing.stop()


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def test_an_event_has_the_names_of_opentelemetry_and_is_readable_by_its_owner_only(folder: Path) -> None:
    with trace.within("ab" * 16):
        writing.event("step.ended", "gold/customers ended.", asset="gold/customers", rows=7, none=None)
    (record,) = read_log(folder).records
    assert record["event.name"] == "step.ended" and record["body"] == "gold/customers ended."
    assert record["trace_id"] == "ab" * 16
    assert (record["severity_text"], record["severity_number"]) == ("INFO", 9)
    assert record["resource"]["service.name"] == "churn_assets" and record["resource"]["service.version"]
    assert record["attributes"] == {
        "code.namespace": "churn_assets.events",
        "churn.asset": "gold/customers",
        "churn.rows": 7,
    }
    assert stat.S_IMODE(_files(folder)[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_record_names_its_machine_and_what_the_environment_adds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = "deployment.environment.name=pre%2Dlive, team = churn,nothing,service.name=other"
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", given)
    found = writing.resource_of_process()
    assert (found["deployment.environment.name"], found["team"]) == ("pre-live", "churn")
    assert found["service.name"] == "churn_assets" and found["host.name"] == socket.gethostname()
    assert "nothing" not in found


def test_records_survive_kill_9(tmp_path: Path) -> None:
    code = (
        "import time\nfrom churn_assets.operations.log import writing\nfrom churn_assets.settings import Settings\n"
        f"writing.start(Settings(home={str(tmp_path)!r}))\n"
        "for n in range(500): writing.event('n', str(n))\nprint('written', flush=True)\ntime.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=module_environment()
    )
    assert process.stdout is not None and process.stdout.readline() == "written\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    found = read_log(tmp_path / "log")
    assert [record["body"] for record in found.records] == [str(n) for n in range(500)]
    assert found.unreadable == 0


def test_a_full_disk_is_counted_and_warned_of_once_and_nothing_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    writing.event("before", "before")

    def full(file: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        for _ in range(3):
            writing.event("lost", "lost")
    writing.event("after", "after")
    before, after = read_log(folder).records
    assert before["body"] == "before" and after["body"] == "after"
    assert after["attributes"]["churn.log.dropped"] == 3
    assert capsys.readouterr().err.count("cannot be written") == 1


def test_a_record_that_was_written_in_part_harms_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda file, content: whole(file, content[:10]))
        writing.event("torn", "torn")
    writing.event("after", "after")
    found = read_log(folder)
    assert [record["body"] for record in found.records] == ["after"] and found.unreadable == 1


def test_a_folder_that_cannot_be_made_fails_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log").write_text("a file in the way")
    spool = writing.start(Settings(home=str(tmp_path)))
    try:
        writing.event("n", "n")
        writing.event("n", "n")
    finally:
        writing.stop()
    assert spool.dropped == 2
    assert capsys.readouterr().err.count("cannot be written") == 1


def test_errors_are_synced_to_the_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    writing.event("n", "fine")
    assert not synced
    writing.event("n", "not fine", level=logging.ERROR)
    assert len(synced) == 1


def test_a_full_file_is_followed_by_another_and_no_record_is_lost(tmp_path: Path) -> None:
    spool = Spool(tmp_path, {}, largest_file=1000)
    for n in range(20):
        spool.handle(logging.LogRecord("churn_assets", logging.INFO, "", 0, "%d", (n,), None))
    spool.close()
    assert len(_files(tmp_path)) > 1
    assert all(file.stat().st_size <= 1000 for file in _files(tmp_path))
    assert [record["body"] for record in read_log(tmp_path).records] == [str(n) for n in range(20)]


def test_a_forked_process_writes_a_file_of_its_own(folder: Path) -> None:
    writing.event("n", "parent")
    child = os.fork()
    if child == 0:
        writing.event("n", "child")
        os._exit(0)
    os.waitpid(child, 0)
    assert len(_files(folder)) == 2


def test_files_of_which_nothing_was_written_for_90_days_are_deleted(tmp_path: Path) -> None:
    old, young = tmp_path / "old.jsonl", tmp_path / "young.jsonl"
    for file, days in ((old, 91), (young, 89)):
        file.write_text("{}\n")
        os.utime(file, (time.time() - days * 86400,) * 2)
    assert forget(tmp_path) == 1
    assert _files(tmp_path) == [young]


def test_messages_of_libraries_keep_nothing_that_may_be_personal(folder: Path) -> None:
    library = logging.getLogger("some.library")
    library.warning("[CAST_INVALID_INPUT] The value '%s' cannot be cast\n%s", CANARY, CANARY)
    library.warning('row {"name": "%s"} refused, asked zaphod@canary.example', CANARY)
    library.error("call %s", PHONE)
    try:
        raise ValueError(f"no such customer: {CANARY}")
    except ValueError:
        library.exception("it failed")
    text = "".join(file.read_text() for file in _files(folder))
    for value in (CANARY, "zaphod", PHONE, "1234567"):
        assert value not in text
    *_, last = read_log(folder).records
    assert last["attributes"]["exception.type"] == "builtins.ValueError"
    assert "exception.message" not in last["attributes"]
    assert "test_log.py" in last["attributes"]["exception.stacktrace"]


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("The value 'O'Brien' of the type \"STRING\" cannot be cast", "The value *** cannot be cast"),
        ("The value 'Zaphod\nO'Brien' cannot be cast", "The value ***"),
        ("'a' was refused, and so was 'Zaphod\nO'Brien'", "***"),
        ("It can't be read", "It can't be read"),
    ],
)
def test_quoted_values_with_apostrophes_are_hidden(message: str, kept: str) -> None:
    assert masked(message) == kept


def test_a_message_whose_arguments_do_not_fit_is_kept(tmp_path: Path) -> None:
    spool = Spool(tmp_path, {})
    for message, arguments in (("one %s", ("a", "b")), ("%(one)s", ({"one": "by name"},))):
        spool.handle(logging.LogRecord("churn_assets", logging.INFO, "", 0, message, arguments, None))
    spool.close()
    assert [record["body"] for record in read_log(tmp_path).records] == ["one %s", "by name"]


def test_values_that_json_cannot_hold_are_kept_as_text(folder: Path) -> None:
    """A file name that is no UTF-8, a number beyond 64 bits, an object."""
    writing.event("n", "of \udc80", huge=2**70, place=Path("a"))
    (record,) = read_log(folder).records
    assert record["body"] == "of ?" and record["attributes"]["churn.huge"] == 2**70
    assert record["attributes"]["churn.place"] == "a"
    assert datetime.fromisoformat(record["timestamp"]).tzinfo == UTC


def test_records_of_libraries_say_what_the_step_around_them_is_about(folder: Path) -> None:
    with trace.within("ab" * 16, asset="gold/customers", months=None):
        logging.getLogger("some.library").warning("It is late", stack_info=True)
        with trace.within("cd" * 16):
            writing.event("n", "inner")
    writing.event("n", "outside")
    late, inner, outside = read_log(folder).records
    assert late["attributes"] == {"code.namespace": "some.library", "churn.asset": "gold/customers"}
    assert (inner["trace_id"], inner["attributes"]["churn.asset"]) == ("cd" * 16, "gold/customers")
    assert outside["trace_id"] == outside["span_id"] == "" and "churn.asset" not in outside["attributes"]


def test_the_log_names_the_engine_and_why_it_was_chosen(tmp_path: Path) -> None:
    """In a process of its own: Python keeps the level of a logger for as long as a process lives."""
    code = (
        "from churn_assets.lakehouse.engine import session; from churn_assets.operations.log import writing\n"
        "from churn_assets.settings import Settings\n"
        "writing.start(settings := Settings(engine='spark'))\n"
        "session.spark.start_session = lambda *_: None\n"
        "session.start_session(settings)"
    )
    home = os.environ | {"CHURN_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=home, capture_output=True, text=True, check=True)
    assert "Engine spark: by CHURN_ENGINE" in "".join(f.read_text() for f in _files(tmp_path / "log"))
    assert (done.stdout, done.stderr) == ("", "")


def test_a_record_without_an_exception_has_none(folder: Path) -> None:
    logging.getLogger("some.library").exception("called where nothing was raised")
    (record,) = read_log(folder).records
    assert set(record["attributes"]) == {"code.namespace"}


def test_passwords_in_addresses_are_hidden(folder: Path) -> None:
    logging.getLogger("churn_assets.x").warning("from https://user:hunter2@host/path?token=hunter2 now")
    (record,) = read_log(folder).records
    assert "hunter2" not in json.dumps(record)


def test_a_library_that_keeps_its_records_to_itself_is_heard_from_warnings_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = logging.getLogger("dagster")
    monkeypatch.setattr(library, "propagate", False)
    monkeypatch.setattr(library, "level", logging.INFO)
    settings = Settings(home=str(tmp_path))
    writing.start(settings)
    try:
        logging.getLogger("dagster.daemon").info("Checking for new runs")
        logging.getLogger("dagster.daemon").warning("A tick failed")
    finally:
        writing.stop()
    assert [record["body"] for record in read_log(writing.log_folder(settings)).records] == ["A tick failed"]
    assert library.handlers == [h for h in library.handlers if not isinstance(h, Spool)]


def test_warnings_of_mlflow_are_in_the_log(tmp_path: Path) -> None:
    code = (
        "from churn_assets.tracking.quiet import prepare_mlflow\nfrom churn_assets.operations.log import writing\n"
        f"from churn_assets.settings import Settings\nwriting.start(Settings(home={str(tmp_path)!r}))\n"
        "prepare_mlflow()\nimport logging, mlflow\nlogging.getLogger('mlflow.tracking').warning('It is late')\n"
        "logging.getLogger('mlflow.tracking').info('daily life')\n"
    )
    environment = {k: v for k, v in module_environment().items() if not k.startswith("MLFLOW_")}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=120)
    bodies = [record["body"] for record in read_log(tmp_path / "log").records]
    assert "It is late" in bodies and "daily life" not in bodies


def test_another_home_gets_its_own_log(folder: Path, tmp_path: Path) -> None:
    other = Settings(home=str(tmp_path / "other"))
    writing.start(other)
    writing.start(other)
    writing.event("n", "there")
    assert not _files(folder)
    assert [r["body"] for r in read_log(writing.log_folder(other)).records] == ["there"]


def test_one_trace_is_told_in_the_order_of_time_over_all_files(tmp_path: Path) -> None:
    def line(trace_id: str, at: str) -> str:
        return json.dumps({"trace_id": trace_id, "severity_number": 9, "timestamp": at, "body": at}) + "\n"

    (tmp_path / "a.jsonl").write_text(line("11", "2026-01-03") + line("22", "2026-01-02"))
    (tmp_path / "b.jsonl").write_text(line("11", "2026-01-01") + "[]\n")
    found = read_log(tmp_path, trace_id="1")
    assert [record["body"] for record in found.records] == ["2026-01-01", "2026-01-03"]
    assert found.unreadable == 1


def test_a_trace_is_passed_on_by_traceparent(monkeypatch: pytest.MonkeyPatch) -> None:
    given = "0af7651916cd43dd8448eb211c80319c"
    monkeypatch.setenv("TRACEPARENT", f"00-{given}-b7ad6b7169203331-01")
    assert trace.new() == given
    monkeypatch.setenv("TRACEPARENT", "nonsense")
    assert len(trace.new()) == 32 and trace.new() != given


def test_a_run_has_the_trace_of_its_command_else_of_its_root_run() -> None:
    assert trace.of_run({trace.TRACE_TAG: "ab" * 16}, "x") == "ab" * 16
    assert trace.of_run({}, "0af76519-16cd-43dd-8448-eb211c80319c") == "0af7651916cd43dd8448eb211c80319c"
