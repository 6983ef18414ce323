"""The data: how fresh each source is, what was refused and why, what is missing, and whether people add up.

Most of it is in the status that the pipeline writes after every run, since the release does not change between them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from churn_assets.app.store import ReleaseStore
from churn_assets.serving.release.reading import STATUS_ROWS

Status = Mapping[str, Any]
ALL_SOURCES = "all sources"
REASONS = {
    "malformed": "{} cannot be read as what it should be",
    "required": "{} is missing",
    "range": "{} is below or above its bounds",
    "plausible": "{} is a day that cannot be meant",
    "pattern": "{} is not written as agreed",
    "valid": "{} is none of the agreed values",
    "future": "{} is after the delivery",
    "unreadable": "the row cannot be read",
}


def is_whole(status: Any) -> bool:
    """Whether a status has the parts that the pages read."""
    parts = ("sources", "rows", "refused_rows", "incidents")
    if not isinstance(status, dict) or not all(isinstance(status.get(part), list) for part in parts):
        return False
    try:
        datetime.fromisoformat(status["at"])
    except (KeyError, TypeError, ValueError):
        return False
    return True


def in_words(rule: str) -> str:
    """The reason of a refusal in words; a rule of another kind is told by its name."""
    kind, _, column = rule.partition(":")
    return REASONS[kind].format(column.replace("_", " ")) if kind in REASONS else rule


def freshness(status: Status) -> pd.DataFrame:
    """One row per source: source, newest_extract, known_until, missing (number of months), missing_months, refused."""
    rows = [
        {
            "source": entry["source"],
            "newest_extract": pd.to_datetime(entry["newest_extract"]),
            "known_until": pd.to_datetime(entry["known_until"]),
            "missing": len(entry["missing_months"]),
            "missing_months": ", ".join(entry["missing_months"]),
            "refused": "; ".join(f"{month}: {rule}" for month, rule in sorted(entry["refused_by"].items())),
        }
        for entry in status["sources"]
    ]
    names = ["source", "newest_extract", "known_until", "missing", "missing_months", "refused"]
    return pd.DataFrame(rows, columns=names)


def missing(status: Status) -> pd.DataFrame:
    """One row per extract that is missing or was refused: source, month, why."""
    rows = []
    for entry in status["sources"]:
        for month in entry["missing_months"]:
            rule = entry["refused_by"].get(month)
            why = f"refused by the rule {rule}" if rule else "no extract has passed"
            rows.append({"source": entry["source"], "month": month, "why": why})
        for month, rule in entry["refused_by"].items():
            if month not in entry["missing_months"]:
                rows.append({"source": entry["source"], "month": month, "why": f"refused by the rule {rule}"})
    return pd.DataFrame(rows, columns=["source", "month", "why"])


def refused(status: Status, source: str | None = None) -> pd.DataFrame:
    """Refused rows by source and reason: source, why, rule, rows, months (number), first, last.

    The reason with the most rows is first.
    """
    rows = pd.DataFrame(status["refused_rows"], columns=["source", "extract_month", "rule", "rows"])
    if source is not None:
        rows = rows[rows["source"] == source]
    found = rows.groupby(["source", "rule"], as_index=False).agg(
        rows=("rows", "sum"),
        months=("extract_month", "nunique"),
        first=("extract_month", "min"),
        last=("extract_month", "max"),
    )
    found["why"] = found["rule"].map(in_words)
    return found.sort_values(["rows", "source", "rule"], ascending=[False, True, True], ignore_index=True)


def refused_by_month(status: Status) -> pd.DataFrame:
    """One row per source and month: source, month, delivered, accepted, duplicate, quarantined, share, whole, balances.

    `share` is that of the refused rows among the delivered ones; null where nothing was delivered.
    """
    rows = pd.DataFrame(status["rows"], columns=list(STATUS_ROWS)).rename(columns={"extract_month": "month"})
    delivered = rows["delivered"].where(rows["delivered"] > 0)
    return rows.assign(share=rows["quarantined"] / delivered)


def row_balance(status: Status) -> dict[str, int]:
    """Sums over all sources and months: delivered, accepted, duplicate, quarantined, and months that do not balance."""
    rows = refused_by_month(status)
    sums = {name: int(rows[name].sum()) for name in ("delivered", "accepted", "duplicate", "quarantined")}
    return sums | {"unbalanced": int((~rows["balances"].astype(bool)).sum())}


def people(store: ReleaseStore) -> pd.DataFrame:
    """Balance of people, the newest month first, of all sources together before the single ones.

    Columns: source, as_of_date, former, new, now, ended, merged, disappeared, unknown, difference. `difference` is
    former + new - now - ended - merged - disappeared - unknown: 0 where everybody is accounted for.
    """
    return store.frame(
        """
        SELECT source, as_of_date, former, "new", now, ended, merged, disappeared, unknown,
            former + "new" - now - ended - merged - disappeared - unknown AS difference
        FROM people_balance ORDER BY as_of_date DESC, source <> ?, source
        """,
        [ALL_SOURCES],
    )


def incidents(status: Status) -> pd.DataFrame:
    """One row per incident that is not closed: incident_id, priority, state, kind, title, opened_at, resolve_by."""
    names = ["incident_id", "priority", "state", "kind", "title", "opened_at", "resolve_by"]
    rows = pd.DataFrame(
        [{name: entry.get(name) for name in names} for entry in status["incidents"]], columns=names
    )
    for name in ("opened_at", "resolve_by"):
        rows[name] = pd.to_datetime(rows[name], utc=True, format="ISO8601").dt.tz_localize(None)
    return rows.sort_values(["priority", "opened_at"], ignore_index=True)
