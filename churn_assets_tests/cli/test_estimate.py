"""What the demo says at once: its plan, with times that follow from the size of the world and the machine."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from churn_assets.cli import estimate
from churn_assets.cli.estimate import PARTS, print_plan, rounded, slowness
from churn_assets_tests.lakes import settings_for

HEAVY = ("dagster", "pyspark", "mlflow", "pandas", "numpy", "pyarrow", "deltalake")


def _plan(home: Path, customers: int, months: int, business: str = "telecom") -> str:
    console = Console(record=True, width=100)
    print_plan(settings_for(home, business), customers, months, console)
    return console.export_text()


def test_the_plan_names_every_part_with_its_time(tmp_path: Path) -> None:
    told = _plan(tmp_path, 5000, 18)
    for part in PARTS:
        [line] = [line for line in told.splitlines() if line.split()[:1] == [part.name]]
        assert " about " in line and part.what in line
    assert "Together about " in told and str(tmp_path) in told.replace("\n", "")
    assert len(told.splitlines()) <= 10


def test_a_time_that_was_not_measured_is_not_told(tmp_path: Path) -> None:
    told = _plan(tmp_path, 5000, 18, "shop")
    assert "about 1" not in told and "only measured for telecom" in told


def test_a_time_of_extracts_that_are_there_is_not_told(tmp_path: Path) -> None:
    """Nobody knows yet how many customers they have."""
    (tmp_path / "landing" / "customers").mkdir(parents=True)
    told = _plan(tmp_path, 5000, 18)
    assert "about 5" not in told and "Together" not in told and "depends on these extracts" in told


def test_the_times_grow_with_the_world_and_with_the_slowness_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "slowness", lambda: 1.0)
    said = ["about 5 s", "about 15 s", "about 90 s", "about 1.5 min", "about 2.5 min", "about 4.5 min"]
    assert [rounded(seconds) for seconds in (1, 14, 89, 91, 150, 270)] == said
    for part in PARTS:
        assert part.seconds(5000, 18, 1.0) < part.seconds(50_000, 18, 1.0)
        assert part.seconds(5000, 18, 2.0) == 2 * part.seconds(5000, 18, 1.0)
    assert "Together about 2.5 min" in _plan(tmp_path, 5000, 18)
    assert "Together about 11 min" in _plan(tmp_path, 50_000, 18)


def test_a_machine_is_compared_with_the_reference_by_its_speed_its_cores_and_its_load(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def on(cores: int, load: float, rounds: int = 195) -> float:
        """Slowness on a machine whose core makes so many rounds in the seconds of the loop."""
        ticks = iter([0.0, *(0.05 * n / rounds for n in range(rounds)), 0.05])
        monkeypatch.setattr(estimate, "local_cores", lambda _: cores)
        monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
        with monkeypatch.context() as patch:
            patch.setattr(time, "process_time", ticks.__next__)
            return slowness()

    assert on(2, 0.0) == pytest.approx(1, rel=0.01)
    assert on(2, 0.0, rounds=97) == pytest.approx(2, rel=0.01)
    assert on(1, 0.0) == pytest.approx(1.4, rel=0.01)
    assert 0.6 < on(16, 8.0) < 0.7
    assert on(2, 4.6) == pytest.approx(3, rel=0.01)


def test_the_first_line_comes_within_a_second_and_the_plan_before_anything_heavy_is_imported(
    tmp_path: Path,
) -> None:
    """Of the CPU time of a fresh process, as the machine of the tests is busy."""
    code = (
        "import resource, sys; from churn_assets.cli import estimate; plan = estimate.print_plan\n"
        "def told(*words):\n"
        "    plan(*words)\n"
        "    used = resource.getrusage(resource.RUSAGE_SELF)\n"
        f"    print('heavy:', [m for m in {HEAVY} if m in sys.modules], 'cpu:', used.ru_utime + used.ru_stime)\n"
        "    raise SystemExit(0)\n"
        "estimate.print_plan = told\n"
        "from churn_assets.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "demo"],
        env=os.environ | {"CHURN_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    first, *_, last = done.stdout.splitlines()
    assert first.startswith("Demo: 5,000 simulated customers, 18 months"), done.stderr
    assert last.startswith("heavy: [] cpu: ")
    assert float(last.split()[-1]) < 1.0
