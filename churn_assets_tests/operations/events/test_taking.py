"""Each line of the log and of the audit is one row, over crashes, several homes and repeated runs."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from churn_assets import trace
from churn_assets.definitions import build_defs
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.audit.chain import archive, record, store_files
from churn_assets.operations.events.policy import dedup_key, type_of
from churn_assets.operations.events.taking import add, new_events, oldest_day, positions
from churn_assets.operations.log import writing
from churn_assets.settings import Settings
from churn_assets_tests.lakes import settings_for

pytestmark = pytest.mark.one_python(
    reason="runs assets over a small lake, as tests of other modules do on each Python"
)

TODAY = datetime.now(UTC).date()


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    found = settings_for(tmp_path / "home")
    yield found
    writing.stop()


def _log(settings: Settings, *bodies: str) -> None:
    writing.start(settings)
    with trace.within("ab" * 16):
        for body in bodies:
            writing.event(
                "step.ended", body, asset="gold/customers", months="2026-05", rows=7, seconds=1.5, attempt=1
            )
    writing.stop()


def _line(body: str, day: date = TODAY, **more: object) -> str:
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC).isoformat()
    record = {"timestamp": at, "severity_number": 9, "severity_text": "INFO", "trace_id": "", "body": body}
    return json.dumps(record | {"attributes": {}} | more) + "\n"


def _file(settings: Settings, name: str, text: str) -> Path:
    folder = writing.log_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(text)
    return file


def _take(settings: Settings) -> int:
    lakehouse = Lakehouse(settings)
    found = new_events(writing.log_folder(settings), positions(lakehouse), oldest_day(TODAY))
    if found.rows:
        add(lakehouse, found, "run")
    return len(found.rows)


def _bodies(settings: Settings) -> list[str]:
    return sorted(Lakehouse(settings).arrow(tables.EVENTS, ["body"])["body"].to_pylist())


def _collect(settings: Settings) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        job = build_defs(settings).resolve_job_def("collect")
        return job.execute_in_process(instance=instance, raise_on_error=False)


def _checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {check.check_name: check.passed for check in result.get_asset_check_evaluations()}


def test_a_line_that_another_home_has_taken_as_well_fails_the_check(settings: Settings) -> None:
    """Another home has a copy of the folder, and took its first line at the same time."""
    _file(settings, "20260101T000000000000-there-1-0001.jsonl", _line("first") + _line("second"))
    lakehouse = Lakehouse(settings)
    found = new_events(writing.log_folder(settings), {}, oldest_day(TODAY), most=1)
    for run_id in ("here", "there"):
        add(lakehouse, found, run_id)
    assert not _checks(_collect(settings))["every_line_once"]


def test_an_event_becomes_a_row_with_its_type_and_figures(settings: Settings) -> None:
    _log(settings, "gold/customers ended.")
    assert _take(settings) == 1
    [row] = Lakehouse(settings).arrow(tables.EVENTS).to_pylist()
    assert (row["type"], row["kind"], row["severity_text"]) == ("informational", "step.ended", "INFO")
    assert (row["asset"], row["months"], row["rows"], row["seconds"]) == ("gold/customers", "2026-05", 7, 1.5)
    assert row["dedup_key"] == "step.ended:gold/customers:2026-05"
    assert row["trace_id"] == "ab" * 16 and len(row["span_id"]) == 16
    assert json.loads(row["attributes"]) == {"churn.attempt": 1}
    assert row["day"] == row["at"].date() and row["host"]


def test_what_was_taken_is_not_taken_again_and_files_grow(settings: Settings) -> None:
    file = _file(settings, "a.jsonl", _line("1") + _line("2"))
    assert _take(settings) == 2
    assert _take(settings) == 0
    with file.open("a") as more:
        more.write(_line("3"))
    _file(settings, "b.jsonl", _line("4"))
    assert _take(settings) == 2
    assert _bodies(settings) == ["1", "2", "3", "4"]


def test_a_process_that_dies_around_its_commit_takes_each_line_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _file(settings, "a.jsonl", _line("1"))
    lakehouse, folder = Lakehouse(settings), writing.log_folder(settings)
    new_events(folder, positions(lakehouse), oldest_day(TODAY))  # it dies before its commit
    add(lakehouse, new_events(folder, positions(lakehouse), oldest_day(TODAY)), "run")  # it dies after it
    assert _take(settings) == 0
    assert _bodies(settings) == ["1"]


def test_a_line_that_is_still_being_written_waits(settings: Settings) -> None:
    file = _file(settings, "a.jsonl", _line("1") + _line("2")[:30])
    assert _take(settings) == 1
    file.write_text(_line("1") + _line("2"))
    assert _take(settings) == 1
    assert _bodies(settings) == ["1", "2"]


def test_homes_that_share_a_lake_fill_one_table(settings: Settings, tmp_path: Path) -> None:
    other = settings_for(tmp_path / "other").model_copy(update={"lake": settings.lake_uri})
    _file(settings, "a.jsonl", _line("1"))
    _file(other, "b.jsonl", _line("2"))
    shutil.copy(writing.log_folder(settings) / "a.jsonl", writing.log_folder(other))  # a copied home
    assert [_take(settings), _take(other), _take(settings)] == [1, 1, 0]
    assert _bodies(settings) == ["1", "2"]


def test_days_beyond_the_retention_are_removed_and_not_taken_again(settings: Settings) -> None:
    old = TODAY - timedelta(days=91)
    _file(settings, "a.jsonl", _line("young"))
    _take(settings)
    lakehouse = Lakehouse(settings)
    found = new_events(writing.log_folder(settings), {}, old)
    row = found.rows[0] | {"day": old, "body": "old", "file": "b.jsonl"}
    lakehouse.append_rows(tables.EVENTS, tables.EVENTS.rows([row]), run_id="run")
    _file(settings, "c.jsonl", _line("old", old))
    assert _bodies(settings) == ["old", "young"]
    result = _collect(settings)
    assert result.success
    assert "old" not in _bodies(settings) and "young" in _bodies(settings)


def test_a_line_that_is_no_record_and_dropped_records_are_told(settings: Settings) -> None:
    lost = {"attributes": {"churn.log.dropped": 4}}
    _file(settings, "a.jsonl", "[1]\n" + _line("after", **lost) + "{\n")
    result = _collect(settings)
    assert result.success
    [check] = [c for c in result.get_asset_check_evaluations() if c.check_name == "every_line_can_be_read"]
    assert not check.passed and check.description is not None
    assert check.description.startswith("2 lines cannot be read, and 4 records could not be written.")
    rows = Lakehouse(settings).arrow(tables.EVENTS).to_pylist()
    assert [r["type"] for r in rows if r["kind"] == "log.unreadable"] == ["warning", "warning"]
    again = _collect(settings)
    assert _checks(again)["every_line_can_be_read"], "each was told once"


def test_more_lines_than_one_commit_may_have_are_all_taken(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("churn_assets.operations.events.taking.MOST", 2)
    _file(settings, "a.jsonl", "".join(_line(str(n)) for n in range(5)))
    result = _collect(settings)
    assert result.success
    assert _bodies(settings)[:5] == ["0", "1", "2", "3", "4"]


def test_the_job_takes_log_and_audit_and_a_second_run_nothing_twice(settings: Settings) -> None:
    with trace.within("cd" * 16):
        record(settings, "export", "ann", "campaign.csv", customers=120, why="autumn", rows=3)
    _log(settings, "before")
    for _ in range(2):
        result = _collect(settings)
        assert result.success and all(_checks(result).values())
    lakehouse = Lakehouse(settings)
    [row] = lakehouse.arrow(tables.AUDIT_ACTS).to_pylist()
    assert (row["act"], row["by"], row["subject"], row["customers"], row["why"]) == (
        "export",
        "ann",
        "campaign.csv",
        120,
        "autumn",
    )
    assert (row["sequence"], row["trace_id"], json.loads(row["facts"])) == (1, "cd" * 16, {"rows": 3})
    events = lakehouse.arrow(tables.EVENTS).to_pylist()
    places = [(event["file"], event["position"]) for event in events]
    assert len(set(places)) == len(places)
    assert [event["body"] for event in events].count("before") == 1
    assert "operations/events ended." in [event["body"] for event in events], (
        "the second run takes the first one's end"
    )


def test_a_chain_that_was_changed_fails_the_check_and_is_not_taken(
    settings: Settings, tmp_path: Path
) -> None:
    for n in range(3):
        record(settings, "look_up", "ann", f"key{n}")
    [file] = store_files(settings)
    file.write_bytes(file.read_bytes().replace(b"key1", b"key9"))
    result = _collect(settings)
    assert not result.success
    assert _checks(result)["chain_is_intact"] is False
    assert not Lakehouse(settings).exists(tables.AUDIT_ACTS)
    assert Lakehouse(settings).exists(tables.EVENTS), "the log does not wait for the audit"
    archive(settings, tmp_path / "archive", "ann", "somebody edited it")
    assert _collect(settings).success, "the remedy that the check names helps"
    assert Lakehouse(settings).arrow(tables.AUDIT_ACTS, ["act"])["act"].to_pylist() == ["archiving"]


@pytest.mark.parametrize(
    ("name", "severity", "expected"),
    [
        ("step.ended", 9, "informational"),
        ("step.failed", 17, "warning"),
        ("run.failed", 17, "exception"),
        (None, 9, "informational"),
        (None, 13, "warning"),
        ("something.new", 21, "exception"),
    ],
)
def test_the_type_is_the_declared_one_else_that_of_the_severity(
    name: str | None, severity: int, expected: str
) -> None:
    assert type_of(name, severity) == expected


def test_events_about_the_same_have_one_dedup_key() -> None:
    about = {"churn.asset": "silver/usage", "churn.months": "2026-05", "churn.run_id": "1"}
    assert dedup_key("step.failed", about) == dedup_key("step.failed", about | {"churn.run_id": "2"})
    assert dedup_key("message", {}) == "message"


def test_an_old_file_is_read_until_it_is_deleted_and_taken_once(settings: Settings) -> None:
    """Its rows are gone from the table, so its position is not known any more."""
    file = _file(settings, "a.jsonl", _line("old", TODAY - timedelta(days=91)) + _line("young"))
    os.utime(file, (time.time(), time.time()))
    assert _take(settings) == 1
    assert _take(settings) == 0
    assert _bodies(settings) == ["young"]
