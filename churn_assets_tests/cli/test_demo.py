"""What the demo takes its extracts from: its own simulation, or what lies there."""

import io
import time
from pathlib import Path

import pytest
from rich.console import Console

from churn_assets.cli.demo import SAME_ENGINE_AS_FOR_NONE, DemoWorld, _simulate_once, demo
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse.engine.jars import JarsError
from churn_assets.lakehouse.engine.profiles import BYTES_FOR_A_GIB
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.simulator import shop, telecom
from churn_assets_tests.lakes import settings_for, write_csv


def _simulate(home: Path, business: str = "telecom", customers: int = 30, months: int = 2) -> str:
    settings = settings_for(home, business)
    out = io.StringIO()
    shipped = load_business(SHIPPED_BUSINESSES / business)
    _simulate_once(settings, shipped, DemoWorld(customers, months, 7), Console(file=out, width=500))
    return out.getvalue()


def _content(landing: Path) -> dict[str, bytes]:
    return {str(f.relative_to(landing)): f.read_bytes() for f in landing.rglob("*") if f.is_file()}


@pytest.mark.parametrize(("business", "simulator"), [("telecom", telecom), ("shop", shop)])
def test_a_simulation_that_was_interrupted_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, business: str, simulator: object
) -> None:
    """It was killed while a file was written, or before the truth was."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(simulator, "write_truth", interrupted)
        with pytest.raises(KeyboardInterrupt):
            _simulate(tmp_path, business)
    file = max((tmp_path / "landing").rglob("*-1.*"))
    file.rename(file.with_name(f".{file.name}.tmp"))
    assert "Extracts of " in _simulate(tmp_path, business)
    assert (tmp_path / "truth" / "hazard.parquet").is_file()
    _simulate(tmp_path / "whole", business)
    assert _content(tmp_path / "landing") == _content(tmp_path / "whole" / "landing")
    assert "Using the extracts" in _simulate(tmp_path, business)


def test_a_landing_zone_filled_by_hand_is_never_touched(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    write_csv(landing, "customers", "2026-06-30", [{"customer_id": "C1"}], "customers-20260630-1")
    before = _content(landing)
    assert "Using the extracts" in _simulate(tmp_path)
    assert _content(landing) == before


def test_extracts_of_a_small_demo_want_no_other_engine_than_none(tmp_path: Path) -> None:
    """The engine of a small demo is started before its extracts are there."""
    customers, months = 400, 6
    _simulate(tmp_path, customers=customers, months=months)
    size = sum(file.stat().st_size for file in (tmp_path / "landing").rglob("*") if file.is_file())
    assert 0 < size / (customers * months) * SAME_ENGINE_AS_FOR_NONE < BYTES_FOR_A_GIB


def test_without_the_delta_jars_nothing_is_begun(tmp_path: Path) -> None:
    nowhere = {"engine": "spark", "jars": str(tmp_path / "kept"), "maven": str(tmp_path / "nowhere")}
    settings = settings_for(tmp_path / "home").model_copy(update=nowhere)
    with pytest.raises(JarsError):
        demo(settings, DemoWorld(300, 13, 7), Console(file=io.StringIO()), time.monotonic())
    assert not (tmp_path / "home" / "landing").exists()
