"""Prints the plan of the demo with the approximate time of each part on this machine, before heavy imports."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from churn_assets.lakehouse.engine.profiles import local_cores
from churn_assets.settings import Settings
from churn_assets.simulator.presence import has_extracts

CALIBRATION_SECONDS = 0.05
# Rounds of the calibration loop per second on one core of the reference, an idle machine of two cores.
REFERENCE_ROUNDS = 3900.0
REFERENCE_CORES = 2
# On average 1.4 of the two cores are busy, so 0.4 of the seconds shrink when cores are added.
BUSY_CORES = 1.4
PARALLEL = BUSY_CORES - 1


@dataclass(frozen=True)
class DemoPart:
    """A part of the demo.

    Attributes:
        name: its name in the display.
        what: what it does.
        fixed: seconds on the reference machine that do not depend on the size.
        growing: seconds on the reference machine per 100,000 customers x months.
    """

    name: str
    what: str
    fixed: float
    growing: float

    def seconds(self, customers: int, months: int, slower: float) -> float:
        """Approximate seconds on a machine that needs `slower` times as long as the reference."""
        return slower * (self.fixed + self.growing * customers * months / 100_000)


# Fitted to the times of `make bench` for the telecom demo with 5,000 and 50,000 customers (docs/benchmarks.md), and
# divided among the parts by their CPU time.
PARTS = (
    DemoPart("simulate", "write the extracts of six dirty sources, unless some are there", 4, 11),
    DemoPart("ingest", "load them into bronze, silver and gold Delta tables", 52, 33),
    DemoPart("snapshot", "features and labels of every customer at every month end", 12, 9),
    DemoPart("train", "fit, compare and examine the candidate models", 20, 7),
    DemoPart("month_end", "scores with reasons, segments, a campaign plan, quality, drift", 6, 2),
)
# Rough: from one demo of 1,500 customers on a busy machine, by the ratio of a day to the ingest of its history.
A_DAY = DemoPart("day", "one day more", 30, 5)


def _of_days(days: int) -> DemoPart:
    """The part of the demo that lives through so many days; its growth is per month of history, as that of others."""
    return DemoPart(
        "days",
        f"{days} x one day more: its extracts, scores, alerts",
        days * A_DAY.fixed,
        days * A_DAY.growing,
    )


def slowness() -> float:
    """The time of the demo on this machine now, as a multiple of its time on the idle reference machine.

    A loop measures the speed of a core in CPU time. The load average of the last minute gives the share of the cores
    that other processes use. Wall time of the loop would not show it, because a new process is scheduled first.
    """
    rounds, started = 0, time.process_time()
    while (spent := time.process_time() - started) < CALIBRATION_SECONDS:
        total = 0
        for number in range(2_000):
            total += number * number % 7
        rounds += 1
    cores = max(1, local_cores("local[*]"))
    by_cores = 1 - PARALLEL + PARALLEL * REFERENCE_CORES / cores
    by_others = max(1.0, (os.getloadavg()[0] + min(BUSY_CORES, cores)) / cores)
    return REFERENCE_ROUNDS * spent / rounds * by_cores * by_others


def rounded(seconds: float) -> str:
    """`about 15 s`, `about 2.5 min`."""
    if seconds < 90:
        return f"about {max(5, 5 * round(seconds / 5))} s"
    return f"about {round(seconds / 30) / 2:g} min"


def print_plan(settings: Settings, customers: int, months: int, console: Console, days: int = 0) -> None:
    """Prints the parts of the demo, with their times on this machine where they are known.

    `days`: of the last month, which come one by one after the others.
    """
    # measured for telecom, and for the number of customers that is simulated
    there = has_extracts(Path(settings.landing_uri))
    measured = settings.business == "telecom" and not there
    slower = slowness() if measured else 1.0
    grid = Table(box=None, show_header=False, pad_edge=False)
    parts = [*PARTS, *([_of_days(days)] if days else [])]
    for part in parts:
        seconds = part.seconds(customers, months, slower)
        grid.add_row(f"  [bold]{part.name}[/]", rounded(seconds) if measured else "", part.what)
    console.print(grid)
    total = sum(part.seconds(customers, months, slower) for part in parts)
    unknown = (
        "How long a part takes depends on these extracts."
        if there
        else "How long a part takes was only measured for telecom."
    )
    time_here = f"Together {rounded(total)} on this machine as it is now ({local_cores('local[*]')} cores)."
    console.print(f"{time_here if measured else unknown} Everything is in {escape(str(settings.home_path))}.")
