"""What the checks of silver found, in a terminal: after a run, in both summaries and in the doctor."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable
from rich.text import Text

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import spoken
from churn_assets.silver.findings import findings, told

SHOWN = 12  # after a run


class OpenFindings(NamedTuple):
    """What was found and not removed by a later run: in the newest month of silver ("" without any), and before it."""

    month: str
    newest: list[dict[str, Any]]
    earlier: list[dict[str, Any]]

    @property
    def heading(self) -> str:
        """How many there are: `2 in 2025-06, 7 in earlier months`; empty without any."""
        told = [f"{len(self.newest):,} in {self.month}" if self.newest else f"none in {self.month}"]
        told += [f"{len(self.earlier):,} in earlier months"] if self.earlier else []
        return ", ".join(told) if self.newest or self.earlier else ""


def open_findings(lakehouse: Lakehouse) -> OpenFindings:
    """The open findings of all months. A finding is open until a run judges its month again and no longer finds it."""
    if not lakehouse.exists(tables.RECONCILIATION):
        return OpenFindings("", [], [])
    judged = lakehouse.arrow(tables.RECONCILIATION, ["extract_month"])["extract_month"].to_pylist()
    month, found = max(judged, default=""), findings(lakehouse)
    newest = [row for row in found if row["extract_month"] == month]
    return OpenFindings(month, newest, [row for row in found if row["extract_month"] < month])


def earlier_findings(found: OpenFindings) -> RichTable | None:
    """The findings of the earlier months by source and rule, each with its months; None without any."""
    if not found.earlier:
        return None
    title = f"Found in earlier months ({len(found.earlier):,}, all in silver/findings)"
    grid = RichTable(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in ("source", "rule", "severity", "months"):
        grid.add_column(name)
    months = defaultdict[tuple[str, ...], set[str]](set)
    for row in found.earlier:
        rule = f"{row['rule']} {row['subject'] or ''}".rstrip()
        months[row["severity"], row["source"], rule].add(row["extract_month"])
    for severity, source, rule in sorted(months):
        grid.add_row(source, escape(rule), severity, spoken(months[severity, source, rule]))
    return grid


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
