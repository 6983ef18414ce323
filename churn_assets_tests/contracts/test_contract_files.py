"""How a contract's file is read: its YAML, its dates, its units and its encoding."""

from datetime import date
from pathlib import Path

import pytest

from churn_assets.contracts.contract import load_source
from churn_assets.contracts.loader import load_business
from churn_assets_tests.contracts.edits import promise
from churn_assets_tests.contracts.reports import mistakes_of, only_mistake
from churn_assets_tests.lakes import business_copy, edit_yaml


@pytest.mark.parametrize(
    ("value", "unit", "days"),
    [
        *[(3, None, 3), (0, "d", 0), (24, "h", 1), (4, "hours", 1), (36, "Hours", 2)],
        *[(2, "weeks", 14), ("2", "W", 14), (1, "Month", 31), (1, "m", 31), (1, "y", 366)],
    ],
)
def test_promises_are_counted_in_whole_days(
    tmp_path: Path, value: str | int, unit: str | None, days: int
) -> None:
    file = business_copy(tmp_path) / "contracts" / "usage.yaml"
    edit_yaml(file, lambda c: promise(c, "latency", value, unit))
    assert load_source(file).latency_days == days


def test_a_first_day_needs_no_quotes(tmp_path: Path) -> None:
    file = business_copy(tmp_path) / "contracts" / "usage.yaml"
    edit_yaml(file, lambda c: promise(c, "generalAvailability", date(2025, 4, 1)))
    assert "value: 2025-04-01" in file.read_text(encoding="utf-8")
    assert load_source(file).first_month == "2025-04"


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ("latin-1", "ISO-8859-1"),
        ("utf8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("utf_16_le", "UTF-16LE"),
        ("cp1252", "windows-1252"),
        ("Windows-1252", "windows-1252"),
        ("latin9", "iso8859-15"),
        ("EBCDIC-CP-BE", "cp500"),
        ("shift-jis", "shift_jis"),
    ],
)
def test_an_encoding_may_go_by_any_of_its_names(tmp_path: Path, said: str, known: str) -> None:
    file = business_copy(tmp_path) / "contracts" / "subscriptions.yaml"
    own = [{"property": "encoding", "value": said}]
    edit_yaml(file, lambda c: c["servers"][0].update(customProperties=own))
    assert load_source(file).encoding == known


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"version: 2.0.0", "version stands twice in one block; remove one"),
        (b"crew: {name: a, name: b}", "name stands twice in one block; remove one"),
        (b"until: 2025-06-31", "2025-06-31 is no day: day is out of range for month"),
        ("# K\u00e4ufe".encode("latin-1"), "the file is not UTF-8; save it as UTF-8"),
    ],
)
def test_a_line_that_yaml_would_take_or_break_upon_is_named(tmp_path: Path, line: bytes, told: str) -> None:
    file = business_copy(tmp_path) / "contracts" / "usage.yaml"
    lines = file.read_bytes().splitlines()
    file.write_bytes(b"\n".join([*lines, line]))
    mistake = mistakes_of(lambda: load_source(file))[0]
    assert (mistake.file, mistake.line) == (file, len(lines) + 1)
    assert "; ".join(filter(None, (mistake.problem, mistake.remedy))) == told


def test_files_that_are_no_declaration_are_named(tmp_path: Path) -> None:
    folder = business_copy(tmp_path)
    file = folder / "contracts" / "usage.yaml"
    file.write_text("name: usage\nservers: [{ not yaml")
    begun = "this is not valid YAML: while parsing a flow mapping of line 2, did not find expected ',' or '}'"
    assert only_mistake(lambda: load_business.__wrapped__(folder)) == (file, "", begun)
    file.write_text("- a list")
    told = (file, "", "the file has no keys and values; start from a shipped business")
    assert only_mistake(lambda: load_business.__wrapped__(folder)) == told
    for contract in (folder / "contracts").glob("*.yaml"):
        contract.unlink()
    told = (folder / "contracts", "", "there is no contract; write one YAML file per source")
    assert only_mistake(lambda: load_business.__wrapped__(folder)) == told
