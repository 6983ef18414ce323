"""`churn-assets check`: what a run would find in the declarations and the landing files, told before the first run."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Literal

import click

from churn_assets.cli.options import output, settings_of_process
from churn_assets.counts import counted

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from churn_assets.contracts.source import Source
    from churn_assets.contracts.sql.written import Difference
    from churn_assets.settings import Settings
    from churn_assets.sources.preview.preview import Scope, SourcePreview

COLOURS = {"block": "bold red", "warn": "yellow", "note": "cyan"}
WIDEST = 24  # characters of a value
SHORT_ROWS, MOST_LINES = 500, 8  # of the doctor


@click.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option(
    "--rows",
    default=2000,
    show_default=True,
    type=click.IntRange(1),
    help="Rows to read of each sampled file.",
)
@click.option(
    "--files", default=3, show_default=True, type=click.IntRange(1), help="Files to sample of each source."
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON, for programs.")
def check(sources: tuple[str, ...], rows: int, files: int, as_json: bool) -> None:
    """Tell what a run would find, from the declarations and a sample of the landing files.

    It starts no engine, writes nothing and takes seconds. For each source it prints the extracts, the columns with
    their first values, and what is wrong: missing or renamed columns, values that do not parse (with file and row),
    dates that can be read in two ways, odd or unknown ids, months without an extract.

    \b
      block  a run would stop here
      warn   rows or values would be lost or misread
      note   good to know

    The exit code is 1 when something would stop a run. Before the first `run extract` of a draft it judges the
    declarations alone, and says what to run. Delivered values appear on this terminal only.

    \b
    Examples:
      churn-assets check                       every source of CHURN_BUSINESS
      churn-assets check invoices --rows 50000 one source, more rows
    """
    settings = settings_of_process()
    valid, scope, mistakes, differences = read_declarations(settings)
    if unknown := [name for name in sources if name not in {s.name for s in valid}]:
        known = ", ".join(s.name for s in valid) or "none"
        raise click.UsageError(f"There is no source {', '.join(unknown)} without mistakes; there is {known}.")
    from rich.console import Console

    from churn_assets.settings import without_secrets
    from churn_assets.sources.preview.preview import preview_sources

    with Console(stderr=True).status("reading") as status:  # a line in a terminal, nothing elsewhere
        found = preview_sources(
            valid, replace(scope, rows=rows, files=files), lambda name: status.update(f"reading {name}")
        )
    found = [preview for preview in found if not sources or preview.source in sources]
    refused = bool(differences) and settings.engine == "sail"
    if as_json:
        told = {
            "mistakes": mistakes,
            "differences": [asdict(difference) for difference in differences],
            "sources": [asdict(preview) for preview in found],
        }
        click.echo(json.dumps(told, indent=2, default=str, ensure_ascii=False))
    else:
        declared = {source.name: source for source in valid}
        console = output()
        console.print(
            f"Landing zone: {without_secrets(settings.landing_uri)}\n", markup=False, highlight=False
        )
        for preview in found:
            print_preview(preview, declared[preview.source], console)
        print_differences(differences, console, refused)
        print_verdict(found, mistakes, console, _not_asked_yet(found, scope, declared), refused)
    if mistakes or refused or any(preview.blocks for preview in found):
        sys.exit(1)


def read_declarations(settings: "Settings") -> "tuple[list[Source], Scope, str, tuple[Difference, ...]]":
    """The sources that can be read, what to look at, the mistakes ("" if there are none), and what engines differ in.

    With mistakes the calendar may be unknown; then no month counts as missing.
    """
    from churn_assets.contracts.contract import load_source
    from churn_assets.contracts.loader import load_business
    from churn_assets.contracts.mistakes import DeclarationErrors
    from churn_assets.lakehouse.lakehouse import Lakehouse
    from churn_assets.silver.today import today_of
    from churn_assets.sources.preview.preview import Scope

    try:
        folder = settings.business_path
        business = load_business(folder)
    except FileNotFoundError as error:
        raise click.UsageError(str(error)) from error
    except DeclarationErrors as error:
        readable = []
        for file in sorted((folder / "contracts").glob("*.yaml")):
            try:
                readable.append(load_source(file))
            except DeclarationErrors:
                continue  # its mistakes are among those of the business
        return readable, Scope(settings.landing_uri, None), str(error), ()
    calendar = business.file.calendar
    today = today_of(Lakehouse(settings), business)
    scope = Scope(settings.landing_uri, (calendar.start, calendar.end), today=today)
    return list(business.sources), scope, "", business.sql_differences


def in_short(settings: "Settings") -> "tuple[Literal['ok', 'warn', 'fail'], str]":
    """For the doctor: whether a run would go through, and what is wrong, without examples."""
    from churn_assets.sources.preview.preview import preview_sources

    sources, scope, mistakes, _ = read_declarations(settings)
    if mistakes:
        return "warn", "not checked: the declarations have mistakes"
    found = preview_sources(sources, replace(scope, rows=SHORT_ROWS))
    if not any(preview.days for preview in found):
        return "ok", "no extracts yet"
    told = [(p.source, r) for p in found for r in p.remarks if r.severity != "note"]
    lines = [f"{source}: {remark.about}: {remark.found}" for source, remark in told]
    more = [f"and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    if any(remark.severity == "block" for _, remark in told):
        return "fail", "\n".join(lines[:MOST_LINES] + more)
    if told:
        return "warn", "\n".join(lines[:MOST_LINES] + more)
    rows = sum(preview.sampled_rows for preview in found)
    return "ok", f"nothing wrong in {rows:,} sampled rows of {len(found)} sources"


def print_preview(preview: "SourcePreview", source: "Source", console: "Console") -> None:
    """Prints one source on about one screen."""
    from rich.text import Text

    writing = f", separator {source.delimiter!r}, {source.encoding}" if source.format == "csv" else ""
    console.rule(
        Text(f"{source.name}  ({source.role}, {source.delivery}, {source.format}{writing})"), align="left"
    )
    if preview.days:
        console.print(
            f"{counted(len(preview.days), 'extract')}, {preview.days[0]} to {preview.days[-1]}; "
            f"{counted(preview.files, 'file')}, {preview.size / 2**20:,.1f} MB; sampled "
            f"{counted(preview.sampled_rows, 'row')} of {counted(preview.sampled_files, 'file')}",
            highlight=False,
        )
    if preview.columns:
        console.print(_columns(preview))
    for remark in preview.remarks:
        line = Text(f"{remark.severity:5} ", style=COLOURS[remark.severity])
        line.append(f"{remark.about}: {remark.found}", style="default")
        if remark.examples:
            line.append(f" {remark.examples}", style="default")
        if remark.remedy:
            line.append(f"\n      -> {remark.remedy}", style="bold default")
        console.print(line)
    console.print()


def _columns(preview: "SourcePreview") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("column", "in the file", "type", "filled", "first values of the newest sample"):
        table.add_column(heading, overflow="fold")
    for column in preview.columns:
        filled = "computed" if column.filled is None else f"{column.filled:.0%}"
        first = " | ".join(text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…" for text in column.first)
        delivered = (
            "missing"
            if column.delivered is None
            else ""
            if column.delivered == column.name
            else column.delivered
        )
        table.add_row(*(Text(cell) for cell in (column.name, delivered, column.type, filled, first)))
    return table


def print_differences(differences: "Sequence[Difference]", console: "Console", refused: bool = False) -> None:
    """Prints what is not proven to mean the same on both engines, and what to write instead."""
    from churn_assets.contracts.sql.written import told

    if differences:
        console.print(f"{told(differences, refused)}\n", markup=False, highlight=False, soft_wrap=True)


def _not_asked_yet(
    found: "Sequence[SourcePreview]", scope: "Scope", declared: "Mapping[str, Source]"
) -> str | None:
    """The command that asks the sources for the first time; None if there are extracts, or nobody to ask."""
    from churn_assets.sources.preview.extracts import first_question

    asked = [preview for preview in found if declared[preview.source].origin]
    if scope.today is None or not asked or any(preview.days for preview in found):
        return None
    return first_question(scope.calendar, scope.today)


def print_verdict(
    found: "Sequence[SourcePreview]",
    mistakes: str,
    console: "Console",
    first_question: str | None = None,
    refused: bool = False,
) -> None:
    """Prints the mistakes of the declarations, and whether a run would go through.

    `first_question` is the command that asks the sources, if none has been asked yet: then only the declarations were
    judged. `refused`: the setting `engine` demands Sail, and not all SQL is proven there.
    """
    if mistakes:
        console.print(mistakes, markup=False, highlight=False)
        console.print()
    stops = [preview.source for preview in found if preview.blocks]
    warned = sum(remark.severity == "warn" for preview in found for remark in preview.remarks)
    if stops or mistakes or refused:
        reasons = (["the declarations"] if mistakes else []) + (["the SQL above"] if refused else []) + stops
        console.print(f"A run would stop at: {', '.join(reasons)}.", style="bold red", highlight=False)
    elif first_question:
        console.print(
            "The declarations have no mistakes. Nothing has been extracted yet, so no rows were looked at. Now run\n"
            f"  {first_question}\nand this command again.",
            style="green",
            highlight=False,
            soft_wrap=True,
        )
    else:
        also = f" {counted(warned, 'warning is', 'warnings are')} worth a look." if warned else ""
        console.print(f"Nothing in the sample would stop a run.{also}", style="green", highlight=False)
