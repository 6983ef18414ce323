"""What the summary tells of alerts: how many, the most important with their reasons, and how good each rule is."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table as RichTable

from churn_assets.alerts.messages import reasons_of, told_change
from churn_assets.alerts.quality import leaving_rates
from churn_assets.alerts.store import Row, alerts, newest_day
from churn_assets.alerts.words import QUALITY_HEAD, quality_cells
from churn_assets.cli.customer_grid import customer_grid
from churn_assets.contracts.alerts import ACKNOWLEDGED, SUPPRESSED
from churn_assets.contracts.business import Business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.metrics.rule_quality import rule_qualities

MOST_IMPORTANT = 3
LINES_AN_ALERT = 2


def newest_alerts(lakehouse: Lakehouse) -> list[Row]:
    """The alerts of the newest day with any, the most important first."""
    day = newest_day(lakehouse)
    return [] if day is None else alerts(lakehouse, [("as_of_date", "=", day)])


def alerts_in_short(rows: Sequence[Row]) -> str | None:
    """How many alerts there are, on one line; None without any."""
    if not rows:
        return None
    told = [row for row in rows if row["state"] != SUPPRESSED]
    seen = sum(row["state"] == ACKNOWLEDGED for row in told)
    return (
        f"{len(told):,} told as of {rows[0]['as_of_date']}, {seen:,} of them acknowledged; "
        f"{len(rows) - len(told):,} suppressed"
    )


def most_important(rows: Sequence[Row], business: Business, width: int, count: int) -> RichTable | None:
    """The most important alerts that were told, with what changed and why; None without any."""
    told = [row for row in rows if row["state"] != SUPPRESSED][:count]
    if not told:
        return None
    rules = {rule.name: rule for rule in business.file.alerts.rules}

    def lines(row: Mapping[str, Any], room: int) -> list[str]:
        why = "; ".join(reasons_of(row)) or "no single reason stands out"
        said = f"{told_change(row, rules.get(row['rule']))}: {why}."
        return textwrap.wrap(said, room, max_lines=LINES_AN_ALERT, placeholder=" ...")

    return customer_grid(f"The most important alerts as of {told[0]['as_of_date']}", told, width, lines)


def rule_grid(lakehouse: Lakehouse) -> RichTable | None:
    """What each rule has brought so far; None before the first alert."""
    found = rule_qualities(alerts(lakehouse), leaving_rates(lakehouse))
    if not found:
        return None
    grid = RichTable(
        title="Rules of alerts", title_justify="left", title_style="bold", box=None, pad_edge=False
    )
    for position, name in enumerate(QUALITY_HEAD):
        grid.add_column(name, justify="left" if position == 0 else "right")
    for one in found:
        grid.add_row(*(escape(cell) for cell in quality_cells(one)))
    return grid
