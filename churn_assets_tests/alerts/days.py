"""Current scores of some days, and rules, for tests of alerts."""

from datetime import date, timedelta
from typing import Any

import pandas as pd

from churn_assets.alerts.changes import Days
from churn_assets.contracts.alerts import AlertRule, Alerts

FIRST = date(2026, 6, 10)
NEVER = {f"probability_{name}": None for name in ("day_before", "week_before", "month_end")}


def day(number: int) -> date:
    """The day of a number; 0 is FIRST."""
    return FIRST + timedelta(days=number)


def score(customer: str, number: int, probability: float = 0.1, **more: Any) -> dict[str, Any]:
    """One row of scores/current_scores, as far as alerts read it."""
    row: dict[str, Any] = {
        "customer_key": customer,
        "as_of_date": day(number),
        "model_version": "1",
        "raw": probability,
        "probability": probability,
        "decile": 1,
        "risk_tier": "low",
        "value_tier": "middle",
        "driver": "usage",
        "segment": "watch",
        "action": "Call.",
        "value": 100.0,
        "reason_1": "used no data",
        "reason_2": None,
        "reason_3": None,
        "moved_reason": None,
        "moved_since": None,
        "behind": None,
        "known_until": day(number),
        "unknown_windows": None,
    }
    return row | NEVER | more


def days(rows: list[dict[str, Any]], number: int) -> Days:
    """These rows, asked as of a day."""
    return Days(pd.DataFrame(rows), day(number))


def rule(name: str = "r", **keys: Any) -> AlertRule:
    """A rule."""
    return AlertRule.model_validate({"name": name, **keys})


def section(*rules: AlertRule, **keys: Any) -> Alerts:
    """A section `alerts`."""
    return Alerts.model_validate({"rules": [r.model_dump() for r in rules], **keys})
