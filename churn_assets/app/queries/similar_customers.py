"""What became of customers like this one: counts of earlier cases, never single people."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from churn_assets.app.store import ReleaseStore
from churn_assets.ml.metrics.classification import wilson

ENOUGH = 20  # customers with a known outcome; fewer tell nothing, and could be told apart
LIKE = (("segment", "driver", "value_tier"), ("segment", "driver"), ("segment",))


@dataclass(frozen=True)
class Similar:
    """Earlier cases that are like a customer now.

    A case is one customer at one earlier as_of_date. Cases of the customer itself do not count.

    Attributes:
        alike: columns that the cases share with the customer; empty if too few cases are known.
        days: as_of_dates whose outcome is known, ascending.
        within: days after an as_of_date in which an ending counts.
        cases: with a known outcome.
        customers: that the cases are of.
        left, by_choice: cases that ended within that time, and those of them that the customer wanted.
        unknown: further cases whose outcome is not known.
        low, high: 95 % interval of left / cases.
    """

    alike: tuple[str, ...]
    days: tuple[date, ...]
    within: int
    cases: int = 0
    customers: int = 0
    left: int = 0
    by_choice: int = 0
    unknown: int = 0
    low: float = 0.0
    high: float = 1.0


def days_with_outcome(store: ReleaseStore) -> tuple[tuple[date, ...], int]:
    """Scored as_of_dates whose outcome is known by now, ascending, and the days until it is sure who left."""
    windows, about = store.business.get("windows"), store.manifest.about
    if windows is None or about.known_until is None:
        return (), 0
    within = windows["gap_days"] + windows["outcome_days"]
    settled = date.fromisoformat(about.known_until) - timedelta(days=within + windows["settlement_days"])
    days = (date.fromisoformat(day) for day in about.as_of_dates)
    return tuple(day for day in sorted(days) if day <= settled), within


def similar(store: ReleaseStore, row: dict[str, Any]) -> Similar:
    """Counts earlier cases of the same segment, main driver and value; of fewer of these where cases are few.

    Args:
        store: of the release.
        row: of the customer, see `customer_row`.
    """
    days, within = days_with_outcome(store)
    nothing = Similar((), days, within)
    if not days or not store.has("segments") or not store.has("churn_events"):
        return nothing
    for alike in LIKE:
        found = _count(store, row, alike, days, within)
        if found.customers >= ENOUGH:
            return found
    return nothing


def _count(
    store: ReleaseStore, row: dict[str, Any], alike: tuple[str, ...], days: tuple[date, ...], within: int
) -> Similar:
    same = " AND ".join(f"s.{name} IS NOT DISTINCT FROM ?" for name in alike)
    [told] = store.rows(
        f"""
        WITH cases AS (
            SELECT s.customer_key, s.as_of_date, coalesce(c.survivor_key, s.customer_key) AS heir,
                coalesce(c.status, 'unknown') IN ('unknown', 'disappeared') AS lost_sight
            FROM segments s LEFT JOIN customers c USING (customer_key)
            WHERE {same} AND s.customer_key <> ? AND list_contains(?, s.as_of_date)
        ), outcomes AS (
            SELECT cases.customer_key, cases.as_of_date, any_value(lost_sight) AS lost_sight,
                count(e.ended_on) > 0 AS has_left,
                coalesce(arg_min(e.kind, e.ended_on) <> 'involuntary', false) AS by_choice
            FROM cases LEFT JOIN churn_events e ON e.customer_key = cases.heir
                AND e.ended_on > cases.as_of_date AND e.ended_on <= cases.as_of_date + {within:d}
            GROUP BY cases.customer_key, cases.as_of_date
        )
        SELECT count(*) FILTER (has_left OR NOT lost_sight) AS cases,
            count(DISTINCT customer_key) FILTER (has_left OR NOT lost_sight) AS customers,
            count(*) FILTER (has_left) AS ended,
            count(*) FILTER (has_left AND by_choice) AS by_choice,
            count(*) FILTER (lost_sight AND NOT has_left) AS unknown
        FROM outcomes
        """,
        [*(row[name] for name in alike), row["customer_key"], list(days)],
    )
    low, high = wilson(told["ended"], told["cases"]) if told["cases"] else (0.0, 1.0)
    return Similar(
        alike,
        days,
        within,
        told["cases"],
        told["customers"],
        told["ended"],
        told["by_choice"],
        told["unknown"],
        low,
        high,
    )
