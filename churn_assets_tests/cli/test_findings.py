"""What `churn-assets run` prints of silver/findings when it ends."""

from pathlib import Path

from rich.console import Console

from churn_assets.cli.findings import SHOWN, print_findings
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.silver.audit import Problem
from churn_assets.silver.findings import record
from churn_assets_tests.lakes import settings_for

MONTHS = ["2025-01", "2025-02"]


def printed(house: Lakehouse, months: list[str]) -> list[str]:
    console = Console(record=True, width=300)
    print_findings(house, months, console)
    return console.export_text().splitlines()


def test_the_findings_of_the_months_of_a_run_are_printed_newest_first(tmp_path: Path) -> None:
    house = Lakehouse(settings_for(tmp_path))
    assert printed(house, MONTHS) == []
    found = [
        Problem("usage", month, "undeclared", "warn", "3 rows carry [b].", "Declare it.") for month in MONTHS
    ]
    record(house, "usage", MONTHS, found, run_id="run")
    assert printed(house, MONTHS) == [
        "Found in 2025-01 to 2025-02 (2, all in silver/findings)",
        "- usage 2025-02: undeclared: 3 rows carry [b]. Declare it.",
        "- usage 2025-01: undeclared: 3 rows carry [b]. Declare it.",
    ]
    assert printed(house, ["2025-01"])[0] == "Found in 2025-01 (1, all in silver/findings)"
    assert printed(house, ["2025-03"]) == []


def test_many_findings_are_counted(tmp_path: Path) -> None:
    house = Lakehouse(settings_for(tmp_path))
    found = [Problem("usage", "2025-01", f"valid:c{n}", "warn", "x.", "y.") for n in range(SHOWN + 3)]
    record(house, "usage", ["2025-01"], found, run_id="run")
    lines = printed(house, ["2025-01"])
    assert len(lines) == SHOWN + 2 and lines[-1] == "- and 3 more"
