"""What customers are expected to bring in the coming months, as the newest release tells it."""

from dataclasses import dataclass
from typing import Any

from churn_assets.app.formats import Formats
from churn_assets.app.store import ReleaseStore

VALUE = "lifetime_value"


@dataclass(frozen=True)
class LifetimeTotals:
    """Sums over the scored customers of the month end, in the currency of the business.

    Attributes:
        months: that the values count.
        everybody, high: of all scored customers, and of those in the risk tier `high`; None where none is known.
        unknown: scored customers whose value is not known; they are in no sum.
    """

    months: int
    everybody: float | None
    high: float | None
    unknown: int


def tells_values(store: ReleaseStore) -> bool:
    """Whether the release tells the value of somebody; those of earlier versions have no such column."""
    if not store.has("customers"):
        return False
    if not store.rows("SELECT 1 FROM (DESCRIBE customers) WHERE column_name = ?", [VALUE]):
        return False
    return bool(store.rows(f"SELECT 1 FROM customers WHERE {VALUE} IS NOT NULL LIMIT 1"))


def lifetime_totals(store: ReleaseStore) -> LifetimeTotals | None:
    """The sums; None where no value is told."""
    if not tells_values(store):
        return None
    [row] = store.rows(
        f"""
        SELECT max(value_horizon_months)::INTEGER AS months, sum({VALUE})::DOUBLE AS everybody,
            sum({VALUE}) FILTER (risk_tier = 'high')::DOUBLE AS high,
            count(*) FILTER (status = 'scored' AND {VALUE} IS NULL) AS unknown
        FROM customers
        """
    )
    return LifetimeTotals(**row)


def value_of_segments(store: ReleaseStore) -> dict[str, float]:
    """Segment -> sum of the values of its customers at the newest month end; empty where no value is told."""
    if not tells_values(store):
        return {}
    rows = store.rows(
        f"SELECT segment, sum({VALUE})::DOUBLE AS value FROM customers WHERE {VALUE} IS NOT NULL GROUP BY segment"
    )
    return {row["segment"]: row["value"] for row in rows}


def value_told(row: dict[str, Any], formats: Formats) -> str | None:
    """The value of one customer as a sentence, from their row of `customers`; None where it is not told."""
    if row.get(VALUE) is None:
        return None
    low, high = (formats.money(row[f"{VALUE}_{end}"]) for end in ("low", "high"))
    return (
        f"Expected to bring {formats.money(row[VALUE])} of margin in the next "
        f"{formats.number(row['value_horizon_months'])} months, in today's money (mean, 95 % interval {low} to {high})."
    )
