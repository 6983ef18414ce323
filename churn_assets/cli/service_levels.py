"""The command `service-levels`: what was promised and what was kept."""

import click

from churn_assets.cli.options import lakehouse_of_process


@click.command("service-levels")
def service_levels() -> None:
    """Show each objective of the newest recorded day: what was kept, and how much may still fail."""
    from churn_assets.operations.service_levels.levels import recorded_levels

    rows = recorded_levels(lakehouse_of_process())
    if not rows:
        click.echo("Nothing is measured yet; the daemon measures once a day.")
        return
    newest = max(row["day"] for row in rows)
    for row in sorted((r for r in rows if r["day"] == newest), key=lambda r: str(r["objective"])):
        click.echo(
            f"{row['objective']} on {row['day']}: {row['good']} of {row['total']} in {row['window_days']} days, "
            f"target {row['target']:.1%}; {_budget(row['budget_left'], row['breached'])}"
        )


def _budget(left: float | None, breached: bool) -> str:
    if left is None:
        return "nothing to judge"
    return "BREACHED" if breached else f"{left:.0%} of the error budget is left"
