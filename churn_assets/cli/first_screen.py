"""The short summary: the results in the lake, on one screen of 100 x 40 characters."""

import shlex
import textwrap
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table as RichTable
from rich.text import Text

from churn_assets.alerts.messages import reasons_of
from churn_assets.cli.alert_summary import MOST_IMPORTANT, alerts_in_short, most_important, newest_alerts
from churn_assets.cli.customer_grid import customer_grid
from churn_assets.cli.findings import open_findings
from churn_assets.cli.known_until import not_known, states_of
from churn_assets.cli.options import command
from churn_assets.cli.summary import is_empty, latest, riskiest, training_in_charge, trainings
from churn_assets.contracts.business import Business
from churn_assets.counts import counted
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.models.decisions import decided
from churn_assets.monitoring.people_balance import ALL
from churn_assets.months import spoken
from churn_assets.operations.campaigns.record import campaigns
from churn_assets.retention.arms import CONTACTED
from churn_assets.retention.results_told import all_campaigns
from churn_assets.silver.today import today_of

if TYPE_CHECKING:
    import pyarrow as pa

RISKIEST = 5
LINES_A_CUSTOMER = 3
FINDING_WIDTH = 164  # characters, so that findings take two lines
FACT_LINES = 9  # above five customers of three lines each
LABEL_WIDTH = 10
LONGEST_LIST = 40  # characters of the list of months that are not known
TIERS = ("high", "elevated", "low")
NEXT_STEPS = (
    ("make app, make ui, make serve", "http://127.0.0.1:8501, :3000 and :8000/docs"),
    ("{command} summary --full", "tables, findings, refused rows, segments, actions"),
    ("{command} init --help", "your own data: see docs/sources.md"),
)


def _not_known(lakehouse: Lakehouse, business: Business) -> str:
    """Sources of which a month has not passed silver, on one line; empty when all have."""
    missing = not_known(business, states_of(lakehouse, business), today_of(lakehouse, business))
    if not missing:
        return ""
    listed = "; ".join(f"{name} {spoken(months)}" for name, months in missing.items())
    many = f"months of {len(missing)} sources"
    return f"{listed if len(listed) <= LONGEST_LIST else many}; `{command()} doctor` says why"


