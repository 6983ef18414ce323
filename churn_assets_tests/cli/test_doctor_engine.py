"""What the doctor says of the engine."""

from importlib.metadata import version
from pathlib import Path

import pytest

from churn_assets.cli import doctor, doctor_engine
from churn_assets.cli.doctor import run_doctor
from churn_assets.lakehouse.engine.choice import EngineChoice, choose_engine
from churn_assets.settings import Settings


def test_on_sail_nothing_of_the_jvm_is_looked_for(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path), jars=str(tmp_path / "jars"), engine="sail")
    found = {f.name: f for f in run_doctor(settings, quick=True)}
    assert found["engine"].what == "sail: by CHURN_ENGINE"
    for name in ("java", "jars"):
        assert (found[name].status, found[name].what) == ("ok", "not needed by Sail")
    assert "queries of Sail may take" in found["memory"].what


def test_an_engine_that_cannot_work_is_a_failure_with_its_remedy(tmp_path: Path) -> None:
    *_, found, unknown = run_doctor(Settings(home=str(tmp_path), engine="sail", lake="s3a://lake"))
    assert (found.name, found.status) == ("engine", "fail")
    assert "the lake is not on this machine" in found.what
    assert (unknown.name, unknown.status) == ("java, jars, memory, cores, round trip", "warn")


def test_the_engine_is_chosen_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The choice looks through the landing zone and the lake."""
    choices = []

    def choose(settings: Settings) -> EngineChoice:
        choices.append(settings)
        return choose_engine(settings)

    monkeypatch.setattr(doctor, "choose_engine", choose)
    run_doctor(Settings(home=str(tmp_path)), quick=True)
    assert len(choices) == 1


@pytest.mark.parametrize(("engine", "told"), [("auto", "sail: "), ("spark", "spark: by CHURN_ENGINE")])
def test_the_engine_is_told_with_the_reason(tmp_path: Path, engine: str, told: str) -> None:
    settings = Settings(home=str(tmp_path), engine=engine)  # type: ignore[arg-type]
    [found] = [f for f in run_doctor(settings, quick=True) if f.name == "engine"]
    assert found.what.startswith(told)


def test_the_round_trip_on_sail_leaves_nothing_behind(tmp_path: Path) -> None:
    found = doctor_engine.check_round_trip(Settings(home=str(tmp_path), engine="sail"), "sail")
    assert (found.name, found.status) == ("sail and delta", "ok")
    assert found.what.startswith(f"Sail {version('pysail')} started in ")
    assert list((tmp_path / "lake").iterdir()) == []
