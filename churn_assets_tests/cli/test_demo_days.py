"""`demo --days`: what it refuses before it begins, the days that it lives through, and what it prints of them."""

import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from rich.console import Console

from churn_assets.cli import demo_days
from churn_assets.cli.current_days import print_days
from churn_assets.cli.demo import DemoWorld, _simulate_once
from churn_assets.cli.demo_days import (
    goes_on,
    history_is_there,
    live_days,
    require_days,
)
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.stores import unregistered
from churn_assets.months import days_of
from churn_assets.serving.release.root import POINTER, Root
from churn_assets.settings import SHIPPED_BUSINESSES, Settings
from churn_assets.simulator.coming import coming_days
from churn_assets.simulator.simulate import SimulationError
from churn_assets_tests.lakes import business_copy, settings_for, write_csv

TELECOM = load_business(SHIPPED_BUSINESSES / "telecom")
LAST = "2026-06"
QUIET = Console(quiet=True)
DAILY = DemoWorld(30, 2, 7, days=1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two months, the second of which waits to come day by day."""
    home = tmp_path_factory.mktemp("world")
    _simulate_once(settings_for(home), TELECOM, DAILY, QUIET)
    return home


@pytest.fixture
def settings(world: Path, tmp_path: Path) -> Settings:
    """A copy of that world."""
    import shutil

    shutil.copytree(world, tmp_path / "home")
    return settings_for(tmp_path / "home")


class Lived:
    """Stands in for the jobs: notes what they were asked for, and writes scores of the day."""

    def __init__(self, settings: Settings, fails_on: date | None = None) -> None:
        self.lakehouse, self.fails_on = Lakehouse(settings), fails_on
        self.done: list[tuple[str, object]] = []
        self.landed: dict[date, set[str]] = {}

    def ingest(self, _: object, settings: Settings, job: str, months: list[str], __: object) -> None:
        self.done.append((job, months))
        newest = max(path.name for path in Path(settings.landing_uri).glob("*/extract_date=*"))
        found = Path(settings.landing_uri).glob(f"*/{newest}")
        self.landed[date.fromisoformat(newest[-10:])] = {path.parent.name for path in found}

    def daily(self, _: object, settings: Settings, __: object, day: date) -> None:
        if day == self.fails_on:
            raise RuntimeError("the engine ended")
        self.done.append(("daily", day))
        self.lakehouse.append_rows(tables.CURRENT_SCORES, scores(day, (0.14, 0.66)), run_id="run")


def scores(day: date, probabilities: tuple[float, ...], before: float = 0.1) -> pa.Table:
    """Current scores of one customer per probability, who had `before` at the month end."""
    rows: list[dict[str, Any]] = [
        dict.fromkeys(tables.CURRENT_SCORES.types)
        | {
            "customer_key": f"k{number}",
            "as_of_date": day,
            "model_version": "1",
            "raw": value,
            "probability": value,
            "decile": 1,
            "risk_tier": "high",
            "value_tier": "low",
            "driver": "price",
            "segment": "all",
            "action": "none",
            "probability_month_end": before,
            "known_until": day,
        }
        for number, value in enumerate(probabilities)
    ]
    return tables.CURRENT_SCORES.rows(rows)


@pytest.fixture
def lived(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Lived:
    found = Lived(settings)
    monkeypatch.setattr(demo_days, "run_job", found.ingest)
    monkeypatch.setattr(demo_days, "run_daily", found.daily)
    return found


def test_each_day_comes_is_ingested_and_scored(settings: Settings, lived: Lived) -> None:
    live_days(None, settings, LAST, 2, QUIET)  # type: ignore[arg-type]
    days = [date(2026, 6, 1), date(2026, 6, 2)]
    assert lived.done == [
        ("ingest", [LAST]),
        ("daily", days[0]),
        ("ingest", [LAST]),
        ("daily", days[1]),
    ]
    every_day = {"subscriptions", "invoices", "usage", "tickets", "retention_contacts"}
    assert lived.landed == dict.fromkeys(days, every_day)
    assert coming_days(settings.home_path / "coming")[0] == date(2026, 6, 3)
    assert unregistered(settings.home_path, TELECOM) == []


def test_a_second_call_goes_on_where_the_first_stopped(
    settings: Settings, lived: Lived, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second day's extracts had come when its run failed."""
    second = date(2026, 6, 2)
    lived.fails_on = second
    with pytest.raises(RuntimeError):
        live_days(None, settings, LAST, 3, QUIET)  # type: ignore[arg-type]
    lived.fails_on = None
    lived.done.clear()
    live_days(None, settings, LAST, 3, QUIET)  # type: ignore[arg-type]
    assert [what for what in lived.done if what[0] == "daily"] == [
        ("daily", second),
        ("daily", date(2026, 6, 3)),
    ]


def test_the_days_are_told_with_what_moved(settings: Settings, lived: Lived) -> None:
    live_days(None, settings, LAST, 1, QUIET)  # type: ignore[arg-type]
    console = Console(file=io.StringIO(), record=True, width=100)
    print_days(lived.lakehouse, days_of(LAST), 0.05, console)
    [line] = [line.split() for line in console.export_text().splitlines() if "2026-06-01" in line]
    assert line == ["2026-06-01", "2", "1", "1", "0"], "two customers, 0.8 leave, one rose by 5 points"


def test_a_home_whose_last_month_is_history_is_refused(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    write_csv(tmp_path / "landing", "customers", "2026-06-30", [{"customer_id": "C1"}], "customers")
    with pytest.raises(SimulationError, match="not made to go on day by day"):
        require_days(settings, TELECOM, 7, LAST)
    require_days(settings, TELECOM, 0, LAST)
    assert not goes_on(settings) and not history_is_there(Lakehouse(settings), "2026-05")


def test_scores_without_a_release_are_no_whole_history(tmp_path: Path) -> None:
    """What follows the scores is one run, which was killed: segments, plan, quality and release are still to come."""
    settings = settings_for(tmp_path)
    lakehouse, root = Lakehouse(settings), Root(settings.releases_uri)
    row = dict.fromkeys(tables.CHURN_SCORES.types) | {"customer_key": "k", "as_of_date": date(2026, 5, 31)}
    lakehouse.append_rows(tables.CHURN_SCORES, tables.CHURN_SCORES.rows([row]), run_id="run")
    assert not history_is_there(lakehouse, "2026-05")
    root.replace(POINTER, json.dumps({"release": "20260531T000000Z-run", "manifest_sha256": ""}).encode())
    assert history_is_there(lakehouse, "2026-05") and not history_is_there(lakehouse, "2026-06")


def test_a_home_that_goes_on_day_by_day_wants_the_days(settings: Settings) -> None:
    with pytest.raises(SimulationError, match="name the days, as in `--days 7`"):
        require_days(settings, TELECOM, 0, LAST)
    require_days(settings, TELECOM, 30, LAST)


def test_more_days_than_the_month_has_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="2026-06 has 30 days; ask for at most 30"):
        require_days(settings_for(tmp_path), TELECOM, 31, LAST)


def test_a_living_business_is_refused(tmp_path: Path) -> None:
    living = load_business(business_copy(tmp_path, "telecom", calendar={"start": "2025-01"}))
    with pytest.raises(SimulationError, match="follow the clock"):
        require_days(settings_for(tmp_path / "home"), living, 7, "2026-06")


def test_the_shop_does_not_deliver_daily(tmp_path: Path) -> None:
    shop = load_business(SHIPPED_BUSINESSES / "shop")
    with pytest.raises(SimulationError, match="The shop delivers once a month"):
        _simulate_once(settings_for(tmp_path, "shop"), shop, DAILY, QUIET)
    assert not (tmp_path / "landing").exists()
