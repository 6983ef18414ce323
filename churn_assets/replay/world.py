"""The world of a replay: a home of its own, a business with a longer calendar, simulated extracts."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import yaml
from rich.console import Console

from churn_assets.contracts.loader import load_business
from churn_assets.months import add_months, month_range
from churn_assets.settings import SHIPPED_BUSINESSES, Settings
from churn_assets.simulator.simulate import simulate

BUSINESS = "telecom"
START = "2024-01"
# cohorts that a first training takes: two to learn from, two to choose and calibrate, one to test, the time between
COHORTS_OF_A_TRAINING = 7
COHORTS_TO_WATCH = 6


class ReplayError(ValueError):
    """The replay cannot start; the message says why and what to change."""


@dataclass(frozen=True)
class Plan:
    """What is simulated.

    Attributes:
        customers: at the start.
        months: from START on.
        drift_from: month from which customers leave for other reasons; None: never.
        seed: same seed, same world.
        at_once: ingest and snapshots of all months in one run each. The tables are the same as month by month, because
            nothing looks beyond its date; a tenth of the time.
        candidates: that compete in each training; None: those of the business.
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


def business_between(folder: Path, first: str, last: str, candidates: tuple[str, ...] | None = None) -> Path:
    """A copy of the shipped business whose calendar runs from one month to another; None: with its own candidates."""
    shutil.copytree(SHIPPED_BUSINESSES / BUSINESS, folder)
    file = folder / "churn.yaml"
    content = yaml.safe_load(file.read_text())
    content["calendar"] = {"start": first, "end": last}
    if candidates:
        content["training"]["candidates"] = list(candidates)
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return folder


def make_world(settings: Settings, plan: Plan, console: Console) -> Settings:
    """Simulates the extracts of the plan below CHURN_HOME/replay; returns the settings that see nothing else.

    Raises:
        ReplayError: a replay of earlier lies there, too few months, or a change of regime outside of them.
        SimulationError: a plan that makes no world; nothing is left of it.
    """
    home = settings.home_path / "replay"
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
    folder = business_between(home / BUSINESS, plan.calendar[0], plan.calendar[-1], plan.candidates)
    places = {"home": str(home), "business": str(folder)}
    elsewhere = dict.fromkeys(("landing", "lake", "tracking_uri", "artifacts"))  # nothing real is touched
    own = Settings(**(settings.model_dump() | places | elsewhere))
    try:
        simulate(
            own,
            load_business(folder),
            customers=plan.customers,
            months=plan.months,
            last=plan.calendar[-1],
            seed=plan.seed,
            console=console,
            drift_from=plan.drift_from,
        )
    except BaseException:
        shutil.rmtree(home)  # half a world would be taken for an earlier replay
        raise
    return own


def hazard_file(settings: Settings) -> Path:
    """The true probability of every customer at every as_of_date, as the simulator wrote it."""
    return settings.home_path / "truth" / "hazard.parquet"
