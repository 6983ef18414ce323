"""What the checks of silver found, in a terminal: after a run, in both summaries and in the doctor."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.silver.findings import findings, told

SHOWN = 12  # after a run


def open_findings(lakehouse: Lakehouse) -> tuple[str, list[dict[str, Any]]]:
    """The last month that silver was balanced for ("" if none), and what was found in it."""
    if not lakehouse.exists(tables.RECONCILIATION):
        return "", []
    month = max(
        lakehouse.arrow(tables.RECONCILIATION, ["extract_month"])["extract_month"].to_pylist(), default=""
    )
    return month, findings(lakehouse, [month])


def print_findings(
    lakehouse: Lakehouse, months: Sequence[str], console: Console, shown: int | None = SHOWN
) -> None:
    """Prints the findings of these months, newest first; nothing if there are none. `shown` limits their number."""
    rows = findings(lakehouse, months)
    if not rows:
        return
    span = months[0] if len(months) == 1 else f"{months[0]} to {months[-1]}"
    console.print(Text(f"Found in {span} ({len(rows):,}, all in silver/findings)", style="bold"))
    for row in rows[:shown]:
        console.print(Text(f"- {told(row)}"))
    if shown is not None and len(rows) > shown:
        console.print(Text(f"- and {len(rows) - shown:,} more"))
