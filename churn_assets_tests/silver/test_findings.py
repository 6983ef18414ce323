"""silver/findings: one place for what checks found, replaced check by check and month by month."""

from pathlib import Path

import pytest

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse, LakehouseError
from churn_assets.silver.audit import Problem
from churn_assets.silver.findings import SHOWN_EXAMPLES, findings, record, told
from churn_assets_tests.lakes import settings_for

JAN, FEB = "2025-01", "2025-02"


def problem(month: str, rule: str, **more: object) -> Problem:
    return Problem("usage", month, rule, "warn", f"{rule} in {month}.", "Look.", **more)  # type: ignore[arg-type]


def held(house: Lakehouse) -> list[tuple[str, str, str, str]]:
    return sorted((r["found_by"], r["extract_month"], r["rule"], r["subject"]) for r in findings(house))


def test_a_check_replaces_its_own_findings_of_the_months_that_it_judged(tmp_path: Path) -> None:
    house = Lakehouse(settings_for(tmp_path))
    record(house, "usage", [JAN], [], run_id="run")
    assert house.count(tables.FINDINGS) == 0, "the table is there, so that readers find it"
    assert record(house, "usage", [JAN], [], run_id="run") is None
    record(house, "usage", [JAN, FEB], [problem(JAN, "valid:plan"), problem(FEB, "undeclared")], run_id="run")
    record(house, "cross_checks", [JAN], [problem(JAN, "relationships:customers")], run_id="run")
    record(house, "usage", [FEB], [], run_id="run")
    assert held(house) == [
        ("cross_checks", JAN, "relationships", "customers"),
        ("usage", JAN, "valid", "plan"),
    ]
    version = house.version(tables.FINDINGS)
    assert record(house, "usage", [FEB], [], run_id="run") is None
    assert house.version(tables.FINDINGS) == version
    with pytest.raises(LakehouseError, match="rows outside the slice of extract_month"):
        record(house, "usage", [FEB], [problem(JAN, "undeclared")], run_id="run")


def test_a_finding_holds_counts_examples_files_and_words(tmp_path: Path) -> None:
    house = Lakehouse(settings_for(tmp_path))
    keys = tuple(f"key{n}" for n in range(9))
    found = problem(JAN, "relationships:customers", count=9, of=90, examples=keys, files=("usage/a.csv",))
    record(house, "cross_checks", [JAN], [found], run_id="run")
    [row] = findings(house, [JAN])
    assert (row["count"], row["of"], row["files"]) == (9, 90, ["usage/a.csv"])
    assert row["examples"] == list(keys[:SHOWN_EXAMPLES])
    assert told(row) == "usage 2025-01: relationships customers: relationships:customers in 2025-01. Look."
    assert findings(house, [FEB]) == []
