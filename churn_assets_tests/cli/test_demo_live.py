"""`demo --live`: the world that it asks for, the business that it follows, and what it refuses before it begins."""

import io
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from churn_assets.cli import demo_live
from churn_assets.cli.demo import DemoWorld
from churn_assets.cli.demo_live import FOLDER, LiveDay
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse.stores import unregistered
from churn_assets.settings import COMING, Settings
from churn_assets.simulator.simulate import SimulationError
from churn_assets_tests.lakes import write_jsonl


def test_the_day_after_those_that_came_is_followed_with_topics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def world(settings: Settings, asked_for: DemoWorld, _: object) -> object:
        asked["days"] = asked_for.days
        return load_business(settings.business_path)

    def followed(lakehouse: Any, business: Any, _: object, day: date, *__: object) -> LiveDay:
        kinds = {s.name: s.origin.kind for s in business.sources if s.origin}
        asked.update(kinds=kinds, day=day, business=lakehouse.settings.business_path)
        return LiveDay(["tickets"])

    monkeypatch.setattr(demo_live, "why_not", lambda: None)
    monkeypatch.setattr(demo_live, "make_world", world)
    monkeypatch.setattr(demo_live, "follow_day", followed)
    monkeypatch.setattr(demo_live, "stop_session", lambda: None)
    monkeypatch.setattr(demo_live, "tracking_of", lambda *_: None)
    monkeypatch.setattr(demo_live.log, "start", lambda _: None)
    write_jsonl(tmp_path / COMING, "tickets", "2026-06-04", [], "a")
    out = io.StringIO()
    settings = Settings(home=str(tmp_path), business="telecom")
    demo_live.demo_live(settings, DemoWorld(30, 2, 7), Console(file=out, width=200))
    assert asked == {
        "days": 3,
        "kinds": {"tickets": "kafka", "invoices": "kafka"},
        "day": date(2026, 6, 4),
        "business": tmp_path / FOLDER,
    }
    assert "The next call ingests 2026-06-04 as at night" in out.getvalue()
    assert unregistered(tmp_path, load_business(tmp_path / FOLDER)) == []


def test_what_it_cannot_do_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = Console(quiet=True)
    monkeypatch.setattr(demo_live, "why_not", lambda: None)
    with pytest.raises(SimulationError, match="about the telecom business"):
        demo_live.demo_live(Settings(home=str(tmp_path), business="shop"), DemoWorld(30, 2, 7), quiet)
    monkeypatch.setattr(demo_live, "why_not", lambda: "There is no Java.")
    with pytest.raises(SimulationError, match="There is no Java"):
        demo_live.demo_live(Settings(home=str(tmp_path), business="telecom"), DemoWorld(30, 2, 7), quiet)
    assert not (tmp_path / FOLDER).exists(), "nothing was begun"
