"""The `churn-assets` command. Parses words, calls the rooms, prints errors as people read them."""

import re
import sys

import click
from rich.console import Console

from churn_assets.settings import Settings


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


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="churn-assets")
def cli() -> None:
    """Point-in-time churn prediction as a Dagster asset graph over Delta tables.

    Where things lie is set by environment variables: CHURN_HOME (default .churn), CHURN_BUSINESS (telecom, shop or a
    folder with churn.yaml and contracts/), CHURN_LANDING, CHURN_LAKE and others; `churn-assets doctor` shows them.

    \b
    First steps:
      churn-assets demo             simulate a telecom operator and run everything
      churn-assets doctor           is this machine fit? what is wrong, and how to mend it
      churn-assets summary          what the lake holds now
    """


@cli.command()
@click.option("--customers", default=5000, show_default=True, help="Customers at the start.")
@click.option(
    "--months",
    default=18,
    show_default=True,
    help="Months of history, ending with the calendar of churn.yaml.",
)
@click.option("--seed", default=7, show_default=True, help="Same seed, same world.")
def demo(customers: int, months: int, seed: int) -> None:
    """Simulate extracts, run all jobs for all months, tell what came out."""
    from churn_assets.demo import demo as run_demo

    run_demo(_settings(), customers, months, seed, Console())


@cli.command()
@click.option("--customers", default=5000, show_default=True, help="Customers at the start.")
@click.option("--months", default=18, show_default=True, help="Months of history.")
@click.option("--seed", default=7, show_default=True, help="Same seed, same world.")
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
@click.argument("job", type=click.Choice(["ingest", "snapshot", "train", "score"]))
@click.option("--from", "first", required=True, type=month, metavar="YYYY-MM", help="First month, YYYY-MM.")
@click.option("--to", "last", type=month, metavar="YYYY-MM", help="Last month, YYYY-MM; default: the first.")
def run(job: str, first: str, last: str | None) -> None:
    """Run JOB for a range of months in this process; the UI shows the run like any other."""
    from churn_assets.months import month_range
    from churn_assets.runs import MonthsError, dagster_instance, run_job

    settings = _settings()
    if last is not None and last < first:
        raise click.UsageError(f"--to {last} lies before --from {first}.")
    with dagster_instance(settings) as instance:
        try:
            run_job(instance, settings, job, month_range(first, last or first), Console())
        except MonthsError as error:
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
