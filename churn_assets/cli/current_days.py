"""Days that have current scores, and what each of them brought, for a terminal."""

from collections.abc import Iterable
from datetime import date

from rich.console import Console
from rich.table import Table as RichTable

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse


def days_scored(lakehouse: Lakehouse, days: Iterable[date]) -> list[date]:
    """Those of these days that have current scores."""
    if not lakehouse.exists(tables.CURRENT_SCORES):
        return []
    there = set(lakehouse.slices(tables.CURRENT_SCORES, "as_of_date"))
    return [day for day in days if day in there]


def print_days(lakehouse: Lakehouse, days: Iterable[date], rise: float, console: Console) -> None:
    """Prints a row per day with current scores: customers, those whose probability rose by `rise`, alerts."""
    from pyarrow import compute as pc

    columns = ["as_of_date", "risk_tier", "probability", "probability_week_before", "probability_month_end"]
    grid = RichTable(
        "day",
        "customers",
        "expected to leave",
        f"rose by {100 * rise:.0f} points",
        "alerts",
        box=None,
        pad_edge=False,
    )
    for column in grid.columns[1:]:
        column.justify = "right"
    for day in days_scored(lakehouse, days):
        rows = lakehouse.arrow(tables.CURRENT_SCORES, columns, [("as_of_date", "=", day)])
        before = pc.coalesce(rows["probability_week_before"], rows["probability_month_end"])
        risen = pc.sum(pc.greater_equal(pc.subtract(rows["probability"], before), rise)).as_py() or 0
        leaving = pc.sum(rows["probability"]).as_py() or 0.0
        alerts = f"{alerts_of(lakehouse, day):,}"
        grid.add_row(str(day), f"{rows.num_rows:,}", f"{leaving:,.0f}", f"{risen:,}", alerts)
    console.print(grid)


def alerts_of(lakehouse: Lakehouse, day: date) -> int:
    """The alerts of a day that were not suppressed."""
    if not lakehouse.exists(tables.RISK_ALERTS):
        return 0
    rows = lakehouse.arrow(tables.RISK_ALERTS, ["state"], [("as_of_date", "=", day)])
    return sum(state != "suppressed" for state in rows["state"].to_pylist())
