"""The commands `incident list`, `show`, `ack` and `resolve`."""

from typing import TYPE_CHECKING

import click

from churn_assets.cli.options import lakehouse_of_process

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from churn_assets.operations.incidents.incident import Incident

    Act = Callable[[Incident, str, str, datetime, str], Incident]


@click.group()
def incident() -> None:
    """What is wrong, who works on it, and until when.

    The daemon opens and closes incidents; docs/operations.md says what to do about each kind.
    """


@incident.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that are closed.")
def list_incidents(everything: bool) -> None:
    """Show the incidents that are not closed, the most urgent first."""
    from datetime import UTC, datetime

    from churn_assets.counts import counted
    from churn_assets.operations.incidents.store import incidents

    now, found = datetime.now(UTC), incidents(lakehouse_of_process())
    shown = [i for i in found if everything or i.is_open]
    for one in sorted(shown, key=lambda i: (not i.is_open, i.priority, i.number)):
        late = f"; missed: {' and '.join(one.late(now))}" if one.late(now) else ""
        click.echo(f"{one.incident_id} {one.priority} {one.state}: {one.title}{late}")
    if not shown:
        closed = f" --all shows {counted(len(found), 'closed one')}." if found else ""
        click.echo(f"No incident is open.{closed}")


@incident.command("show")
@click.argument("incident_id", metavar="INCIDENT")
def show(incident_id: str) -> None:
    """Show all records of INCIDENT, such as INC-3."""
    from churn_assets.counts import counted
    from churn_assets.operations.incidents.policy import KINDS
    from churn_assets.operations.incidents.store import records

    story = [r for r in records(lakehouse_of_process()) if r.incident_id == incident_id.upper()]
    if not story:
        raise click.UsageError(f"There is no incident {incident_id}; `churn-assets incident list --all`.")
    last = story[-1]
    click.echo(f"{last.incident_id} {last.priority} {last.state}: {last.title}")
    click.echo(
        f"  kind {last.kind}, impact {last.impact}, urgency {last.urgency}, {counted(last.events, 'event')}"
        + (f", {last.problem_id}" if last.problem_id else "")
    )
    click.echo(
        f"  acknowledge by {last.respond_by:%Y-%m-%d %H:%M}, resolve by {last.resolve_by:%Y-%m-%d %H:%M} UTC"
    )
    click.echo(f"  look: {KINDS[last.kind].look}")
    for record in story:
        click.echo(f"  {record.at:%Y-%m-%d %H:%M:%S} {record.what} by {record.by}: {record.note}")


def _act(incident_id: str, note: str, act: "Act") -> None:
    """Adds the record of what a person did, under that person's name."""
    import getpass
    from datetime import UTC, datetime

    from churn_assets.operations.channels.outbox import Outbox
    from churn_assets.operations.incidents.rules import IncidentError
    from churn_assets.operations.incidents.store import change

    lakehouse, by = lakehouse_of_process(), getpass.getuser()
    outbox = Outbox(lakehouse.settings.home_path).id

    def decide(known: "list[Incident]") -> "list[Incident]":
        present = next((i for i in known if i.incident_id == incident_id.upper()), None)
        if present is None:
            raise IncidentError(f"There is no incident {incident_id}; `churn-assets incident list --all`.")
        return [act(present, by, note, datetime.now(UTC), outbox)]

    try:
        [record] = change(lakehouse, decide, by)  # type: ignore[arg-type]
    except IncidentError as error:
        raise click.UsageError(str(error)) from None
    click.echo(f"{record.incident_id} is {record.state}.")


@incident.command()
@click.argument("incident_id", metavar="INCIDENT")
@click.option("--note", default="Works on it.", show_default=True, help="For the record.")
def ack(incident_id: str, note: str) -> None:
    """Say that you work on INCIDENT."""
    from churn_assets.operations.incidents.rules import acknowledge

    _act(incident_id, note, acknowledge)


@incident.command()
@click.argument("incident_id", metavar="INCIDENT")
@click.option("--why", "note", required=True, help="What was done, for the record.")
def resolve(incident_id: str, note: str) -> None:
    """Say that INCIDENT is resolved. It is closed when the evidence shows it, and reopened if it happens again."""
    from churn_assets.operations.incidents.rules import resolve as resolved

    _act(incident_id, note, resolved)
