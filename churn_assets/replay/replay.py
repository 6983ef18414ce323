"""`churn-assets replay`: makes a world, runs its months, and reports what the retraining loop did."""

import shlex

from rich.console import Console

from churn_assets.contracts.loader import load_business
from churn_assets.replay.auc_by_cohort import matured_cohorts
from churn_assets.replay.replayed_months import live_through
from churn_assets.replay.report import print_result, replay_page
from churn_assets.replay.result import ReplayResult
from churn_assets.replay.world import Plan, ReplayError, make_world
from churn_assets.settings import Settings

__all__ = ["ReplayError", "replay"]


def replay(settings: Settings, plan: Plan, console: Console) -> ReplayResult:
    """Replays a simulated world in CHURN_HOME/replay; prints a table and writes it with a picture to replay.html.

    The last printed line is the command that shows every run.

    Raises:
        ReplayError, SimulationError: see `make_world`.
        RunError: a job failed.
    """
    own = make_world(settings, plan, console)
    business = load_business(own.business_path)
    trainings = live_through(own, business, plan, console)
    found = ReplayResult(plan, trainings, matured_cohorts(own, business))
    print_result(found, console)
    page = own.home_path / "replay.html"
    page.write_text(replay_page(found), encoding="utf-8")
    console.print(f"Page: {page}", markup=False)
    console.print(f"Every run in Dagster's page: {page_command(own)}", markup=False, soft_wrap=True)
    return found


def page_command(own: Settings) -> str:
    """The shell command that starts Dagster's page with the home of a replay and its business (own calendar)."""
    home, business = shlex.quote(str(own.home_path)), shlex.quote(str(own.business_path))
    return f"CHURN_HOME={home} CHURN_BUSINESS={business} make ui"
