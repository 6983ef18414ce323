"""What the job `extract` brought, for a terminal: rows or files of each source, and what its checks found."""

from typing import TYPE_CHECKING, Any

from churn_assets.counts import counted

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

    # a run over several months has the same event for each
    made = {event.asset_key: event.materialization for event in done.get_asset_materialization_events()}
    for one in made.values():
        console.print(_brought(one), markup=False, highlight=False)
    errors = False
    for found in done.get_asset_check_evaluations():
        if found.passed or found.asset_key not in made:
            continue
        fails = found.severity.value == "ERROR"
        errors |= fails
        kind = "fail" if fails else "warn"
        line = Text(f"{kind:5} ", style=COLOURS[kind])
        about = f"{found.asset_key.to_user_string()}: {found.description or found.check_name}"
        console.print(line.append(about, style="default"), soft_wrap=True)
    return errors


def _brought(made: "dg.AssetMaterialization") -> str:
    told: dict[str, Any] = {name: entry.value for name, entry in made.metadata.items()}
    name = made.asset_key.path[-1]
    if "files copied" in told:
        return f"{name}: {counted(told['files copied'], 'file')} copied, {told['bytes']:,} bytes"
    until = f", up to {told['cursor to']}" if "cursor to" in told else ""
    return f"{name}: {counted(told['dagster/row_count'], 'row')}{until}"
