"""The command `log`."""

import json
from typing import TYPE_CHECKING, Any

import click

from churn_assets.cli.options import output, settings_of_process

if TYPE_CHECKING:
    from structlog.dev import ConsoleRenderer

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
    from structlog.dev import ConsoleRenderer

    console = output()
    coloured = console.is_terminal and not console.no_color
    renderer = ConsoleRenderer(colors=coloured, sort_keys=False, pad_event_to=0)
    for record in found.records:
        click.echo(line_of(record, renderer), color=coloured)
    if not found.records:
        console.print(f"No such record in {folder}.", markup=False, highlight=False, soft_wrap=True)
    if found.unreadable:
        console.print(f"{found.unreadable} lines could not be read.", markup=False, highlight=False)


def line_of(record: dict[str, Any], renderer: "ConsoleRenderer") -> str:
    """A record as a line for people: time, severity, message, first digits of the trace, attributes."""
    body = record.get("body", "")
    about = {
        name.removeprefix("churn."): value
        for name, value in record.get("attributes", {}).items()
        if name not in ("code.namespace", "exception.stacktrace")
        and not (name == "churn.asset" and str(value) in body)
    }
    shown = {
        "timestamp": str(record["timestamp"])[:19].replace("T", " "),
        "level": record["severity_text"].lower(),
        "event": "".join(sign if sign.isprintable() else " " for sign in body),
        "trace": record["trace_id"][:8] or "-",
    }
    return renderer(None, "", shown | about)
