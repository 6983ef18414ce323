"""`churn-assets replay`: make a world, live through it, tell what the loop did."""

import shlex

from rich.console import Console

from churn_assets.contracts.loader import load_business
from churn_assets.replay.cohorts import matured_cohorts
from churn_assets.replay.life import live_through
from churn_assets.replay.report import ReplayResult, draw, print_findings
from churn_assets.replay.world import Plan, ReplayError, make_world
from churn_assets.settings import Settings

__all__ = ["ReplayError", "replay"]


def replay(settings: Settings, plan: Plan, console: Console) -> ReplayResult:
    """Lives through a simulated world in CHURN_HOME/replay; prints a table, draws replay.png beside it.

    The last line says how to look at every run.

    Raises:
        ReplayError, SimulationError: see `make_world`.
        RunError: a job failed.
    """
    own = make_world(settings, plan, console)
    business = load_business(own.business_path)
    trainings = live_through(own, business, plan, console)
    found = ReplayResult(plan, trainings, matured_cohorts(own, business))
    print_findings(found, console)
    picture = own.home_path / "replay.png"
    draw(found, picture)
    console.print(f"Picture: {picture}", markup=False)
    console.print(f"Every run in Dagster's page: {page_command(own)}", markup=False, soft_wrap=True)
    return found


def page_command(own: Settings) -> str:
    """What starts Dagster's page on the home of a replay and on its business, whose calendar is not the shipped one."""
    home, business = shlex.quote(str(own.home_path)), shlex.quote(str(own.business_path))
    return f"CHURN_HOME={home} CHURN_BUSINESS={business} make ui"
