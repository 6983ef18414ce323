"""A person gathers incidents in a problem, names the cause and closes it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from churn_assets.cli.main import cli
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.incidents.incident import Condition
from churn_assets.operations.incidents.rules import judge
from churn_assets.operations.incidents.store import change, incidents
from churn_assets_tests.lakes import settings_for


def test_incidents_of_one_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = Lakehouse(settings_for(tmp_path / "home"))
    monkeypatch.setenv("CHURN_HOME", house.settings.home)
    late = [Condition("source_late", f"source:{n}", "1", f"{n} is late", "late") for n in ("usage", "bills")]
    change(house, lambda known: judge(known, late, {}, datetime.now(UTC), "box"), "test")

    def typed(*words: str) -> str:
        return CliRunner().invoke(cli, ["problem", *words]).output

    assert typed("list") == "No problem is open.\n"
    assert "There is no incident INC-9; nothing was recorded." in typed("new", "x", "--incident", "INC-9")
    assert typed("new", "The feed stops on Sundays", "--incident", "inc-1", "--incident", "INC-2") == (
        "PRB-1 is open.\n"
    )
    assert [i.problem_id for i in incidents(house)] == ["PRB-1", "PRB-1"]
    assert {i.state for i in incidents(house)} == {"new"}, "linking changes nothing else"
    assert typed("known", "PRB-1", "--cause", "A backup.", "--workaround", "Wait.") == (
        "PRB-1 is a known error.\n"
    )
    assert typed("list").splitlines() == [
        "PRB-1 known error: The feed stops on Sundays (INC-1, INC-2)",
        "  cause: A backup. Workaround: Wait.",
    ]
    assert typed("close", "prb-1", "--why", "The backup runs at night.") == "PRB-1 is closed.\n"
    assert "PRB-1 is closed already." in typed("close", "PRB-1", "--why", "again")
    assert "There is no problem PRB-7" in typed("known", "PRB-7", "--cause", "a", "--workaround", "b")
    assert typed("list") == "No problem is open.\n"
    assert "PRB-1 closed" in typed("list", "--all")
