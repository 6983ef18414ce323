"""`churn-assets demo`: from nothing to scored segments, in one process."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from churn_assets.cli.current_days import print_days
from churn_assets.cli.demo_days import history_is_there, live_days, require_days
from churn_assets.cli.first_screen import print_first_screen
from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.definitions import tracking_of
from churn_assets.graph.names import INGEST, MONTH_END, SNAPSHOT, TRAIN
from churn_assets.graph.partitions import last_ingest_month, snapshot_months
from churn_assets.lakehouse.engine.session import prepare, start_session
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import add_months, days_of, month_range
from churn_assets.reporting.progress_display import display_on
from churn_assets.runs import dagster_instance, run_job
from churn_assets.settings import Settings
from churn_assets.simulator.presence import has_extracts
from churn_assets.simulator.simulate import simulate

if TYPE_CHECKING:
    from dagster import DagsterInstance

# Customers x months up to which the extracts (about 100 MB) need the same engine profile as an empty landing zone
# (profiles.py).
SAME_ENGINE_AS_FOR_NONE = 100_000
AFTER_SNAPSHOTS = ("scores", "retention", "monitoring", "serving")


@dataclass(frozen=True)
class DemoWorld:
    """What a demo is about.

    Attributes:
        customers: number at the start of the simulation.
        months: months of history, ending with the last ingest month.
        seed: the same seed gives the same extracts.
        days: how many days of the last month to live through; 0: the whole month is history.
        is_filled: the landing zone was filled just now, and nothing needs to be said of it.
    """

    customers: int
    months: int
    seed: int
    days: int = 0
    is_filled: bool = False


def _simulate_once(settings: Settings, business: Business, world: DemoWorld, console: Console) -> None:
    """Simulates extracts unless there are some; with `days`, those of the last month are held back, day by day."""
    landing, last = Path(settings.landing_uri), last_ingest_month(business)
    if has_extracts(landing):
        console.print(
            f"Using the extracts in {landing} (set CHURN_HOME to a new folder to simulate new ones).",
            markup=False,
        )
        return
    simulate(
        settings,
        business,
        customers=world.customers,
        months=world.months,
        last=last,
        seed=world.seed,
        console=console,
        daily_from=last if world.days else None,
        held_back=world.days > 0,
    )


def demo(settings: Settings, world: DemoWorld, console: Console, started: float) -> None:
    """Simulates extracts if the landing zone is empty, runs every job for all months, and prints the summary.

    It simulates the extracts of an interrupted simulation again. With `days`, the last month is not history: its first
    days come one by one. Called again with more days, it goes on.

    Args:
        settings: the deployment.
        world: what to simulate.
        console: for progress and summary.
        started: time.monotonic() at the start of the command.

    Raises: see `make_world`.
    """
    business = make_world(settings, world, console)
    last = last_ingest_month(business)
    console.print()
    if world.days:
        print_days(Lakehouse(settings), days_of(last), business.file.alerts.rise, console)
        console.print()
    print_first_screen(Lakehouse(settings), business, console)
    console.print(
        f"Done in {time.monotonic() - started:.0f} s; everything is in {escape(str(settings.home_path))}."
    )


def make_world(settings: Settings, world: DemoWorld, console: Console) -> Business:
    """Does what `demo` does but for the summary; returns the business.

    Raises:
        JarsError: the Delta jars are not available; nothing was started.
        SimulationError: see `simulate` and `require_days`; nothing was started.
        RunError: a step failed.
    """
    prepare(settings, console)
    business = load_business(settings.business_path)
    last = last_ingest_month(business)
    require_days(settings, business, world.days, last)
    # Making MLflow's database and starting a JVM take seconds on another core. Their errors are ignored here: the first
    # step that needs them tries again and reports the error.
    with ThreadPoolExecutor(2, "meanwhile") as meanwhile:
        begun: dict[str, Future[Any]] = {
            "MLflow": meanwhile.submit(tracking_of(settings, business).ensure_store)
        }
        if world.customers * world.months <= SAME_ENGINE_AS_FOR_NONE:
            begun["engine"] = meanwhile.submit(start_session, settings)
        if not world.is_filled:
            _simulate_once(settings, business, world, console)
        with display_on(console, "start", len(begun)) as display:
            for name, future in begun.items():
                display.go_on(name)
                wait([future])
    first = max(add_months(last, 1 - world.months), business.file.calendar.start)
    ingest = month_range(first, add_months(last, -1) if world.days else last)
    with dagster_instance(settings, console) as instance:
        if world.days and history_is_there(Lakehouse(settings), ingest[-1]):
            console.print(f"The history up to {ingest[-1]} is there.", highlight=False)
        else:
            _run_history(instance, settings, business, ingest, console)
        if world.days:
            live_days(instance, settings, last, world.days, console)
    return business


def _run_history(
    instance: "DagsterInstance",
    settings: Settings,
    business: Business,
    ingest: Sequence[str],
    console: Console,
) -> None:
    """Computes everything for these ingest months and for the cohorts with a whole observation window in them."""
    snapshots = [
        m
        for m in snapshot_months(business).get_partition_keys()
        if ingest[min(len(ingest), business.file.windows.observation_months) - 1] <= m <= ingest[-1]
    ]
    run_job(instance, settings, INGEST, ingest, console)
    run_job(instance, settings, SNAPSHOT, snapshots, console)
    run_job(instance, settings, TRAIN, snapshots[-1:], console)
    # the snapshots are there; two runs, of `score` and of `monitor`, would make a release each
    run_job(instance, settings, MONTH_END, snapshots, console, layers=AFTER_SNAPSHOTS)
