"""The command `changes`: what was put in force, by whom and why."""

import click

from churn_assets.cli.options import lakehouse_of_process


@click.command()
@click.option("--item", help="Only changes of this item: model, churn.yaml, contracts/usage.yaml, ...")
@click.option("--limit", default=20, show_default=True, help="How many of the newest.")
def changes(item: str | None, limit: int) -> None:
    """Show the newest changes: promotions, rollbacks, edits of churn.yaml and contracts, new versions."""
    from churn_assets.operations.changes.change import change_records

    newest = {r.change_id: r for r in change_records(lakehouse_of_process())}
    shown = [r for r in newest.values() if item is None or r.item == item][-limit:]
    for r in reversed(shown):
        step = f"{_short(r.before)} -> {_short(r.after)}"
        click.echo(f"{r.change_id} {r.at:%Y-%m-%d %H:%M} {r.type} {r.what} of {r.item}: {step}, {r.result}")
        approved = f"approved by {r.approved_by}" if r.approved_by else "approved by nobody else"
        who = r.by if r.type == "standard" else f"{r.by}, {approved}"
        click.echo(f"  by {who}; {r.reason} Back out: {r.back_out}")
    if not shown:
        click.echo("No change is recorded.")


def _short(value: str | None) -> str:
    """A version as it is, a digest by its beginning."""
    return "nothing" if value is None else value[:12]
