"""`churn-assets init`: drafts a business from files and living sources."""

import shlex
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from churn_assets.cli.options import output, settings_of_process
from churn_assets.counts import counted

if TYPE_CHECKING:
    from rich.console import Console

    from churn_assets.drafting.draft import BusinessDraft

SHOWN = 12
RANKS = {1: "[red]decides labels or dates[/]", 2: "[yellow]may lose rows or features[/]", 3: "good to know"}


@click.command(options_metavar="FOLDER --from FILES... [OPTIONS]")
@click.argument("folder", metavar="", type=click.Path(path_type=Path))
@click.argument("more", nargs=-1, metavar="")
@click.option(
    "--from",
    "first",
    required=True,
    metavar="FILES...",
    help="Files, folders that hold some, or addresses: '${CRM_URL}', https://api.example.com/tickets, s3://bucket/crm.",
)
@click.option(
    "--table",
    "tables",
    multiple=True,
    metavar="NAME",
    help="Only these tables or collections of the database; repeatable.",
)
@click.option(
    "--login",
    metavar="WORDS",
    help="Of a REST service: 'bearer ${TOKEN}', or 'X-Api-Key ${KEY}' for a header.",
)
@click.option("--land", is_flag=True, help="Also copy the files into the landing zone, CHURN_LANDING.")
@click.option(
    "--extract-date",
    metavar="YYYY-MM-DD",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Day on which the files without a date in their names were extracted.",
)
@click.option(
    "--cut-by-month",
    is_flag=True,
    help="Make an extract of each month out of a single file of events; right only if its rows never change.",
)
@click.option("--all", "everything", is_flag=True, help="Print all guesses to review, not the first ones.")
def init(
    folder: Path,
    more: tuple[str, ...],
    first: str,
    tables: tuple[str, ...],
    login: str | None,
    land: bool,
    extract_date: datetime | None,
    cut_by_month: bool,
    everything: bool,
) -> None:
    """Draft a business from files or living sources: FOLDER/churn.yaml, FOLDER/contracts/*.yaml. Guesses have comments.

    \b
      churn-assets init my_business --from exports/*.csv
      churn-assets init my_business --from exports/ --land
      churn-assets init my_business --from '${CRM_URL}' --table invoices --table customers
      churn-assets init my_business --from https://api.example.com/v2/tickets --login 'bearer ${TOKEN}'
      churn-assets init my_business --from s3://company-exports/crm file:///mnt/exports

    It reads CSV in any usual dialect, JSON lines and Parquet, plain, .gz or .zst. Files of one name apart from a date
    are one source: sales_2024-01.csv, sales-202402.csv. So is a landing folder sales/extract_date=2024-01-31/.

    It guesses types, date formats and which rows decide about them, number signs, keys, the customer's id, personal
    columns, roles, the label, the windows and a first set of features. A draft is for you to review: the guesses that
    matter most are printed.

    The day of an extract says when its rows became known. It is the day, or the last day of the week, month or year, in
    the file's name; the newest event if the file holds later ones; for files without a date the newest day in the data,
    or what --extract-date states. One file with years of history becomes known on one day: months before it see
    nothing, and no model can learn from them. Bring several extracts, each under its own day, or use --cut-by-month.

    An address drafts contracts that read the source themselves: the tables of a database, the collections of MongoDB
    (mongodb://), the answer of a REST service (https://), a topic (kafka://host:9092/topic), or the files of a folder
    that others fill (s3://, gs://, abfs://, sftp://, https:// of a page with links, file:///). '${CRM_URL}' is the
    environment variable CRM_URL that holds it; a secret is never written.

    Nothing is overwritten. If FOLDER has a business, --land only copies files.
    """
    from churn_assets.drafting.doubt import DraftError
    from churn_assets.drafting.given_address import is_address
    from churn_assets.drafting.write import business_in, place_files, write_draft
    from churn_assets.settings import is_uri

    console, settings = output(), settings_of_process()
    if folder.exists() and not folder.is_dir():
        raise click.UsageError(f"{folder} is a file. Name a folder for the business.")
    existing = business_in(folder)
    if existing and not land:
        raise click.UsageError(
            f"{existing} exists, and nothing is overwritten. Name another folder, or remove it."
        )
    if land and is_uri(settings.landing_uri):
        raise click.UsageError(
            "--land copies to a local folder only. Copy the files to CHURN_LANDING by other means."
        )
    if land and any(map(is_address, (first, *more))):
        raise click.UsageError(
            "--land copies files. What an address names is read by `churn-assets run extract`."
        )
    today = datetime.now(UTC).date()
    try:
        day = extract_date.date() if extract_date else None
        found = _drafted((first, *more), tables, login, today, day, cut_by_month)
        placed = place_files(found, Path(settings.landing_uri)) if land else None
        if not existing:
            write_draft(found, folder)
    except DraftError as error:
        raise click.UsageError(str(error)) from error
    if not existing:
        _tell(found, folder, console, everything)
    if placed:
        there = f", {counted(placed.present, 'file')} there already" if placed.present else ""
        console.print(
            f"{settings.landing_uri}: {counted(placed.copied, 'file')} copied{there}.",
            markup=False,
            highlight=False,
        )
    _tell_next(found, folder, land, today, console)
    if not land:
        _tell_of_folders((first, *more), Path(settings.landing_uri), console)


