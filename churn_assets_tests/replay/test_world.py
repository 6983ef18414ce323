"""What a replay refuses before it simulates anything, and what it keeps apart."""

import shlex
from pathlib import Path

import pytest
from rich.console import Console

from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse.stores import unregistered
from churn_assets.replay.replay import page_command
from churn_assets.replay.world import Plan, ReplayError, hazard_file, make_world
from churn_assets.settings import Settings

QUIET = Console(quiet=True)


def _settings(tmp_path: Path, **more: str) -> Settings:
    return Settings(home=str(tmp_path / "home"), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("months", "drift_from", "message"),
    [
        (18, None, "ask for at least 19"),
        (19, "2023-12", "not one of the months 2024-01 to 2025-07"),
        (19, "2025-08", "not one of the months 2024-01 to 2025-07"),
    ],
)
def test_a_plan_that_shows_nothing_is_refused_before_anything_is_written(
    tmp_path: Path, months: int, drift_from: str | None, message: str
) -> None:
    with pytest.raises(ReplayError, match=message):
        make_world(_settings(tmp_path), Plan(20, months, drift_from, 1), QUIET)
    assert not (tmp_path / "home").exists()


def test_an_earlier_replay_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "home" / "replay").mkdir(parents=True)
    with pytest.raises(ReplayError, match="holds an earlier replay"):
        make_world(_settings(tmp_path), Plan(20, 19, None, 1), QUIET)


@pytest.mark.one_python(reason="simulates; other worlds are simulated on each Python")
def test_the_page_of_a_replay_shows_its_own_business(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = make_world(Settings(home=str(tmp_path / "my home")), Plan(20, 19, None, 1), QUIET)
    *environment, make, target = shlex.split(page_command(own))
    assert (make, target) == ("make", "ui")
    for name, value in (word.split("=") for word in environment):
        monkeypatch.setenv(name, value)
    page = Settings()  # type: ignore[call-arg]
    assert page.home_path == own.home_path
    calendar = load_business(page.business_path).file.calendar
    assert (calendar.start, calendar.end) == ("2024-01", "2025-07")


@pytest.mark.one_python(reason="simulates; other worlds are simulated on each Python")
def test_a_world_sees_nothing_of_the_deployment_around_it(tmp_path: Path) -> None:
    elsewhere = {
        "landing": "s3a://real/landing",
        "lake": "s3a://real/lake",
        "tracking_uri": "http://real.example.com:5000",
        "audit_anchor": str(tmp_path / "vault"),
    }
    own = make_world(
        _settings(tmp_path, artifacts="s3a://real/models", engine_profile="large", **elsewhere),
        Plan(20, 19, "2025-02", 1),
        QUIET,
    )
    places = [own.landing_uri, own.lake_uri, own.mlflow_uri, own.mlflow_artifacts]
    places += [str(own.business_path), str(own.audit_anchor_path)]
    assert all(str(tmp_path / "home" / "replay") in place for place in places)
    assert own.engine_profile == "large"
    calendar = load_business(own.business_path).file.calendar
    assert (calendar.start, calendar.end) == ("2024-01", "2025-07")
    assert hazard_file(own).is_file()
    assert unregistered(tmp_path / "home", load_business(own.business_path)) == []