def print_first_screen(lakehouse: Lakehouse, business: Business, console: Console) -> None:
    """Prints the main figures, the riskiest customers and the next steps. Starts no JVM.

    At most 37 lines in a console of 100 columns. Shows customer_keys, never a natural id.
    """
    if is_empty(lakehouse, business, console):
        return
    line, told = decided(lakehouse), newest_alerts(lakehouse)
    training = training_in_charge(trainings(lakehouse), line)
    facts = RichTable(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    facts.add_column(width=LABEL_WIDTH, style="bold")
    facts.add_column()
    for label, words in (
        ("Rows", _rows(lakehouse)),
        ("People", _people(lakehouse)),
        ("Not known", _not_known(lakehouse, business)),
        ("Findings", _findings(lakehouse)),
        ("Model", _model(training)),
        ("Campaign", _campaign(training, business)),
        ("Plan", _plan(lakehouse, business)),
        ("Measured", _measured(lakehouse)),
        ("Alerts", alerts_in_short(told)),
    ):
        if words:
            facts.add_row(label, Text(words))
    console.print(facts)
    if lakehouse.exists(tables.CUSTOMER_SEGMENTS):
        console.print("", _tiers(lakehouse, business))
    important = most_important(told, business, console.width, MOST_IMPORTANT)
    if important is not None:
        console.print("", important)
    more = len(console.render_lines(facts)) - FACT_LINES
    more += len(console.render_lines(important)) + 1 if important is not None else 0
    fewer = max(0, -(-more // LINES_A_CUSTOMER))  # customers for whom there is no room
    if rows := riskiest(lakehouse, line, RISKIEST - fewer):
        console.print("", _customers(rows, business, console.width))
    console.print("", _next_steps(lakehouse.settings.home_path))


def _rows(lakehouse: Lakehouse) -> str:
    if not lakehouse.exists(tables.RECONCILIATION):
        return "none has passed silver yet"
    names = ["delivered", "accepted", "duplicate", "quarantined"]
    balance = lakehouse.arrow(tables.RECONCILIATION, names, [("balances", "=", True)])
    delivered, accepted, duplicate, refused = (sum(balance[name].to_pylist()) for name in names)
    return (
        f"{delivered:,} delivered: {accepted:,} accepted, {duplicate:,} duplicates, {refused:,} refused "
        "(each with its reason in silver/quarantine)"
    )


def _findings(lakehouse: Lakehouse) -> str | None:
    """How many findings are open, and the first of the newest month that has any; None if there are none."""
    found = open_findings(lakehouse)
    if not found.heading:
        return None
    first = (found.newest or found.earlier)[0]
    told = f"{found.heading}. {first['source']}: {first['what']}"
    return textwrap.shorten(told, FINDING_WIDTH, placeholder=" ...")


def _people(lakehouse: Lakehouse) -> str | None:
    """The newest balance of all sources, on one line; None before the first."""
    if not lakehouse.exists(tables.PEOPLE_BALANCE):
        return None
    of_all = lakehouse.arrow(tables.PEOPLE_BALANCE, filters=[("source", "=", ALL)])
    if not of_all.num_rows:
        return None
    [row] = latest(of_all, "as_of_date").to_pylist()
    gone = ("ended", "merged", "disappeared", "unknown")
    left = " ".join(
        f"- {row[state]:,} {state}" for state in gone if row[state] or state in ("ended", "unknown")
    )
    return f"{row['now']:,} on {row['as_of_date']} = {row['former']:,} before + {row['new']:,} new {left}"


def _model(training: dict[str, Any] | None) -> str:
    if training is None:
        return "none is in charge yet"
    name = f"{training['candidate'].replace('_', ' ')}, version {training['model_version']}"
    if training["auc"] is None:
        return f"{name}; too few churners to measure how well it ranks"
    return (
        f"{name}: AUC {training['auc']:.3f} (95 % interval {training['auc_low']:.3f} to "
        f"{training['auc_high']:.3f}). Of 100 pairs of a customer who left and one who stayed, it ranks "
        f"{100 * training['auc']:.0f} rightly; chance ranks 50."
    )


def _campaign(training: dict[str, Any] | None, business: Business) -> str | None:
    """Recall and lift of a campaign of `training.capacity`, on the test cohort; None if not measured."""
    if training is None or training["recall"] is None:
        return None
    share = business.file.training.capacity
    return (
        f"contacting the {share:.0%} at the highest risk reaches {training['recall']:.0%} of those who leave, "
        f"{training['recall'] / share:.1f} times as many as a random {share:.0%}."
    ).replace("%", " %")


def _plan(lakehouse: Lakehouse, business: Business) -> str | None:
    """The newest campaign that was planned; None before the first."""
    found = list(campaigns(lakehouse).values())
    if not found or not lakehouse.exists(tables.CAMPAIGN_PLAN):
        return None
    last, currency = found[-1], business.file.currency
    of_last: list[tuple[str, str, object]] = [
        ("as_of_date", "=", last.as_of_date),
        ("arm", "in", list(CONTACTED)),
    ]
    counts = lakehouse.arrow(tables.CAMPAIGN_PLAN, ["offer"], of_last)["offer"].value_counts().to_pylist()
    by_offer = sorted(((row["counts"], row["values"]) for row in counts), reverse=True)
    listed = ", ".join(f"{count:,} {name.replace('_', ' ')}" for count, name in by_offer)
    told = (
        f"{last.campaign_id} ({last.state}): {counted(last.contacted, 'contact')} for {last.expected_cost:,.0f} of "
        f"{last.budget:,.0f} {currency}, expected profit {last.expected_profit:,.0f} {currency}, "
        f"{last.holdout:,} in the holdout{f'; {listed}' if listed else ''}"
    )
    return textwrap.shorten(told, FINDING_WIDTH, placeholder=" ...")


def _measured(lakehouse: Lakehouse) -> str | None:
    """What all campaigns brought, those of plans first; None before the first was measured."""
    row = all_campaigns(lakehouse)
    if row is None:
        return None
    arms = f"{row['treated']:,} contacts against {row['control']:,} left alone"
    return textwrap.shorten(f"{row['origin']} ({arms}): {row['told']}", FINDING_WIDTH, placeholder=" ...")


def _tiers(lakehouse: Lakehouse, business: Business) -> RichTable:
    """Customers, expected leavers and total value by risk tier; total value only if the value feature is a sum."""
    columns = ["as_of_date", "risk_tier", "probability", "value"]
    newest = latest(lakehouse.arrow(tables.CUSTOMER_SEGMENTS, columns), "as_of_date")
    feature = next((f for f in business.features if f.name == business.file.segments.value.feature), None)
    worth = feature.words if feature is not None and feature.aggregate == "sum" else None
    day = newest["as_of_date"][0].as_py()
    grid = RichTable(
        title=f"{newest.num_rows:,} customers of {business.name} scored as of {day}",
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
    )
    for name in ("risk", "customers", "expected to leave", *([worth] if worth else [])):
        grid.add_column(name, justify="left" if name == "risk" else "right")
    for tier in TIERS:
        grid.add_row(*_tier(newest, tier, worth is not None))
    return grid


def _tier(newest: "pa.Table", tier: str, worth: bool) -> list[str]:
    import pyarrow.compute as pc

    rows = newest.filter(pc.field("risk_tier") == tier)
    leaving = pc.sum(rows["probability"]).as_py() or 0.0
    cells = [tier, f"{rows.num_rows:,}", f"{leaving:,.0f}"]
    return [*cells, f"{pc.sum(rows['value']).as_py() or 0:,.0f}"] if worth else cells


def _customers(rows: Sequence[dict[str, Any]], business: Business, width: int) -> RichTable:
    windows = business.file.windows
    day = rows[0]["as_of_date"]
    first = day + timedelta(days=windows.gap_days + 1)
    last = day + timedelta(days=windows.gap_days + windows.outcome_days)
    title = f"The riskiest customers, and how likely each is to leave from {first} to {last}"
    return customer_grid(title, rows, width, sentence)


def sentence(row: Mapping[str, Any], width: int) -> list[str]:
    """One sentence about a scored customer, as lines, with as many reasons as fit in LINES_A_CUSTOMER lines.

    Args:
        row: probability and reasons, from scores/churn_scores.
        width: characters per line.
    """
    told = f"{'Likely to leave' if row['probability'] >= 0.5 else 'May leave'} ({row['probability']:.0%})"
    told = told.replace("%", " %")
    reasons = reasons_of(row)
    if not reasons:
        return textwrap.wrap(f"{told}; no single fact stands out.", width)
    for count in range(len(reasons), 0, -1):
        lines = textwrap.wrap(f"{told}: {'; '.join(reasons[:count])}.", width)
        if len(lines) <= LINES_A_CUSTOMER:
            return lines
    return textwrap.wrap(f"{told}: {reasons[0]}.", width, max_lines=LINES_A_CUSTOMER, placeholder=" ...")


def _next_steps(home: Path) -> Group:
    """What to type next. `make demo CHURN_HOME=...` sets the home for the demo alone, so another home is named."""
    usual = home == Path(".churn").resolve()
    title = "Next" if usual else f"Next, with CHURN_HOME={shlex.quote(str(home))}"
    grid = RichTable(box=None, show_header=False, pad_edge=False)
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column()
    for typed, words in NEXT_STEPS:
        grid.add_row(escape(typed.format(command=command())), words)
    # not the title of the grid, which would wrap at the width of the grid
    return Group(Text(title, style="bold", overflow="fold"), grid)