def _drafted(
    given: tuple[str, ...],
    tables: tuple[str, ...],
    login: str | None,
    today: date,
    day: date | None,
    by_month: bool,
) -> "BusinessDraft":
    """The draft of files and of living sources."""
    from churn_assets.drafting.draft import draft
    from churn_assets.drafting.given_address import is_address
    from churn_assets.drafting.living_sources import find_sources

    files = [Path(name) for name in given if not is_address(name)]
    addresses = [name for name in given if is_address(name)]
    if tables and not addresses:
        raise click.UsageError("--table goes with the address of a database after --from.")
    if login and not addresses:
        raise click.UsageError("--login goes with the address of a REST service after --from.")
    with TemporaryDirectory() as folder:
        found = find_sources(addresses, tables, login, Path(folder), today) if addresses else None
        return draft(files, today, day, by_month, found)


def _tell(found: "BusinessDraft", folder: Path, console: "Console", everything: bool) -> None:
    from rich.table import Table

    grid = Table("source", "role", "delivers", "files", "rows", "customer", "key")
    for source in found.sources:
        rows = f"{source.rows:,}" if source.complete else f"{source.rows:,} of more"
        grid.add_row(
            source.name,
            source.role,
            source.delivery,
            str(len(source.samples)),
            rows,
            source.customer,
            ", ".join(source.key),
        )
    console.print(grid)
    plan = found.plan
    console.print(
        f"{folder}: churn is {plan.policy} of {plan.source}, within {plan.outcome} days; {plan.start} to {plan.last}.",
        markup=False,
        highlight=False,
    )
    shown = found.doubts if everything else found.doubts[:SHOWN]
    console.print("To review, the guesses that matter most first:", highlight=False)
    for doubt in shown:
        console.print(f"  {RANKS[doubt.rank]}: ", end="", highlight=False)
        console.print(f"{doubt.place}: {doubt.words}", markup=False, highlight=False)
    if len(shown) < len(found.doubts):
        console.print(
            f"  {len(found.doubts) - len(shown)} more: comments in the files, or --all", highlight=False
        )


def _tell_next(found: "BusinessDraft", folder: Path, landed: bool, today: date, console: "Console") -> None:
    from churn_assets.months import add_months, month_of

    plan = found.plan
    closed = min(plan.last, add_months(month_of(today), -1))  # a snapshot waits for the end of its month
    first = min(add_months(plan.start, plan.observation - 1), closed)
    lines = [f"export CHURN_BUSINESS={shlex.quote(str(folder.absolute()))}"]
    if landed:
        lines += [
            "churn-assets check",
            f"churn-assets run ingest --from {plan.start} --to {plan.last}",
            f"churn-assets run snapshot --from {first} --to {closed}",
            f"churn-assets run train score --from {closed}",
        ]
    elif any(source.group.origin for source in found.sources):
        lines += [
            f"churn-assets run extract --from {plan.start} --to {month_of(today)}",
            "churn-assets check",
            f"churn-assets run ingest --from {plan.start} --to {month_of(today)}",
        ]
    else:
        lines += [
            f"churn-assets init {shlex.quote(str(folder))} --land --from ...   # copies the same files",
            "churn-assets check",
            f"churn-assets run ingest --from {plan.start} --to {plan.last}",
        ]
    console.print("Review the files, then:", highlight=False)
    for line in lines:
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


def _tell_of_folders(given: tuple[str, ...], landing: Path, console: "Console") -> None:
    """Says how the files of a folder are copied by themselves, where a folder outside of the landing zone was given."""
    from churn_assets.drafting.given_address import is_address

    folders = [Path(name).absolute() for name in given if not is_address(name) and Path(name).is_dir()]
    others = [place for place in folders if not place.is_relative_to(landing.absolute())]
    if others:
        console.print(
            "Do others go on to put files into this folder? Then draft with its address, and each evening what is new "
            f"is copied: --from {' '.join(shlex.quote(place.as_uri()) for place in others)}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
