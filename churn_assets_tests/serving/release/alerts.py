"""Alerts for releases of tests, in the columns of the lake's table but for those that a release leaves out."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from churn_assets.lakehouse import tables
from churn_assets_tests.serving.release.current import MODEL, MORNING

STATES = ("delivered", "new", "suppressed", "acknowledged")
LEFT_OUT = ("acknowledged_by", "note", "outbox")


def alert_rows(keys: Sequence[str]) -> list[dict[str, Any]]:
    """An alert per customer: of three days, of two rules, in every state; those of December have an outcome."""
    found = []
    for number, key in enumerate(keys):
        day = MORNING - timedelta(days=(0, 1, 40)[number % 3])
        known = number % 3 == 2
        state = STATES[number % 4]
        found.append(
            {
                "alert_id": f"{number:016x}",
                "as_of_date": day,
                "customer_key": key,
                "rule": "rose_fast" if number % 2 else "entered_high",
                "channel": "team",
                "model_version": MODEL,
                "compared_with": day - timedelta(days=7),
                "old_value": "0.1" if number % 2 else "low",
                "new_value": "0.3" if number % 2 else "high",
                "probability": 0.3,
                "importance": float(number // 6),
                "reason_1": "had no network for 5 hours in the last week",
                "action": "Call today.",
                "state": state,
                "why": "20 alerts of the day were told" if state == "suppressed" else None,
                "created_at": datetime(day.year, day.month, day.day, 6, tzinfo=UTC),
                "outcome": ("churned" if number % 4 == 1 else "stayed") if known else None,
                "outcome_known_at": MORNING if known else None,
            }
        )
    return found


def alert_table(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """The table of a release with these alerts."""
    held = tables.RISK_ALERTS.rows(list(rows))
    return held.drop_columns([name for name in LEFT_OUT if name in held.column_names])
