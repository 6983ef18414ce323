"""Measures the objectives of a day over their window, and records them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from churn_assets.contracts.service_levels import ServiceLevels
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse

FRESH_SCORES, MONTH_END_SUCCESS = "fresh_scores", "month_end_success"


@dataclass(frozen=True)
class MeasuredLevel:
    """An objective on a day; the fields are the columns of operations/service_levels.

    Attributes:
        day: last day of the window.
        objective: its name.
        window_days: length of the window.
        target: share that must be good.
        kept: whether the day itself kept the promise; None where days are not what is judged, or nothing is known.
        total, good: what was judged in the window, and what of it was good.
        budget_left: share of the allowed failures that is left; below 0 the objective is breached.
        breached: more failed than the target allows.
    """

    day: date
    objective: str
    window_days: int
    target: float
    kept: bool | None
    total: int
    good: int
    budget_left: float | None
    breached: bool


def level(
    day: date,
    objective: str,
    window_days: int,
    target: float,
    outcomes: Sequence[bool],
    kept: bool | None = None,
) -> MeasuredLevel:
    """The objective after these outcomes, each good or not."""
    total, good = len(outcomes), sum(outcomes)
    failed, allowed = total - good, total * (1 - target)
    if not total:
        left = None
    elif allowed:
        left = 1 - failed / allowed
    else:
        left = 1.0 if not failed else -float(failed)
    breached = total > 0 and good < target * total
    return MeasuredLevel(day, objective, window_days, target, kept, total, good, left, breached)


def measure(
    rule: ServiceLevels,
    earlier: Iterable[Mapping[str, Any]],
    scores_fresh: bool | None,
    month_ends: Iterable[tuple[date, bool]],
    today: date,
) -> list[MeasuredLevel]:
    """The levels of today.

    Args:
        rule: objectives of churn.yaml.
        earlier: rows of operations/service_levels of the days before.
        scores_fresh: whether the scores are as new as promised today; None: no month was due yet.
        month_ends: day and success of each month-end run.
        today: UTC.
    """
    first = today - timedelta(days=rule.window_days - 1)
    before = {
        row["day"]: row["kept"]
        for row in earlier
        if row["objective"] == FRESH_SCORES and first <= row["day"] < today
    }
    days = [kept for kept in (*before.values(), scores_fresh) if kept is not None]
    runs = [succeeded for ended, succeeded in month_ends if first <= ended <= today]
    return [
        level(today, FRESH_SCORES, rule.window_days, rule.fresh_scores, days, scores_fresh),
        level(today, MONTH_END_SUCCESS, rule.window_days, rule.month_end_success, runs),
    ]


def recorded_levels(lakehouse: Lakehouse) -> list[dict[str, Any]]:
    """All rows."""
    table = tables.SERVICE_LEVELS
    return list(lakehouse.arrow(table).to_pylist()) if lakehouse.exists(table) else []


def record_levels(lakehouse: Lakehouse, levels: Sequence[MeasuredLevel], run_id: str) -> None:
    """Replaces the levels of their day."""
    table = tables.SERVICE_LEVELS
    rows = table.rows([asdict(one) for one in levels])
    lakehouse.replace_rows(table, rows, "day", sorted({one.day for one in levels}), run_id=run_id)
