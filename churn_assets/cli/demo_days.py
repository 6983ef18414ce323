"""`churn-assets demo --days`: after the history, the last month of the calendar day by day, as in operation."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from churn_assets.cli.current_days import days_scored
from churn_assets.contracts.business import Business
from churn_assets.graph.names import INGEST
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import days_of, month_end, month_of
from churn_assets.reporting.progress_display import display_on
from churn_assets.runs import run_daily, run_job
from churn_assets.serving.release.reading import current_release
from churn_assets.settings import COMING, Settings
from churn_assets.simulator.coming import coming_days, deliver_day
from churn_assets.simulator.presence import has_extracts
from churn_assets.simulator.simulate import SimulationError

if TYPE_CHECKING:
    from dagster import DagsterInstance


def require_days(settings: Settings, business: Business, days: int, last: str) -> None:
    """Checks that the month `last` can go on for so many days (0: not at all), before anything is simulated or run.

    Raises:
        SimulationError: the month has fewer days, the calendar has no end, or the landing zone holds extracts of
            another kind. The message says what to do.
    """
    if not days:
        if goes_on(settings):
            raise SimulationError(
                f"The last month of {settings.home_path} comes day by day: name the days, as in `--days 7`."
            )
        return
    in_month = month_end(last).day
    if days > in_month:
        raise SimulationError(f"{last} has {in_month} days; ask for at most {in_month}.")
    if business.file.calendar.end is None:
        raise SimulationError(
            f"The calendar of {business.name} has no `end`, so its days follow the clock. The demo goes on day by day "
            "in a calendar that has ended."
        )
    landing = Path(settings.landing_uri)
    if has_extracts(landing) and not goes_on(settings):
        raise SimulationError(
            f"{landing} holds extracts that were not made to go on day by day. Choose another home with "
            "CHURN_HOME."
        )


def goes_on(settings: Settings) -> bool:
    """Whether the extracts of this home were simulated by `demo --days`: days wait, or have waited, to come."""
    return (settings.home_path / COMING).is_dir()


def history_is_there(lakehouse: Lakehouse, last: str) -> bool:
    """Whether the cohorts up to the month `last` are scored and released, so that the days can begin.

    Scores alone may be what a run left that was killed before it made segments and a release.
    """
    if current_release(lakehouse.settings.releases_uri) is None or not lakehouse.exists(tables.CHURN_SCORES):
        return False
    return month_end(last) in set(lakehouse.slices(tables.CHURN_SCORES, "as_of_date"))


def live_days(
    instance: "DagsterInstance", settings: Settings, last: str, days: int, console: Console
) -> None:
    """Lives through the first `days` days of the month `last`, but for those that have come and have current scores.

    Each day: its extracts arrive in the landing zone, the open month is ingested, and the job `daily` scores it. A call
    after an interruption goes on where it stopped.

    Raises:
        RunError: a step failed.
    """
    coming, landing = settings.home_path / COMING, Path(settings.landing_uri)
    wanted = days_of(last)[:days]
    still_to_come = set(coming_days(coming))
    lived = [day for day in days_scored(Lakehouse(settings), wanted) if day not in still_to_come]
    if lived:
        console.print(f"Already there: {lived[0]} to {lived[-1]}.", highlight=False)
    with display_on(console, "days", days) as display:
        display.reach(len(lived), "")
        for day in (d for d in wanted if d not in lived):
            display.begin(str(day))
            display.hear("its extracts arrive")
            deliver_day(coming, landing, day)
            run_job(instance, settings, INGEST, [month_of(day)], None)
            run_daily(instance, settings, None, day)
            display.end(str(day))
