"""What the demo says and refuses at once, by what the home holds."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from churn_assets.cli.demo_home import opening, require_own_home
from churn_assets.cli.main import cli
from churn_assets.simulator.presence import UNFINISHED
from churn_assets_tests.lakes import settings_for


def _holds(home: Path, *folders: str) -> None:
    for folder in folders:
        (home / folder).mkdir(parents=True)


def test_the_demo_says_what_it_is_about(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    simulated = "Demo: 2,500 simulated customers, 18 months, from raw files to explained segments."
    assert opening(settings, 2500, 18) == simulated
    _holds(tmp_path, "landing/customers")
    told = opening(settings, 2500, 18)
    assert "2,500" not in told and told.startswith(f"Demo: the extracts in {tmp_path / 'landing'}, ")
    assert told.endswith("To simulate others, set CHURN_HOME to a new folder.")
    (tmp_path / "landing" / UNFINISHED).touch()
    assert opening(settings, 2500, 18) == simulated


@pytest.mark.parametrize("place", ["landing", "lake/bronze"])
@pytest.mark.parametrize(
    ("business", "folders", "strange"),
    [
        ("telecom", ("transactions", "app_contacts"), "transactions"),
        ("shop", ("customers", "usage", "app_contacts"), "customers, usage"),
        ("telecom", ("customers", "old", ".hidden"), None),
        ("telecom", ("app_contacts", ".hidden"), None),
        ("telecom", (), None),
    ],
)
def test_the_home_of_another_business_is_refused(
    tmp_path: Path, place: str, business: str, folders: tuple[str, ...], strange: str | None
) -> None:
    _holds(tmp_path, *(f"{place}/{folder}" for folder in folders))
    if strange is None:
        require_own_home(settings_for(tmp_path, business))
        return
    with pytest.raises(click.UsageError) as told:
        require_own_home(settings_for(tmp_path, business))
    assert f"another business: it holds {strange}, and nothing of {business}. Set CHURN_HOME" in str(
        told.value
    )


def test_the_demo_refuses_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _holds(tmp_path, "landing/transactions")
    monkeypatch.setenv("CHURN_HOME", str(tmp_path))
    done = CliRunner().invoke(cli, ["demo"])
    assert done.exit_code == 2 and "the home of another business" in done.output.replace("\n", " ")
    assert "Demo:" not in done.output and [one.name for one in tmp_path.iterdir()] == ["landing"]
