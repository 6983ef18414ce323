"""The command `log`."""

import json
from typing import Any

import click

from churn_assets.cli.options import output, settings_of_process

LEVELS = {"debug": 5, "info": 9, "warning": 13, "error": 17}


@click.command()
@click.option(
    "--trace",
    "trace_id",
    default="",
    metavar="ID",
    help="Only what belongs to this trace; its first digits suffice.",
)
@click.option(
    "--level",
    type=click.Choice(list(LEVELS)),
    default="info",
    show_default=True,
    help="At least this severe.",
)
@click.option(
    "--last", type=click.IntRange(min=1), default=50, show_default=True, help="So many of the newest records."
)
@click.option(
    "--json", "as_json", is_flag=True, help="The records as they are stored, one JSON object a line."
)
def log(trace_id: str, level: str, last: int, as_json: bool) -> None:
    """Tell what happened: the newest records of all processes of this home, or one trace from its start to its end."""
    from churn_assets.operations.log.reading import read_log
    from churn_assets.operations.log.writing import log_folder

    folder = log_folder(settings_of_process())
    found = read_log(folder, trace_id.lower(), LEVELS[level], None if trace_id else last)
    if as_json:
        for record in found.records:
            click.echo(json.dumps(record, ensure_ascii=False))
        return
    console = output()
    for record in found.records:
        console.print(line_of(record), markup=False, highlight=False, soft_wrap=True)
    if not found.records:
        console.print(f"No such record in {folder}.", markup=False, highlight=False, soft_wrap=True)
    if found.unreadable:
        console.print(f"{found.unreadable} lines could not be read.", markup=False, highlight=False)


def line_of(record: dict[str, Any]) -> str:
    """A record as a line for people: time, severity, first digits of the trace, message, attributes."""
    shown = {
        name.removeprefix("churn."): value
        for name, value in record.get("attributes", {}).items()
        if name not in ("code.namespace", "exception.stacktrace", "churn.asset")
    }
    told = " ".join(f"{name}={value}" for name, value in shown.items())
    time, trace = str(record["timestamp"])[:19].replace("T", " "), record["trace_id"][:8] or "-" * 8
    return f"{time} {record['severity_text']:5} {trace} {record.get('body', '')} {told}".rstrip()
