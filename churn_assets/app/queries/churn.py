"""Churn rates by month and group, net revenue retention, and the retention triangle; see docs/churn-rates.md."""

import pandas as pd

from churn_assets.app.store import ReleaseStore
from churn_assets.ml.metrics.classification import wilson

EVERYBODY, TENURE = "all", "tenure"
NOT_KNOWN = "not known"
FLOWS = (
    "start",
    "new",
    "returned",
    "known_again",
    "lost_by_choice",
    "lost_otherwise",
    "unknown",
    "end",
)
_GROUP = ("moved_in", "moved_out")


def has_revenue(store: ReleaseStore) -> bool:
    """Whether the business declares revenue for its churn rates."""
    [row] = store.rows("SELECT count(revenue_start) AS known FROM churn_rates WHERE dimension = 'all'")
    return bool(row["known"])


def months(store: ReleaseStore) -> list[str]:
    """The settled months as YYYY-MM, ascending."""
    return [row["month"] for row in store.rows("SELECT DISTINCT month FROM churn_rates ORDER BY month")]


def dimensions(store: ReleaseStore) -> list[str]:
    """What divides the customers, without `all`; tenure is the last."""
    found = store.rows(
        "SELECT DISTINCT dimension FROM churn_rates WHERE dimension <> ? ORDER BY dimension = ?, dimension",
        [EVERYBODY, TENURE],
    )
    return [row["dimension"] for row in found]


def rates(store: ReleaseStore) -> pd.DataFrame:
    """One row per settled month, of all customers: the columns of churn_rates and the interval of the churn rate.

    `rate_low` and `rate_high` are the Wilson 95 % interval: what chance alone does to so many customers.
    """
    return _with_interval(
        store.frame("SELECT * FROM churn_rates WHERE dimension = ? ORDER BY month", [EVERYBODY])
    )


def by_group(store: ReleaseStore, dimension: str, first: str, last: str) -> pd.DataFrame:
    """One row per group of a dimension, summed over the months from `first` to `last`, as monthly means.

    Columns: group, customer_months (at the start, without the unknown), lost_by_choice, lost_otherwise, unknown,
    churn_rate (per month), churn_rate_by_choice, rate_low, rate_high, net_revenue_retention (revenue of all months
    together). Most customers first; the group that is not known is last.
    """
    rows = store.frame(
        """
        SELECT coalesce(value, ?) AS "group", value IS NULL AS not_known,
            sum(customers_start - customers_unknown)::BIGINT AS customer_months,
            sum(customers_lost_by_choice)::BIGINT AS lost_by_choice,
            sum(customers_lost_otherwise)::BIGINT AS lost_otherwise, sum(customers_unknown)::BIGINT AS unknown,
            sum(revenue_kept) / nullif(sum(revenue_start - revenue_unknown), 0) AS net_revenue_retention
        FROM churn_rates WHERE dimension = ? AND month BETWEEN ? AND ?
        GROUP BY value ORDER BY not_known, customer_months DESC, "group"
        """,
        [NOT_KNOWN, dimension, first, last],
    )
    known = rows["customer_months"].where(rows["customer_months"] > 0)
    lost = rows["lost_by_choice"] + rows["lost_otherwise"]
    rows["churn_rate"], rows["churn_rate_by_choice"] = lost / known, rows["lost_by_choice"] / known
    rows["rate_low"], rows["rate_high"] = intervals(lost, known)
    return rows.drop(columns="not_known")


def group_rates(store: ReleaseStore, dimension: str) -> pd.DataFrame:
    """One row per settled month and group of a dimension: month, group, churn_rate, churn_rate_by_choice, interval."""
    found = store.frame(
        """
        SELECT month, coalesce(value, ?) AS "group", customers_start, customers_unknown, customers_lost_by_choice,
            customers_lost_otherwise, churn_rate, churn_rate_by_choice, net_revenue_retention
        FROM churn_rates WHERE dimension = ? ORDER BY month, value
        """,
        [NOT_KNOWN, dimension],
    )
    return _with_interval(found)


def _with_interval(rows: pd.DataFrame) -> pd.DataFrame:
    known = rows["customers_start"] - rows["customers_unknown"]
    low, high = intervals(
        rows["customers_lost_by_choice"] + rows["customers_lost_otherwise"], known.where(known > 0)
    )
    return rows.assign(rate_low=low, rate_high=high)


def intervals(
    successes: "pd.Series[int]", trials: "pd.Series[float]"
) -> "tuple[pd.Series[float], pd.Series[float]]":
    """The Wilson 95 % interval of each share; null where there are no trials."""
    unknown = (float("nan"), float("nan"))
    found = [wilson(hits, int(n)) if n > 0 else unknown for hits, n in zip(successes, trials, strict=True)]
    told = pd.DataFrame(found, index=trials.index, columns=["low", "high"], dtype="float64")
    return told["low"], told["high"]


def balance(store: ReleaseStore, month: str) -> pd.DataFrame:
    """Where the customers (and the revenue) of a month went: one row per flow: flow, customers, revenue.

    The rows add up to `end`; what counts as lost is negative. `expansion` and `contraction` are of revenue alone.
    """
    [row] = store.rows("SELECT * FROM churn_rates WHERE dimension = ? AND month = ?", [EVERYBODY, month])
    less = {"lost_by_choice", "lost_otherwise", "unknown"}

    def signed(kind: str, flow: str) -> float | None:
        amount = row[f"{kind}_{flow}"]
        return None if amount is None else 0 - amount if flow in less else amount

    lines: list[dict[str, object]] = [
        {"flow": flow, "customers": signed("customers", flow), "revenue": signed("revenue", flow)}
        for flow in FLOWS
    ]
    if row["revenue_start"] is not None:
        grown = {"flow": "expansion", "customers": 0, "revenue": row["revenue_expansion"]}
        lines[-1:-1] = [
            grown,
            {"flow": "contraction", "customers": 0, "revenue": 0 - row["revenue_contraction"]},
        ]
    told = pd.DataFrame(lines, columns=["flow", "customers", "revenue"])
    return told.astype({"customers": "Int64", "revenue": "float64"})


def triangle(store: ReleaseStore) -> pd.DataFrame:
    """One row per month of joining and settled month: joined_month, months_since, month, joined, customers, unknown,
    retention, revenue_retention.
    """
    return store.frame(
        """
        SELECT joined_month, months_since, month, joined, customers, unknown, retention, revenue_retention
        FROM retention_cohorts ORDER BY joined_month, months_since
        """
    )
