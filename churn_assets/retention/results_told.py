"""Rows of retention/campaign_results, for people."""

from datetime import date
from typing import Any

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse

ALL, CAMPAIGN, PLAN = "all", "campaign", "plan"
NOT_MATURED, NO_CONTROL, NEVER_CONTACTED = "not matured", "no control arm", "never contacted"
NO_RESULT = (NOT_MATURED, NO_CONTROL, NEVER_CONTACTED)


def newest_results(lakehouse: Lakehouse, until: date | None = None) -> list[dict[str, Any]]:
    """The rows of the newest as_of_date, up to a day if given; empty without any."""
    table = tables.CAMPAIGN_RESULTS
    if not lakehouse.exists(table):
        return []
    days = [day for day in lakehouse.slices(table, "as_of_date") if until is None or day <= until]
    if not days:
        return []
    rows: list[dict[str, Any]] = lakehouse.arrow(table, None, [("as_of_date", "=", max(days))]).to_pylist()
    return sorted(rows, key=lambda row: (row["origin"], row["started_on"], row["campaign_id"], row["days"]))


def longest_matured(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each group the row with the most days that are over; of groups without any, the one with the fewest days."""
    chosen: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        group = tuple(row[name] for name in ("origin", "scope", "campaign_id", "offer", "segment"))
        if group not in chosen or row["status"] != NOT_MATURED:
            chosen[group] = row
    return list(chosen.values())


def all_campaigns(lakehouse: Lakehouse) -> dict[str, Any] | None:
    """The newest row that tells what all campaigns together brought; None before anything was measured.

    A result goes before a row that has none yet, and plans go before other contacts.
    """
    rows = longest_matured(newest_results(lakehouse))
    whole = [row for row in rows if row["campaign_id"] == ALL and row["scope"] == CAMPAIGN]
    return min(whole, key=lambda row: (row["status"] in NO_RESULT, row["origin"] != PLAN), default=None)
