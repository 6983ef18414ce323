"""What the job `extract` brought, for a terminal: rows or files of each source, and what its checks found."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dagster as dg
    from dagster import ExecuteInProcessResult
    from rich.console import Console

COLOURS = {"fail": "bold red", "warn": "yellow"}


def print_extracts(done: "ExecuteInProcessResult", console: "Console") -> bool:
    """Prints what each source brought, and the checks that did not pass; returns whether one of them is an error.

    Checks of a source that did not answer are left out: the error of the run tells them.
    """
    from rich.text import Text

    for line in _brought(done.get_asset_materialization_events()):
        console.print(line, markup=False, highlight=False)
    answered = {event.asset_key for event in done.get_asset_materialization_events()}
    errors = False
    for found in done.get_asset_check_evaluations():
        if found.passed or found.asset_key not in answered:
            continue
        fails = found.severity.value == "ERROR"
        errors |= fails
        kind = "fail" if fails else "warn"
        line = Text(f"{kind:5} ", style=COLOURS[kind])
        about = f"{found.asset_key.to_user_string()}: {found.description or found.check_name}"
        console.print(line.append(about, style="default"), soft_wrap=True)
    return errors


def _brought(events: "Iterable[dg.DagsterEvent]") -> Iterable[str]:
    """A line per source."""
    for event in events:
        made = event.materialization
        told = {name: entry.value for name, entry in made.metadata.items()}
        name = made.asset_key.path[-1]
        if "files copied" in told:
            yield f"{name}: {told['files copied']:,} files copied, {told['bytes']:,} bytes"
        else:
            until = f", up to {told['cursor to']}" if "cursor to" in told else ""
            yield f"{name}: {told['dagster/row_count']:,} rows{until}"
