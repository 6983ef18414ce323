"""The commands `demo`, `simulate`, `run`, `daily`, `summary`, `catalogue` and `doctor`."""

import sys
import time
from typing import TYPE_CHECKING

import click

from churn_assets.cli.options import SEED, customers_option, month_of_word, output, settings_of_process

if TYPE_CHECKING:
    from datetime import date, datetime

    from churn_assets.settings import Settings


@click.command()
@customers_option(5000)
@click.option(
    "--months",
    default=18,
    show_default=True,
    help="Months of history, ending with the calendar of churn.yaml.",
)
@SEED
@click.option(
    "--days",
    type=click.IntRange(1, 31),
    help="Let the last month come day by day, so many days: new extracts, scores of the morning, alerts.",
)
@click.option(
    "--sources",
    is_flag=True,
    help="Keep customers and subscriptions in PostgreSQL, tickets and invoices behind a REST service, and ask them.",
)
@click.option(
    "--live",
    is_flag=True,
    help="Let the next day of the last month come in a minute: its tickets and invoices as events of Kafka, scored and "
    "told within seconds. Needs Java and confluent-kafka; starts a broker on this machine and stops it.",
)
def demo(customers: int, months: int, seed: int, days: int | None, sources: bool, live: bool) -> None:
    """Simulate extracts, run all jobs for all months, tell what came out.

    With few customers, too few may leave in a month to test a model; the demo then ends at the training.
    """
    if sum((sources, days is not None, live)) > 1:
        raise click.UsageError("--sources, --days and --live do not go together.")
    started, console = time.monotonic(), output()
    settings = settings_of_process()
    from churn_assets.cli.demo_home import opening, require_own_home

    require_own_home(settings)
    # before the imports below, which take time
    console.print(opening(settings, customers, months), markup=False)
    from churn_assets.cli.estimate import print_plan
    from churn_assets.reporting.progress_display import display_on

    print_plan(settings, customers, months, console, 1 if live else days or 0)
    with display_on(console, "prepare", 2) as display:
        display.go_on("Python packages")
        from churn_assets.cli.demo import DemoWorld
        from churn_assets.cli.demo import demo as run_demo
        from churn_assets.lakehouse.engine.session import prepare
        from churn_assets.simulator.simulate import SimulationError

        display.go_on("engine")
        prepare(settings)
    world = DemoWorld(customers, months, seed, days or 0, is_filled=sources)
    try:
        if live:
            from churn_assets.cli.demo_live import demo_live

            demo_live(settings, world, console)
            return
        if sources:
            from churn_assets.cli.demo_sources import tell_business, with_sources

            settings = with_sources(settings, world, console)
        run_demo(settings, world, console, started)
        if sources:
            tell_business(settings, console)
    except SimulationError as error:
        raise click.UsageError(str(error)) from error


@click.command()
@customers_option(5000)
@click.option("--months", default=18, show_default=True, help="Months of history.")
@SEED
@click.option(
    "--start",
    type=month_of_word,
    metavar="YYYY-MM",
    help="First month YYYY-MM; default: so that the history ends with the calendar.",
)
@click.option(
    "--drift-from",
    type=month_of_word,
    metavar="YYYY-MM",
    help="Month YYYY-MM from which customers behave differently.",
)
@click.option(
    "--truncate", nargs=2, multiple=True, metavar="SOURCE MONTH", help="Lose most rows of a source's month."
)
@click.option("--clean", is_flag=True, help="No duplicates, late rows, malformed values or other dirt.")
@click.option(
    "--daily-from",
    type=month_of_word,
    metavar="YYYY-MM",
    help="Month YYYY-MM from which the sources deliver every day; customers, as promised, at each month's end.",
)
def simulate(
    customers: int,
    months: int,
    seed: int,
    start: str | None,
    drift_from: str | None,
    truncate: tuple[tuple[str, str], ...],
    clean: bool,
    daily_from: str | None,
) -> None:
    """Write extracts of the business into the landing zone (and the truth outside of it)."""
    from churn_assets.contracts.loader import load_business
    from churn_assets.graph.partitions import last_ingest_month
    from churn_assets.simulator.simulate import SimulationError
    from churn_assets.simulator.simulate import simulate as run_simulation

    settings = settings_of_process()
    business = load_business(settings.business_path)
    try:
        run_simulation(
            settings,
            business,
            customers=customers,
            months=months,
            last=last_ingest_month(business),
            seed=seed,
            console=output(),
            drift_from=drift_from,
            start=start,
            truncate=truncate,
            clean=clean,
            daily_from=daily_from,
        )
    except SimulationError as error:
        raise click.UsageError(str(error)) from error


