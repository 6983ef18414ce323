"""The `churn-assets` command. Parses words, calls the rooms, prints errors as people read them."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from churn_assets.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from churn_assets.lakehouse.lakehouse import Lakehouse
    from churn_assets.models.decisions import Decision
    from churn_assets.tracking.tracking import Tracking


def month(value: str) -> str:
    """A month as YYYY-MM; anything else is a usage error."""
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", value):
        raise click.BadParameter(f"{value} is not a month; write it as YYYY-MM.")
    return value


def _settings() -> Settings:
    """The settings of this process; what is wrong with them is a usage error."""
    try:
        settings = Settings()
        settings.home_path  # noqa: B018 (looks at CHURN_HOME)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    return settings


_SEED = click.option("--seed", default=7, show_default=True, help="Same seed, same world.")


def _customers(default: int) -> "Callable[[Callable[..., None]], Callable[..., None]]":
    return click.option("--customers", default=default, show_default=True, help="Customers at the start.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="churn-assets")
def cli() -> None:
    """Point-in-time churn prediction as a Dagster asset graph over Delta tables.

    Where things lie is set by environment variables: CHURN_HOME (default .churn), CHURN_BUSINESS (telecom, shop or a
    folder with churn.yaml and contracts/), CHURN_LANDING, CHURN_LAKE and others; `churn-assets doctor` shows them.

    \b
    First steps:
      churn-assets study FILE.csv   what a single file of customers tells, and how far to trust it
      churn-assets demo             simulate a telecom operator and run everything
      churn-assets doctor           is this machine fit? what is wrong, and how to mend it
      churn-assets summary          what the lake holds now
    """


@cli.command()
@_customers(5000)
@click.option(
    "--months",
    default=18,
    show_default=True,
    help="Months of history, ending with the calendar of churn.yaml.",
)
@_SEED
def demo(customers: int, months: int, seed: int) -> None:
    """Simulate extracts, run all jobs for all months, tell what came out."""
    from churn_assets.demo import demo as run_demo

    run_demo(_settings(), customers, months, seed, Console())


@cli.command()
@_customers(5000)
@click.option("--months", default=18, show_default=True, help="Months of history.")
@_SEED
@click.option(
    "--start",
    type=month,
    metavar="YYYY-MM",
    help="First month YYYY-MM; default: so that the history ends with the calendar.",
)
@click.option(
    "--drift-from",
    type=month,
    metavar="YYYY-MM",
    help="Month YYYY-MM from which customers behave differently.",
)
@click.option(
    "--truncate", nargs=2, multiple=True, metavar="SOURCE MONTH", help="Lose most rows of a source's month."
)
@click.option("--clean", is_flag=True, help="No duplicates, late rows, malformed values or other dirt.")
def simulate(
    customers: int,
    months: int,
    seed: int,
    start: str | None,
    drift_from: str | None,
    truncate: tuple[tuple[str, str], ...],
    clean: bool,
) -> None:
    """Write extracts of the business into the landing zone (and the truth outside of it)."""
    from churn_assets.contracts.loader import load_business
    from churn_assets.simulation import SimulationError
    from churn_assets.simulation import simulate as run_simulation

    settings = _settings()
    try:
        run_simulation(
            settings,
            load_business(settings.business_path),
            customers=customers,
            months=months,
            seed=seed,
            console=Console(),
            drift_from=drift_from,
            start=start,
            truncate=truncate,
            clean=clean,
        )
    except SimulationError as error:
        raise click.UsageError(str(error)) from error


@cli.command()
@click.argument(
    "jobs",
    nargs=-1,
    required=True,
    metavar="JOB...",
    type=click.Choice(["ingest", "snapshot", "train", "score", "monitor"]),
)
@click.option("--from", "first", required=True, type=month, metavar="YYYY-MM", help="First month, YYYY-MM.")
@click.option("--to", "last", type=month, metavar="YYYY-MM", help="Last month, YYYY-MM; default: the first.")
def run(jobs: tuple[str, ...], first: str, last: str | None) -> None:
    """Run jobs, one after the other, for a range of months in this process; the UI shows the runs like any other.

    JOB is one of ingest, snapshot, train, score, monitor. Several share one Spark session:

    \b
      churn-assets run ingest snapshot score --from 2026-06
    """
    from churn_assets.months import month_range
    from churn_assets.runs import MonthsError, dagster_instance, run_job

    settings = _settings()
    if last is not None and last < first:
        raise click.UsageError(f"--to {last} lies before --from {first}.")
    with dagster_instance(settings) as instance:
        for job in jobs:
            try:
                run_job(instance, settings, job, month_range(first, last or first), Console())
            except MonthsError as error:
                raise click.UsageError(str(error)) from error
    if "train" in jobs:
        _tell_trainings(settings, first, last or first)


def _tell_trainings(settings: Settings, first: str, last: str) -> None:
    """The trainings of a range side by side: a table, and a picture for more than one."""
    from rich.table import Table

    from churn_assets.lakehouse.lakehouse import Lakehouse
    from churn_assets.models.backtest import COLUMNS, backtest_figure, backtest_rows, trainings
    from churn_assets.months import month_end

    found = trainings(Lakehouse(settings), month_end(first), month_end(last))
    grid = Table(*COLUMNS)
    for row in backtest_rows(found):
        grid.add_row(*row)
    Console().print(grid)
    if len(found) > 1:
        picture = settings.home_path / "backtest.png"
        backtest_figure(found).savefig(picture, dpi=130)
        Console().print(f"Picture: {picture}")


_FROM = click.option(
    "--from",
    "first",
    type=month,
    metavar="YYYY-MM",
    help="Month from whose end on it is in charge; default: the newest closed month.",
)
_WHY = click.option("--why", required=True, help="The reason, for the record.")


def _put_in_charge(decide: "Callable[[Lakehouse, Tracking, date, str], Decision]", first: str | None) -> None:
    """Takes a decision by hand, from the end of the chosen month on (default: the newest closed one), and tells it."""
    import getpass

    from churn_assets.contracts.loader import load_business
    from churn_assets.definitions import tracking_of
    from churn_assets.lakehouse.lakehouse import Lakehouse
    from churn_assets.months import month_end
    from churn_assets.partitions import snapshot_months

    settings = _settings()
    business = load_business(settings.business_path)
    start = first or snapshot_months(business).get_last_partition_key()
    if start is None:
        raise click.UsageError("No month is closed yet; name one with --from.")
    tracking = tracking_of(settings, business)
    decision = decide(Lakehouse(settings), tracking, month_end(start), getpass.getuser())
    Console().print(
        f"Version {decision.model_version} is in charge from {decision.in_charge_from} on "
        f"(before: {decision.previous_version}). Materialise scores/* of the months since to score with it."
    )


@cli.command()
@click.argument("version")
@_FROM
@_WHY
def promote(version: str, first: str | None, why: str) -> None:
    """Put model VERSION in charge by hand; the decision is written down in models/champions and MLflow."""
    from churn_assets.models.decisions import promote as put_in_charge

    _put_in_charge(
        lambda lakehouse, tracking, start, by: put_in_charge(lakehouse, tracking, version, start, why, by),
        first,
    )


@cli.command()
@_FROM
@_WHY
def rollback(first: str | None, why: str) -> None:
    """Put the champion before the present one in charge again."""
    from churn_assets.models.decisions import rollback as put_back

    _put_in_charge(
        lambda lakehouse, tracking, start, by: put_back(lakehouse, tracking, start, why, by), first
    )


@cli.command("replay")
@_customers(4000)
@click.option("--months", default=27, show_default=True, help="Months to live through, from 2024-01 on.")
@click.option(
    "--drift-from",
    type=month,
    metavar="YYYY-MM",
    default="2025-06",
    show_default=True,
    help="Month from which customers leave for other reasons.",
)
@click.option("--no-drift", is_flag=True, help="Customers never change: is the loop quiet?")
@_SEED
@click.option(
    "--at-once",
    is_flag=True,
    help="Ingest all months in one run before; the tables are the same, and it takes a fraction of the time.",
)
def replay_command(
    customers: int, months: int, drift_from: str, no_drift: bool, seed: int, at_once: bool
) -> None:
    """Live through a simulated world month by month, with a change of regime in its middle.

    Does the loop notice, and does it mend the model? The table and the picture at the end show the realised AUC of
    each cohort, of the first model had it never been replaced, and of the true hazard. Everything lies in
    CHURN_HOME/replay; with CHURN_HOME set to that folder, `make ui` shows every run.
    """
    from churn_assets.replay.replay import ReplayError, replay
    from churn_assets.replay.world import Plan

    plan = Plan(customers, months, None if no_drift else drift_from, seed, at_once)
    try:
        replay(_settings(), plan, Console())
    except ReplayError as error:
        raise click.UsageError(str(error)) from error


@cli.command()
def summary() -> None:
    """Tell what the lake holds: rows, refused rows, model, segments, riskiest customers."""
    from churn_assets.contracts.loader import load_business
    from churn_assets.lakehouse.lakehouse import Lakehouse
    from churn_assets.summary import print_summary

    settings = _settings()
    print_summary(Lakehouse(settings), load_business(settings.business_path), Console())


@cli.command()
@click.option("--quick", is_flag=True, help="Leave out the round trip through Spark and Delta.")
def doctor(quick: bool) -> None:
    """Check Java, jars, versions, disk, settings; say what is wrong and how to mend it."""
    from churn_assets.doctor import findings_table, run_doctor

    findings = run_doctor(_settings(), quick=quick)
    Console().print(findings_table(findings))
    if any(f.status == "fail" for f in findings):
        sys.exit(1)


@cli.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.csv")
@click.option("--target", required=True, metavar="COLUMN", help="Column that says who left.")
@click.option(
    "--id",
    "id_",
    metavar="COLUMN",
    help="Column that names the customer; all rows of one stay on one side of a fold.",
)
@click.option(
    "--time",
    metavar="COLUMN",
    help="Column that says when a row was observed; later rows are then judged by earlier ones.",
)
@click.option(
    "--groups",
    metavar="COLUMN",
    help="Column of what else must stay together (household, account); not with --time.",
)
@click.option("--positive", metavar="VALUE", help="Value of the target that means: left.")
@click.option(
    "--leave-out",
    multiple=True,
    metavar="VALUE",
    help="Value of the target that is neither; may be repeated.",
)
@click.option(
    "--keep",
    multiple=True,
    metavar="COLUMN",
    help="Use this column although it looks like a leak; repeatable.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where report.html and scored.csv go; default <file>_study beside FILE.csv.",
)
def study(
    file: Path,
    target: str,
    id_: str | None,
    time: str | None,
    groups: str | None,
    positive: str | None,
    leave_out: tuple[str, ...],
    keep: tuple[str, ...],
    out: Path | None,
) -> None:
    """Study a flat file of customers: who leaves, why, how surely that can be told, and what may be wrong with it.

    FILE.csv is any delimited text with a header and one row per customer (or per customer and moment); separator,
    encoding, numbers and dates are recognised. 1,000 to 5,000,000 rows; up to 100,000 are learned from, all are scored.

    \b
    Examples:
      churn-assets study telco.csv --target Churn --id customerID
      churn-assets study status.csv --target Status --positive Churned --leave-out Joined
      churn-assets study months.csv --target left --id account --time month

    It writes report.html (one file with all pictures: figures with intervals, leaks, drivers, calibration, lift, money,
    segments) and scored.csv (a probability per row with three reasons), and logs one MLflow run below CHURN_HOME
    (shown by `mlflow ui`). Columns that look like leaks are left out and named in the report; --keep takes one back.
    The probability of a row whose outcome is known comes from a model that did not see that row.
    """
    from churn_assets.study.command import study_file
    from churn_assets.study.errors import StudyError
    from churn_assets.study.preparation import Request

    request = Request(file, target, id_, time, groups, positive, leave_out, keep)
    try:
        study_file(request, out, _settings(), Console())
    except StudyError as error:
        raise click.UsageError(str(error)) from error


def _wish(value: str) -> tuple[str, str]:
    """`feature=value` in two."""
    name, equals, wished = value.partition("=")
    if not (name and equals and wished):
        raise click.BadParameter(f"{value} is not a wish; write feature=value.")
    return name.strip(), wished.strip()


@cli.command("what-if")
@click.option(
    "--customer", required=True, metavar="KEY", help="customer_key of a snapshot; no other id is known here."
)
@click.option(
    "--month", type=month, metavar="YYYY-MM", help="Month of the snapshot; default: the customer's newest."
)
@click.option(
    "--set",
    "wishes",
    multiple=True,
    type=_wish,
    metavar="FEATURE=VALUE",
    help="Another value; may be repeated.",
)
def what_if(customer: str, month: str | None, wishes: tuple[tuple[str, str], ...]) -> None:
    """Ask how a customer's probability would change if something that we can change were different.

    Only features marked `actionable` in churn.yaml, and only values that the model has learned from. Without --set it
    lists them with the customer's values.

    \b
    Examples:
      churn-assets what-if --customer 3f9c...
      churn-assets what-if --customer 3f9c... --set subscriptions_monthly_price=25 --set customers_autopay=true
    """
    from churn_assets.asking import tell_what_if
    from churn_assets.contracts.loader import load_business
    from churn_assets.definitions import tracking_of
    from churn_assets.lakehouse.lakehouse import Lakehouse
    from churn_assets.models.what_if import WhatIfError

    settings = _settings()
    business = load_business(settings.business_path)
    lakehouse, tracking = Lakehouse(settings), tracking_of(settings, business)
    try:
        tell_what_if(lakehouse, tracking, business, customer, month, dict(wishes), Console())
    except WhatIfError as error:
        raise click.UsageError(str(error)) from error


def main() -> None:
    """Entry point: what a user can mend is printed as a sentence, anything else keeps its traceback."""
    from churn_assets.contracts.errors import DeclarationError

    try:
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except (DeclarationError, FileNotFoundError) as error:
        Console(stderr=True).print(f"[red]{type(error).__name__}[/]: {error}", soft_wrap=True)
        sys.exit(2)
    except RuntimeError as error:
        Console(stderr=True).print(f"[red]{type(error).__name__}[/]: {error}", soft_wrap=True)
        sys.exit(1)
