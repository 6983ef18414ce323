"""Measures the retraining loop over many simulated worlds: alarms after a change, regained AUC, needless trainings."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from churn_assets.replay.replay import replay
from churn_assets.replay.result import ReplayResult
from churn_assets.replay.world import Plan
from churn_assets.settings import Settings

CUSTOMERS, MONTHS, DRIFT_FROM = 5000, 25, "2025-05"
# without the candidates of MLlib, which take nine tenths of the time of a training
CANDIDATES = ("logistic_regression", "histogram_boosting")
SOON = 3  # an alarm is soon if at most this many cohorts of the changed world have matured


@dataclass(frozen=True)
class Figures:
    """Counts over all worlds."""

    changed: int
    noticed_soon: int
    regained: Sequence[float]
    needless: int
    quiet_cohorts: int

    def __str__(self) -> str:
        if not self.regained:
            told = "nothing regained"
        else:
            low, middle, high = np.quantile(self.regained, [0.1, 0.5, 0.9])
            told = f"{middle:.0%} regained (median; {low:.0%} to {high:.0%})"
        return (
            f"noticed within {SOON} matured cohorts in {self.noticed_soon} of {self.changed} worlds; {told}; "
            f"{self.needless} needless in {self.quiet_cohorts} quiet cohorts"
        )


def figures(found: Sequence[ReplayResult]) -> Figures:
    """Returns the counts over replays with and without a change."""
    changed = [f for f in found if f.change is not None]
    return Figures(
        changed=len(changed),
        noticed_soon=sum(
            f.cohorts_until_alarm is not None and f.cohorts_until_alarm <= SOON for f in changed
        ),
        regained=[f.regained for f in changed if f.regained is not None],
        needless=sum(f.needless for f in found),
        quiet_cohorts=sum(f.quiet_cohorts for f in found),
    )


def worlds(folder: Path, seeds: Sequence[int], console: Console) -> Figures:
    """Replays a world with and one without a change for each seed; prints the results so far after each."""
    found: list[ReplayResult] = []
    for seed in seeds:
        for drift_from in (DRIFT_FROM, None):
            home = folder / f"world_{seed}_{drift_from}"
            plan = Plan(CUSTOMERS, MONTHS, drift_from, seed, at_once=True, candidates=CANDIDATES)
            found.append(replay(Settings(home=str(home)), plan, console))
            # keep the rest of home: the process has one Spark session, which uses the scratch of the first world
            for part in ("landing", "lake"):
                shutil.rmtree(home / "replay" / part)
            console.print(_table(found))
            console.print(f"{len(found)} of {2 * len(seeds)} worlds: {figures(found)}")
    return figures(found)


def _table(found: Sequence[ReplayResult]) -> Table:
    table = Table(
        "seed", "changed", "matured until the alarm", "regained", "needless", "quiet cohorts", "trainings"
    )
    for f in found:
        waited = "never" if f.cohorts_until_alarm is None else str(f.cohorts_until_alarm)
        table.add_row(
            str(f.plan.seed),
            f.plan.drift_from or "never",
            waited if f.change else "",
            "" if f.regained is None or not f.change else f"{f.regained:.0%}",
            str(f.needless),
            str(f.quiet_cohorts),
            str(len(f.trainings)),
        )
    return table
