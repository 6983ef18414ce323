"""The commands `alerts list`, `ack` and `rules`."""

from typing import TYPE_CHECKING, Any

import click

from churn_assets.cli.options import lakehouse_of_process

if TYPE_CHECKING:
    from datetime import datetime

    from churn_assets.lakehouse.lakehouse import Lakehouse


@click.group()
def alerts() -> None:
    """Customers who have changed since the day before: the section `alerts` of churn.yaml.

    `churn-assets daily` raises them; docs/alerts.md explains the rules.
    """


@alerts.command("list")
@click.option("--all", "everything", is_flag=True, help="Also acknowledged and suppressed ones, of all days.")
@click.option(
    "--day",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="As of this day; default: the newest with alerts.",
)
@click.option("--rule", help="Of this rule alone.")
def list_alerts(everything: bool, day: "datetime | None", rule: str | None) -> None:
    """Show the alerts that nobody has acknowledged, the most important first."""
    from churn_assets.alerts.from_the_page import take_in
    from churn_assets.alerts.store import alerts as all_alerts
    from churn_assets.alerts.store import newest_day, now_utc
    from churn_assets.cli.current_days import days_scored
    from churn_assets.contracts.alerts import DELIVERED, NEW
    from churn_assets.contracts.loader import load_business
    from churn_assets.counts import counted

    lakehouse = lakehouse_of_process()
    take_in(lakehouse, now_utc(), "alerts list")
    file = load_business(lakehouse.settings.business_path).file
    wanted = day.date() if day else newest_day(lakehouse)
    found, rules = all_alerts(lakehouse), {one.name: one for one in file.alerts.rules}
    if rule is not None and rule not in (names := dict.fromkeys([*rules, *(row["rule"] for row in found)])):
        raise click.UsageError(f"There is no rule {rule}; there is {', '.join(names) or 'none'}.")
    if wanted is None:
        click.echo(_no_alerts(lakehouse))
        return
    found = [row for row in found if rule in (None, row["rule"])]
    rows = found if everything and not day else [row for row in found if row["as_of_date"] == wanted]
    shown = [row for row in rows if everything or row["state"] in (NEW, DELIVERED)]
    for row in shown:
        _show(row, rules.get(row["rule"]), file.currency)
    hidden = len(rows) - len(shown)
    more = f"; {hidden:,} acknowledged or suppressed: --all shows them" if hidden else ""
    of = "" if everything and not day else f" as of {wanted}"
    click.echo(f"{counted(len(shown), 'alert')}{of}{more}.")
    if not (everything or day):
        _tell_earlier(
            [row for row in found if row["as_of_date"] < wanted and row["state"] in (NEW, DELIVERED)]
        )
    elif not rows and not days_scored(lakehouse, [wanted]):
        click.echo(
            f"There are no current scores as of {wanted}: the day was not scored, or is not kept any more."
        )


def _no_alerts(lakehouse: "Lakehouse") -> str:
    """Why there are no alerts, as a sentence."""
    from churn_assets.lakehouse import tables

    there = lakehouse.exists(tables.CURRENT_SCORES)
    days = lakehouse.slices(tables.CURRENT_SCORES, "as_of_date") if there else []
    if not days:
        return "There are no alerts yet; `churn-assets daily` raises them."
    first = " On the first day nobody can have changed." if len(days) == 1 else ""
    return f"No alert was raised yet; the newest scored day is {max(days)}.{first}"


def _tell_earlier(rows: list[dict[str, Any]]) -> None:
    """Tells that alerts of earlier days wait, too; nothing without any."""
    from churn_assets.counts import form

    if rows:
        days = sorted({str(row["as_of_date"]) for row in rows})
        click.echo(
            f"{len(rows):,} more of {', '.join(days[-3:])}{' and earlier' if len(days) > 3 else ''} "
            f"{form(len(rows), 'waits', 'wait')}: --day shows them."
        )


def _show(row: dict[str, Any], rule: Any, currency: str) -> None:
    from churn_assets.alerts.messages import reasons_of, told_change

    click.echo(
        f"{row['alert_id']}  {row['as_of_date']}  {row['rule']}  customer {row['customer_key']}: {row['state']}"
    )
    click.echo(f"    {told_change(row, rule)}; importance {row['importance']:,.0f} {currency}")
    if reasons := reasons_of(row):
        click.echo(f"    why: {'; '.join(reasons)}")
    click.echo(f"    do: {row['action']}")
    if row["why"]:
        click.echo(f"    not told: {row['why']}")
    if row["acknowledged_at"]:
        note = f": {row['note']}" if row["note"] else ""
        click.echo(
            f"    acknowledged by {row['acknowledged_by']}, {row['acknowledged_at']:%Y-%m-%d %H:%M} UTC{note}"
        )
    if row["outcome"]:
        click.echo(f"    outcome: {row['outcome'].replace('_', ' ')}, known {row['outcome_known_at']}")


@alerts.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--note", default="", help="What you will do, for the record.")
def ack(ids: tuple[str, ...], note: str) -> None:
    """Say that you take care of the alerts ID."""
    import getpass

    from churn_assets.alerts.from_the_page import take_in
    from churn_assets.alerts.store import AlertError, acknowledge, now_utc

    lakehouse = lakehouse_of_process()
    take_in(lakehouse, now_utc(), "alerts ack")
    try:
        done = acknowledge(lakehouse, ids, getpass.getuser(), note, now_utc())
    except AlertError as error:
        raise click.UsageError(str(error)) from None
    for row in done:
        click.echo(f"{row['alert_id']} is acknowledged. Do: {row['action']}")


@alerts.command("rules")
def show_rules() -> None:
    """Show how many alerts each rule raised, and which share of their customers left."""
    from churn_assets.alerts.quality import leaving_rates
    from churn_assets.alerts.store import alerts as all_alerts
    from churn_assets.alerts.words import quality_sentence
    from churn_assets.ml.metrics.rule_quality import rule_qualities

    lakehouse = lakehouse_of_process()
    found = rule_qualities(all_alerts(lakehouse), leaving_rates(lakehouse))
    for one in found:
        click.echo(quality_sentence(one))
    if not found:
        click.echo(_no_alerts(lakehouse))
