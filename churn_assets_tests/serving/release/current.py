"""Current scores for releases of tests, in the columns of the lake's table."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from churn_assets.lakehouse import tables
from churn_assets.serving.release.manifest import CurrentDay

MORNING = date(2026, 1, 14)
MODEL = "4"
BEHIND = "usage known until 2026-01-10"


def current_day(customers: int, **edits: Any) -> CurrentDay:
    """What the manifest says of them."""
    told: dict[str, Any] = {"as_of_date": str(MORNING), "model_version": MODEL, "known_until": "2026-01-10"}
    return CurrentDay(**{**told, "stale_from": None, "customers": customers, **edits})


def current_rows(keys: Sequence[str]) -> list[dict[str, Any]]:
    """A row per customer. The first has nothing to compare with; every third waits for its usage."""
    rng = np.random.default_rng(9)
    found = []
    order = rng.permutation(len(keys))
    for number, key in enumerate(keys):
        now = round(float(rng.uniform(0.01, 0.9)), 4)
        rank = int(order[number])
        before = {
            "probability_day_before": round(now * 0.99, 4),
            "probability_week_before": round(float(rng.uniform(0.01, 0.9)), 4),
            "probability_month_end": round(float(rng.uniform(0.01, 0.9)), 4),
        }
        new = number == 0
        found.append(
            {
                "customer_key": key,
                "as_of_date": MORNING,
                "model_version": MODEL,
                "raw": now * 10,
                "probability": now,
                "decile": 10 * rank // len(keys) + 1,
                "risk_tier": "high" if rank < len(keys) / 10 else "low",
                "value_tier": "middle",
                "driver": "service" if number % 2 else "price",
                "segment": "valuable and at risk" if rank < len(keys) / 10 else "steady",
                "action": "Call today." if rank < len(keys) / 10 else "Do nothing.",
                "value": 60.0,
                "reason_1": f"{number} support tickets in the last 3 months",
                "reason_2": None,
                "reason_3": None,
                **(dict.fromkeys(before) if new else before),
                "moved_reason": None if new else "had no network for 5 hours in the last week",
                "moved_since": None if new else MORNING - timedelta(days=7),
                "behind": BEHIND if number % 3 == 2 else None,
                "known_until": date(2026, 1, 10),
            }
        )
    return found


def current_tables(
    keys: Sequence[str], snapshots: pa.Table | None = None, rows: list[dict[str, Any]] | None = None
) -> dict[str, pa.Table]:
    """The tables of this morning: the scores, and three days of probabilities; the snapshots if they are given."""
    rows = rows or current_rows(keys)
    names = ("customer_key", "as_of_date", "model_version", "probability")
    days = [
        {name: row[name] for name in names}
        | {"as_of_date": MORNING - timedelta(days=back), "probability": row["probability"] * (1 - back / 10)}
        for row in rows
        for back in (2, 1, 0)
    ]
    found = {
        "current_scores": tables.CURRENT_SCORES.rows(rows),
        "daily_probabilities": tables.CURRENT_SCORES.rows(days).select(list(names)),
    }
    return found | ({} if snapshots is None else {"current_snapshots": snapshots})
