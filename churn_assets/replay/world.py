"""Makes the world of a replay: its own home, a business with a longer calendar, simulated extracts."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from churn_assets.contracts.loader import load_business
from churn_assets.months import add_months, month_range
from churn_assets.settings import SHIPPED_BUSINESSES, Settings
from churn_assets.simulator.simulate import simulate

BUSINESS = "telecom"
START = "2024-01"
# cohorts that a first training needs: two to learn from, two to choose and calibrate, one to test, and the gaps between
COHORTS_OF_A_TRAINING = 7
COHORTS_TO_WATCH = 6


class ReplayError(ValueError):
    """The replay cannot start. The message says why and what to change."""


@dataclass(frozen=True)
class Plan:
    """The world to simulate and how to run it.

    Attributes:
        customers: number at the start.
        months: number of months, from START on.
        drift_from: month from which customers leave for other reasons; None: never.
        seed: the same seed gives the same world.
        at_once: one ingest run and one snapshot run for all months. It takes a tenth of the time. The tables are the
            same as month by month, because no snapshot reads data of later dates.
        candidates: the candidates that compete in each training; None: those of the business.
    """

    customers: int
    months: int
    drift_from: str | None
    seed: int
    at_once: bool = False
    candidates: tuple[str, ...] | None = None

    @property
    def calendar(self) -> list[str]:
        """All months, in order."""
        return month_range(START, add_months(START, self.months - 1))


def business_between(
    folder: Path,
    first: str,
    last: str,
    candidates: tuple[str, ...] | None = None,
    change: Callable[[dict[str, Any]], None] | None = None,
) -> Path:
    """Copies the shipped business to `folder` with a calendar from `first` to `last`, and returns the folder.

    Args:
        folder: that is made.
        first, last: months.
        candidates: candidates of the copy; None: those of the shipped business.
        change: changes the content of churn.yaml further.
    """
    shutil.copytree(SHIPPED_BUSINESSES / BUSINESS, folder)
    file = folder / "churn.yaml"
    content = yaml.safe_load(file.read_text())
    content["calendar"] = {"start": first, "end": last}
    if candidates:
        content["training"]["candidates"] = list(candidates)
    if change is not None:
        change(content)
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return folder


def make_world(settings: Settings, plan: Plan, console: Console) -> Settings:
    """Simulates the extracts of the plan in CHURN_HOME/replay and returns settings with all locations in that folder.

    Raises:
        ReplayError: the folder exists already, the plan has too few months, or its change is not in one of them.
        SimulationError: the plan cannot be simulated; the folder is removed.
    """
    home = home_of(settings)
    if home.exists():
        raise ReplayError(
            f"{home} holds an earlier replay. Remove the folder, or choose another with CHURN_HOME."
        )
    content = yaml.safe_load((SHIPPED_BUSINESSES / BUSINESS / "churn.yaml").read_text())
    least = content["windows"]["observation_months"] + COHORTS_OF_A_TRAINING + COHORTS_TO_WATCH
    if plan.months < least:
        raise ReplayError(f"{plan.months} months leave nothing to watch; ask for at least {least}.")
    if plan.drift_from is not None and plan.drift_from not in plan.calendar:
        raise ReplayError(
            f"--drift-from {plan.drift_from} is not one of the months {plan.calendar[0]} to {plan.calendar[-1]}."
        )
    business_between(home / BUSINESS, plan.calendar[0], plan.calendar[-1], plan.candidates)
    own = settings_in(settings, home)
    try:
        simulate(
            own,
            load_business(own.business_path),
            customers=plan.customers,
            months=plan.months,
            last=plan.calendar[-1],
            seed=plan.seed,
            console=console,
            drift_from=plan.drift_from,
        )
    except BaseException:
        shutil.rmtree(home)  # the next call would take a partial world for an earlier replay
        raise
    return own


def home_of(settings: Settings) -> Path:
    """The home of a replay."""
    return settings.home_path / "replay"


def settings_in(settings: Settings, home: Path) -> Settings:
    """The settings with all locations in the home of a replay."""
    places = {"home": str(home), "business": str(home / BUSINESS)}
    # None: the defaults in `home`, so that the real landing zone, lake, MLflow and audit are not touched
    elsewhere = dict.fromkeys(("landing", "lake", "tracking_uri", "artifacts", "audit_anchor"))
    return Settings(**(settings.model_dump() | places | elsewhere))


def hazard_file(settings: Settings) -> Path:
    """Path of the file with the true probability of every customer at every as_of_date, written by the simulator."""
    return settings.home_path / "truth" / "hazard.parquet"
