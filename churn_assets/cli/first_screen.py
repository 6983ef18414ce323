"""The short summary: the results in the lake, on one screen of 100 x 40 characters."""

import textwrap
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable
from rich.text import Text

from churn_assets.cli.options import command
from churn_assets.cli.summary import is_empty, latest, reasons_of, riskiest, training_in_charge, trainings
from churn_assets.contracts.business import Business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.models.decisions import decided

if TYPE_CHECKING:
    import pyarrow as pa

RISKIEST = 5
LINES_A_CUSTOMER = 3
INDENT = 2
LABEL_WIDTH = 10
TIERS = ("high", "elevated", "low")
NEXT_STEPS = (
    ("make ui", "Dagster's page: runs, tables, model; http://127.0.0.1:3000"),
    ("{command} summary --full", "all tables, refused rows, segments and what to do about them"),
    ("your own data", "one contract per source, no Python: see docs/sources.md"),
)


def print_first_screen(lakehouse: Lakehouse, business: Business, console: Console) -> None:
    """Prints the main figures, the riskiest customers and the next steps. Starts no JVM.

    At most 37 lines in a console of 100 columns. Shows customer_keys, never a natural id.
    """
    if is_empty(lakehouse, business, console):
        return
    line = decided(lakehouse)
    training = training_in_charge(trainings(lakehouse), line)
    facts = RichTable(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    facts.add_column(width=LABEL_WIDTH, style="bold")
    facts.add_column()
    for label, words in (
        ("Rows", _rows(lakehouse)),
        ("Model", _model(training)),
        ("Campaign", _campaign(training, business)),
    ):
        if words:
            facts.add_row(label, Text(words))
    console.print(facts)
    if lakehouse.exists(tables.CUSTOMER_SEGMENTS):
        console.print("", _tiers(lakehouse, business))
    if rows := riskiest(lakehouse, line, RISKIEST):
        console.print("", _customers(rows, business, console.width))
    console.print("", _next_steps())


def _rows(lakehouse: Lakehouse) -> str:
    if not lakehouse.exists(tables.RECONCILIATION):
        return "none has passed silver yet"
    names = ["delivered", "accepted", "duplicate", "quarantined"]
    balance = lakehouse.arrow(tables.RECONCILIATION, names)
    delivered, accepted, duplicate, refused = (sum(balance[name].to_pylist()) for name in names)
    return (
        f"{delivered:,} delivered: {accepted:,} accepted, {duplicate:,} duplicates, {refused:,} refused "
        "(each with its reason in silver/quarantine)"
    )


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
    grid = RichTable(
        title=f"The riskiest customers, and how likely each is to leave from {first} to {last}",
        title_justify="left",
        title_style="bold",
        box=None,
        show_header=False,
        pad_edge=False,
        padding=(0, INDENT, 0, 0),
    )
    grid.add_column(no_wrap=True)
    grid.add_column()
    room = width - max(len(row["customer_key"]) for row in rows) - 2 * INDENT
    for row in rows:
        grid.add_row(row["customer_key"], Text("\n".join(sentence(row, room))))
    return grid


def sentence(row: dict[str, Any], width: int) -> list[str]:
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
        lines = textwrap.wrap(f"{told}: {', '.join(reasons[:count])}.", width)
        if len(lines) <= LINES_A_CUSTOMER:
            return lines
    return textwrap.wrap(f"{told}: {reasons[0]}.", width, max_lines=LINES_A_CUSTOMER, placeholder=" ...")


def _next_steps() -> RichTable:
    grid = RichTable(
        title="Next", title_justify="left", title_style="bold", box=None, show_header=False, pad_edge=False
    )
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column()
    for typed, words in NEXT_STEPS:
        grid.add_row(escape(typed.format(command=command())), words)
    return grid
