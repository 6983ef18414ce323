"""The commands `plan` and `campaign list`, `show`, `approve`, `export`, `push`, `close` and `requests`."""

from datetime import date
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from churn_assets.cli.options import lakehouse_of_process, month_of_word, output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.table import Table as RichTable

    from churn_assets.contracts.business import Business
    from churn_assets.lakehouse.lakehouse import Lakehouse
    from churn_assets.operations.campaigns.record import CampaignRecord
    from churn_assets.retention.export import Format
    from churn_assets.retention.planning import PlanTotals

BY = click.option("--by", required=True, metavar="NAME", help="Who does it, for the record.")
NOTE = click.option("--note", default="", help="Why, for the record.")
LEAST_GAP = 0.5e-5  # share of the profit: less is shown as 0.000%
NO_CAMPAIGNS = "churn.yaml declares no `campaigns`; docs/retention.md explains how to begin."


def _business(lakehouse: "Lakehouse") -> "Business":
    from churn_assets.contracts.loader import load_business

    return load_business(lakehouse.settings.business_path)


def _grid(title: str, head: "Sequence[str]", rows: "Sequence[Sequence[object]]") -> "RichTable":
    from rich.table import Table as RichTable

    from churn_assets.reporting.words import cell

    grid = RichTable(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for place, name in enumerate(head):
        words = not any(" " in str(row[place]) for row in rows)  # an id that is cut cannot be copied
        number = place and isinstance(rows[0][place], int)
        grid.add_column(name, justify="right" if number else "left", no_wrap=words, overflow="fold")
    for row in rows:
        grid.add_row(*(escape(cell(value)) for value in row))
    return grid


@click.command()
@click.option("--budget", type=float, metavar="N", help="Budget to try; default: that of churn.yaml.")
@click.option(
    "--month", type=month_of_word, metavar="YYYY-MM", help="Month to plan after; default: the newest scored."
)
@click.option(
    "--today", is_flag=True, help="Plan by the newest scores of the job daily, not by those of a month end."
)
def plan(budget: float | None, month: str | None, today: bool) -> None:
    """Try a campaign: whom to contact with which offer, and what it would earn. Writes nothing.

    \b
    Examples:
      churn-assets plan --budget 20000
      churn-assets plan --today
    """
    from churn_assets.retention import report
    from churn_assets.retention.planning import planning, totals_of

    lakehouse, console = lakehouse_of_process(), output()
    business = _business(lakehouse)
    section = business.file.campaigns
    if section is None:
        raise click.UsageError(NO_CAMPAIGNS)
    if today and month:
        raise click.UsageError("--today and --month name two days; give one of them.")
    day = _newest_current(lakehouse) if today else _day(lakehouse, month)
    found = planning(lakehouse, business, section, day, budget, current=today)
    totals = totals_of(found.plan.rows)
    console.print(report.headline(found), highlight=False)
    console.print("", _grid("Offers", report.OFFERS, report.offer_rows(found, totals)))
    console.print("", f"Value of a customer who is kept: {report.value_told(found)}", highlight=False)
    console.print("", _grid("Customers", report.ARMS, report.arm_rows(totals)))
    console.print(
        "", _grid("Budget, without customers at random", report.CURVE, report.curve_table(found.curve))
    )
    console.print(report.saturation(found), highlight=False)
    _print_holdout(totals, console)
    gap = found.plan.allocation.gap
    missed = (
        f"At most {gap:.3%} of the profit was missed."
        if gap >= LEAST_GAP
        else "No plan earns noticeably more."
    )
    console.print(f"{missed} Nothing was written.", highlight=False)


def _print_holdout(totals: "PlanTotals", console: "Console") -> None:
    """Prints which effect the holdout can show, and what to do where it can show none."""
    from churn_assets.retention import report

    console.print("", _grid("Holdout", report.DETECTABLE, report.detectable_rows(totals.detectable)))
    if told := report.holdout_told(totals):
        console.print(told, highlight=False)


def _newest_current(lakehouse: "Lakehouse") -> date:
    from churn_assets.lakehouse import tables

    there = lakehouse.exists(tables.CURRENT_SCORES) and lakehouse.exists(tables.CURRENT_SNAPSHOT)
    days = lakehouse.slices(tables.CURRENT_SCORES, "as_of_date") if there else []
    if not days:
        raise click.UsageError("No day has been scored yet; `churn-assets daily` scores the newest one.")
    newest: date = max(days)
    return newest


def _day(lakehouse: "Lakehouse", month: str | None) -> date:
    from churn_assets.lakehouse import tables
    from churn_assets.months import month_end, month_of, spoken

    scored = (
        lakehouse.slices(tables.CUSTOMER_SEGMENTS, "as_of_date")
        if lakehouse.exists(tables.CUSTOMER_SEGMENTS)
        else []
    )
    if not scored:
        raise click.UsageError(
            "No month has been scored yet; `churn-assets run score --from YYYY-MM` scores one."
        )
    day: date = month_end(month) if month else max(scored)
    if day not in scored:
        raise click.UsageError(
            f"{month} has not been scored. These have been: {spoken([month_of(day) for day in scored])}."
        )
    return day


@click.group()
def campaign() -> None:
    """Approve, export and close the campaigns that were planned."""


@campaign.command("list")
def list_campaigns() -> None:
    """Show every campaign and how it is."""
    from churn_assets.operations.campaigns.record import campaigns

    found = list(campaigns(lakehouse_of_process()).values())
    if not found:
        click.echo("No campaign has been planned.")
        return
    head = ("campaign", "state", "contacted", "holdout", "cost", "profit", "last act")
    rows = [
        (
            r.campaign_id,
            r.state,
            r.contacted,
            r.holdout,
            f"{r.expected_cost:,.0f}",
            f"{r.expected_profit:,.0f}",
            f"{r.what} {r.at:%Y-%m-%d} by {r.by}",
        )
        for r in found
    ]
    output().print(_grid("Campaigns, with their expected cost and profit", head, rows))


@campaign.command()
@click.argument("campaign_id", metavar="ID")
def show(campaign_id: str) -> None:
    """Show the plan of campaign ID, what was done with it, and what its holdout can show."""
    from churn_assets.lakehouse import tables
    from churn_assets.operations.campaigns.record import campaign_records, find_campaign
    from churn_assets.retention import report
    from churn_assets.retention.planning import plan_of, totals_of

    lakehouse, console = lakehouse_of_process(), output()
    last = find_campaign(lakehouse, campaign_id)
    totals = totals_of(plan_of(lakehouse, last.as_of_date))
    console.print(
        f"[bold]{escape(campaign_id)}[/] is {last.state}: {last.contacted:,} contacted, {last.holdout:,} in the "
        f"holdout, expected cost {last.expected_cost:,.0f} of {last.budget:,.0f}, expected profit "
        f"{last.expected_profit:,.0f}.",
        highlight=False,
    )
    acts = [
        (f"{r.at:%Y-%m-%d %H:%M}", r.what, r.by, r.note)
        for r in campaign_records(lakehouse)
        if r.campaign_id == campaign_id
    ]
    console.print("", _grid("Acts", ("at (UTC)", "what", "by", "note"), acts))
    if totals.offers:
        console.print("", _grid("Offers", ("offer", "customers"), list(totals.offers.items())))
    console.print("", _grid("Customers", report.ARMS, report.arm_rows(totals)))
    _print_holdout(totals, console)
    curve = lakehouse.arrow(tables.BUDGET_CURVE, None, [("campaign_id", "=", campaign_id)]).sort_by("budget")
    if curve.num_rows:
        names = ["budget", "customers", "expected_cost", "expected_profit", "customers_saved"]
        rows = [tuple(f"{row[n]:,.0f}" for n in names) for row in curve.to_pylist()]
        console.print(
            "", _grid("Budget, without customers at random", [n.replace("_", " ") for n in names], rows)
        )
    _show_results(lakehouse, campaign_id)


def _show_results(lakehouse: "Lakehouse", campaign_id: str) -> None:
    """Prints what a campaign brought, as far as it is known."""
    from churn_assets.retention.results_told import ALL, CAMPAIGN, newest_results

    rows = [row for row in newest_results(lakehouse) if row["campaign_id"] == campaign_id]
    whole = [row for row in rows if row["scope"] == CAMPAIGN]
    console = output()
    if not whole:
        told = "It was not measured yet: nothing tells that anybody was contacted."
        console.print(f"\n{told}", highlight=False)
        return
    named = [
        (next((row[n] for n in ("offer", "segment") if row[n] != ALL), ALL), row["days"], row["told"])
        for row in [*whole, *(row for row in rows if row["scope"] != CAMPAIGN)]
    ]
    title = f"Results, as known on {whole[0]['as_of_date']}"
    console.print("", _grid(title, ("of", "days", "result"), named))
    followed = whole[0]
    console.print(
        f"Contacts so far: {followed['contacted']:,} of the planned, {followed['not_contacted']:,} planned were not "
        f"contacted, {followed['control_contacted']:,} of the holdout were contacted all the same, "
        f"{followed['unplanned']:,} without a plan; {followed['matched_by_time']:,} matched by customer and time.",
        highlight=False,
    )


@campaign.command()
@click.argument("campaign_id", metavar="ID")
@BY
@NOTE
def approve(campaign_id: str, by: str, note: str) -> None:
    """Approve the plan of campaign ID; it does not change any more and can be exported."""
    from churn_assets.retention.approval import approve as approve_plan

    _tell(approve_plan(lakehouse_of_process(), campaign_id, by, note))


@campaign.command()
@click.argument("campaign_id", metavar="ID")
@BY
@NOTE
@click.option("--with-identity", is_flag=True, help="With names and addresses, not customer keys only.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["csv", "parquet"]),
    default="csv",
    show_default=True,
    help="Kind of file.",
)
def export(campaign_id: str, by: str, note: str, with_identity: bool, kind: "Format") -> None:
    """Write the list of the approved campaign ID: customers who consent at this moment, with their offers."""
    from churn_assets.retention.export import export as export_list

    lakehouse = lakehouse_of_process()
    done = export_list(
        lakehouse, _business(lakehouse), campaign_id, by, kind=kind, with_identity=with_identity, note=note
    )
    click.echo(
        f"{done.customers:,} customers are on the list {done.file}, which may be used until {done.expires_on}. "
        f"Left out: {done.without_consent:,} who do not consent now, {done.unreachable:,} whom the channel of their "
        "offer does not reach."
    )


@campaign.command()
@click.argument("campaign_id", metavar="ID")
@click.option("--crm", required=True, metavar="NAME", help="A CRM of campaigns.crm in churn.yaml.")
@BY
@NOTE
def push(campaign_id: str, crm: str, by: str, note: str) -> None:
    """Give a CRM the list of the approved campaign ID: customers who consent at this moment, with their offers."""
    from churn_assets.retention.crm_list import push_list

    lakehouse = lakehouse_of_process()
    done = push_list(lakehouse, _business(lakehouse), campaign_id, by, crm, note)
    click.echo(
        f"{crm} accepted {done.accepted:,} customers and refused {len(done.refused):,}. The list may be used until "
        f"{done.expires_on}. Left out: {done.without_consent:,} who do not consent now, {done.unreachable:,} whom the "
        "channel of their offer does not reach."
    )
    for key, why in sorted(done.refused.items())[:10]:
        click.echo(f"refused: {key}: {why}")


@campaign.command()
@click.argument("campaign_id", metavar="ID")
@BY
@NOTE
def close(campaign_id: str, by: str, note: str) -> None:
    """Close campaign ID: no list of it is exported any more."""
    from churn_assets.retention.approval import close as close_campaign

    _tell(close_campaign(lakehouse_of_process(), campaign_id, by, note))


@campaign.command("requests")
def answer_requests() -> None:
    """Do now what people asked for on the page Campaign; while Dagster runs, its sensor does so."""
    from datetime import UTC, datetime

    from churn_assets.retention.from_the_page import take_in

    lakehouse = lakehouse_of_process()
    done = take_in(lakehouse, _business(lakehouse), datetime.now(UTC))
    for one in done:
        told = f" {one.answer}" if one.answer else ""
        click.echo(f"{one.what} {one.campaign_id}, asked by {one.by}: {one.state}.{told}")
    if not done:
        click.echo("Nobody has asked for anything.")


def _tell(record: "CampaignRecord") -> None:
    click.echo(f"{record.campaign_id} is {record.state}, by {record.by}.")
