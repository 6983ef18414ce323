"""The runbook of docs/operations.md and the policy of docs/itil.md are what the software does."""

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from churn_assets.automation.incident_sensor import watch
from churn_assets.cli.main import cli
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.events.policy import TYPES
from churn_assets.operations.incidents.policy import KINDS, TARGETS
from churn_assets_tests.automation.test_incident_sensor import run_ingest
from churn_assets_tests.lakes import settings_for, small_business

DOCS = Path(__file__).parent.parent / "docs"
# It needs extracts and an engine: the end-to-end tests run it.
ELSEWHERE = ("run",)
MAY_FAIL = ("rollback", "doctor", "check", "backup")  # without models, extracts or a repository they say so


def _rows(page: str, heading: str, table: int = 0) -> list[list[str]]:
    """The cells of a table below a heading."""
    text = (DOCS / page).read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    tables = [
        lines
        for part in text.split("\n\n")
        if (lines := [n for n in part.splitlines() if n.startswith("| ")])
    ]
    lines = tables[table]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_command_of_the_runbook_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [{"name": "files", "kind": "folder", "folder": "f"}]
    folder = small_business(tmp_path, channels=files)
    house = Lakehouse(settings_for(tmp_path / "home", folder))
    monkeypatch.setenv("CHURN_HOME", house.settings.home)
    monkeypatch.setenv("CHURN_BUSINESS", str(folder))
    with dg.DagsterInstance.ephemeral() as instance:
        run_ingest(instance, True, "2025-05", "2025-05")
        watch(instance, house, load_business(folder), datetime.now(UTC))
    rows = _rows("operations.md", "At night")
    assert len(rows) >= 12
    for _, command, expected in rows:
        program, *words = shlex.split(command.strip("`"))
        assert program == "churn-assets"
        if words[0] in ELSEWHERE:
            continue
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == 0 or words[0] in MAY_FAIL, f"{command}: {done.output}"
        assert done.exception is None or words[0] in MAY_FAIL, command
        told = re.findall(r"`([A-Z][^`]*\.|files [^`]*|due now\.)`", expected)
        if words != ["incident", "list"] and told:
            assert any(one in done.output for one in told), f"{command}: {done.output}"


def test_the_policy_on_the_page_is_the_one_in_force() -> None:
    page = [[cell.strip("`") for cell in row] for row in _rows("itil.md", "Events")]
    assert page == [
        [
            kind.code,
            kind.type,
            str(kind.impact),
            str(kind.urgency),
            kind.priority if kind.type == "exception" else "",
            kind.look,
        ]
        for kind in KINDS.values()
    ]
    assert [row[1] for row in _rows("itil.md", "Incidents")] == list(TARGETS)


def test_the_types_of_log_events_on_the_page_are_those_in_force() -> None:
    listed = [[cell.strip("`") for cell in row] for row in _rows("itil.md", "Events", table=1)]
    assert listed == [[name, kind] for name, kind in TYPES.items()]
