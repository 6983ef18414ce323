"""The `churn-assets` command. Parses words, calls the rooms, prints errors as people read them."""

import sys

import click
from rich.console import Console

from churn_assets.settings import Settings

MONTH = click.types.StringParamType()


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

    run_demo(Settings(), customers, months, seed, Console())


@cli.command()
@click.option("--customers", default=5000, show_default=True, help="Customers at the start.")
@click.option("--months", default=18, show_default=True, help="Months of history.")
@click.option("--seed", default=7, show_default=True, help="Same seed, same world.")
@click.option(
    "--start", type=MONTH, help="First month YYYY-MM; default: so that the history ends with the calendar."
)
@click.option("--drift-from", type=MONTH, help="Month YYYY-MM from which customers behave differently.")
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
    from churn_assets.simulation import simulate as run_simulation

    settings = Settings()
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


@cli.command()
@click.argument("job", type=click.Choice(["ingest", "snapshot", "train", "score"]))
@click.option("--from", "first", required=True, type=MONTH, help="First month, YYYY-MM.")
@click.option("--to", "last", type=MONTH, help="Last month, YYYY-MM; default: the first.")
def run(job: str, first: str, last: str | None) -> None:
    """Run JOB for a range of months in this process; the UI shows the run like any other."""
    from churn_assets.months import month_range
    from churn_assets.runs import dagster_instance, run_job

    settings = Settings()
    with dagster_instance(settings) as instance:
        run_job(instance, settings, job, month_range(first, last or first), Console())


@cli.command()
def summary() -> None:
    """Tell what the lake holds: rows, refused rows, model, segments, riskiest customers."""
    from churn_assets.contracts.loader import load_business
    from churn_assets.lakehouse.lakehouse import Lakehouse
    from churn_assets.summary import print_summary

    settings = Settings()
    print_summary(Lakehouse(settings), load_business(settings.business_path), Console())


@cli.command()
@click.option("--quick", is_flag=True, help="Leave out the round trip through Spark and Delta.")
def doctor(quick: bool) -> None:
    """Check Java, jars, versions, disk, settings; say what is wrong and how to mend it."""
    from churn_assets.doctor import findings_table, run_doctor

    findings = run_doctor(Settings(), quick=quick)
    Console().print(findings_table(findings))
    if any(f.status == "fail" for f in findings):
        sys.exit(1)


def main() -> None:
    """Entry point: what a user can mend is printed as a sentence, anything else keeps its traceback."""
    from pydantic import ValidationError

    from churn_assets.contracts.errors import DeclarationError

    try:
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except (DeclarationError, FileNotFoundError, ValidationError) as error:
        Console(stderr=True).print(f"[red]{type(error).__name__}[/]: {error}", soft_wrap=True)
        sys.exit(2)
    except RuntimeError as error:
        Console(stderr=True).print(f"[red]{type(error).__name__}[/]: {error}", soft_wrap=True)
        sys.exit(1)
