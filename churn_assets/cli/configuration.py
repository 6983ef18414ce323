"""The command `configuration`: what this deployment consists of, and what differs between two days."""

from typing import TYPE_CHECKING

import click

from churn_assets.cli.options import lakehouse_of_process

if TYPE_CHECKING:
    from datetime import date, datetime


@click.command()
@click.argument("days", nargs=-1, type=click.DateTime(["%Y-%m-%d"]), metavar="[DAY] [DAY]")
def configuration(days: "tuple[datetime, ...]") -> None:
    """Show what differs between two days, or what was in force on a DAY (default: the newest recorded one).

    The daemon records the items once a day. A day without a record stands for the recorded day before it.
    """
    from churn_assets.operations.configuration.items import difference_of_days, items_on, recorded_days

    if len(days) > 2:
        raise click.UsageError("Name one day, two days or none.")
    lakehouse = lakehouse_of_process()
    known = recorded_days(lakehouse)
    if not known:
        click.echo("Nothing is recorded yet; the daemon records the items once a day.")
        return
    wanted = [_recorded(known, day.date()) for day in days] or [known[-1]]
    if len(wanted) == 2:
        first, last = (items_on(lakehouse, day) for day in wanted)
        lines = difference_of_days(first, last)
        click.echo("\n".join(lines) or f"Nothing differs between {wanted[0]} and {wanted[1]}.")
        return
    for item in items_on(lakehouse, wanted[0]).values():
        click.echo(f"{item.kind} {item.item}: {item.detail or item.digest[:12]}")


def _recorded(known: "list[date]", day: "date") -> "date":
    """The newest recorded day that is not after `day`."""
    earlier = [one for one in known if one <= day]
    if not earlier:
        raise click.UsageError(f"Nothing is recorded on {day}; the first record is of {known[0]}.")
    return earlier[-1]