@click.command()
@click.argument(
    "jobs",
    nargs=-1,
    required=True,
    metavar="JOB...",
    type=click.Choice(["extract", "ingest", "snapshot", "train", "score", "monitor"]),
)
@click.option(
    "--from", "first", required=True, type=month_of_word, metavar="YYYY-MM", help="First month, YYYY-MM."
)
@click.option(
    "--to", "last", type=month_of_word, metavar="YYYY-MM", help="Last month, YYYY-MM; default: the first."
)
def run(jobs: tuple[str, ...], first: str, last: str | None) -> None:
    """Run jobs, one after the other, for a range of months in this process; the UI shows the runs like any other.

    JOB is one of extract, ingest, snapshot, train, score, monitor; extract asks the sources that are databases,
    services, collections, topics and folders of others, and tells what its checks found. Several share one session:

    \b
      churn-assets run ingest snapshot score --from 2026-06
    """
    from churn_assets.cli.extracted import print_extracts
    from churn_assets.months import month_range
    from churn_assets.runs import MonthsError, RunError, dagster_instance, require_months, run_job

    settings, console = settings_of_process(), output()
    if last is not None and last < first:
        raise click.UsageError(f"--to {last} is before --from {first}.")
    months = month_range(first, last or first)
    try:
        require_months(settings, jobs, months)
    except MonthsError as error:
        raise click.UsageError(str(error)) from error
    lost = False
    with dagster_instance(settings, console) as instance:
        for job in jobs:
            try:
                done = run_job(instance, settings, job, months, console)
            except RunError as error:
                if job == "ingest":
                    _tell_ingest(settings, months)
                if job == "extract" and error.done is not None:
                    print_extracts(error.done, console)
                raise
            if job == "ingest":
                _tell_ingest(settings, months)
            if job == "extract":
                lost = print_extracts(done, console)
    if "train" in jobs:
        _tell_trainings(settings, first, last or first)
    if lost:  # the other jobs have run: what came is worth having
        sys.exit(1)


@click.command()
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="The day to score; default: yesterday, or the newest extract once the calendar has ended.",
)
def daily(as_of: "datetime | None") -> None:
    """Score every customer as of a day, between month ends too, and tell what moved; the UI shows the run."""
    from churn_assets.runs import dagster_instance, day_of_run, run_daily

    settings, console = settings_of_process(), output()
    with dagster_instance(settings, console) as instance:
        done = run_daily(instance, settings, console, as_of.date() if as_of else None)
    _tell_day(settings, day_of_run(done))


def _tell_day(settings: "Settings", day: "date") -> None:
    """Prints what a day of current scores brought."""
    from churn_assets.cli.current_days import alerts_of, days_scored, print_days
    from churn_assets.contracts.loader import load_business
    from churn_assets.lakehouse.lakehouse import Lakehouse

    lakehouse, console = Lakehouse(settings), output()
    if not days_scored(lakehouse, [day]):
        console.print(f"Nobody was scored as of {day}: no model is in charge of this day.", highlight=False)
        return
    rise = load_business(settings.business_path).file.alerts.rise
    print_days(lakehouse, [day], rise, console)
    if alerts_of(lakehouse, day):
        console.print("`churn-assets alerts list` shows the alerts.", highlight=False)


def _tell_ingest(settings: "Settings", months: list[str]) -> None:
    """Prints what the checks found in these months, and which months up to the last have not passed silver."""
    from churn_assets.cli.findings import print_findings
    from churn_assets.lakehouse.lakehouse import Lakehouse

    print_findings(Lakehouse(settings), months, output())
    _tell_unknown(settings, months[-1])


def _tell_unknown(settings: "Settings", last: str) -> None:
    """Prints the months up to `last` that have not passed silver, also those of earlier runs; nothing if all have."""
    from churn_assets.cli.known_until import lines, not_known, remedy, states_of
    from churn_assets.contracts.loader import load_business
    from churn_assets.lakehouse.lakehouse import Lakehouse
    from churn_assets.silver.today import today_of

    lakehouse, business = Lakehouse(settings), load_business(settings.business_path)
    states = states_of(lakehouse, business, last)
    if missing := not_known(business, states, today_of(lakehouse, business)):
        for line in lines(states, missing):
            output().print(line, markup=False)
        output().print(remedy(missing), markup=False)


def _tell_trainings(settings: "Settings", first: str, last: str) -> None:
    """Prints the trainings of a range as a table; writes a picture if there is more than one."""
    from rich.table import Table

    from churn_assets.lakehouse.lakehouse import Lakehouse
    from churn_assets.models.backtest import COLUMNS, backtest_figure, backtest_rows, trainings
    from churn_assets.months import month_end
    from churn_assets.reporting.terminal import print_whole

    found = trainings(Lakehouse(settings), month_end(first), month_end(last))
    grid = Table(*COLUMNS)
    for row in backtest_rows(found):
        grid.add_row(*row)
    print_whole(grid, output())
    if len(found) > 1:
        picture = settings.home_path / "backtest.png"
        backtest_figure(found).savefig(picture, dpi=130)
        output().print(f"Picture: {picture}", markup=False)


@click.command()
@click.option(
    "--full",
    is_flag=True,
    help="Every table, refused rows by rule, findings, segments, the ten riskiest customers.",
)
def summary(full: bool) -> None:
    """Tell what the lake holds, on one screen: rows, model, customers at risk, next steps."""
    from churn_assets.cli.first_screen import print_first_screen
    from churn_assets.cli.summary import print_full_summary
    from churn_assets.contracts.loader import load_business
    from churn_assets.lakehouse.lakehouse import Lakehouse

    settings = settings_of_process()
    tell = print_full_summary if full else print_first_screen
    tell(Lakehouse(settings), load_business(settings.business_path), output())


@click.command()
def catalogue() -> None:
    """Print every table with its columns, and every other store, as Markdown."""
    from churn_assets.cli.catalogue_page import catalogue_page
    from churn_assets.contracts.loader import load_business

    click.echo(catalogue_page(load_business(settings_of_process().business_path)), nl=False)


@click.command()
@click.option("--quick", is_flag=True, help="Do not write and read a small table.")
def doctor(quick: bool) -> None:
    """Say what is wrong with engine, packages, settings, sources or disk, and how to mend it."""
    from churn_assets.cli.doctor import findings_table, run_doctor

    findings = run_doctor(settings_of_process(), quick=quick)
    output().print(findings_table(findings))
    if any(f.status == "fail" for f in findings):
        sys.exit(1)
