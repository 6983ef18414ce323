"""Alerts: what changed, who takes care of it, and how good each rule is."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from churn_assets.app.queries.contacts import share
from churn_assets.app.store import ReleaseStore
from churn_assets.reporting.words import short

if TYPE_CHECKING:
    import pandas as pd

LEFT = ("churned", "ended_in_gap")  # outcomes of customers who left within gap and outcome window
STAYED = "stayed"
# state of an alert, or several -> what people read
STATES = {"open": "waits", "acknowledged": "acknowledged", "suppressed": "suppressed"}
_NO_RATES = "(SELECT NULL::DATE AS as_of_date, NULL::DOUBLE AS rate WHERE false)"
# `shown`: a key of STATES; `became`: left, stayed, not counted, or null while it is not known. Takes one parameter.
_SHOWN = f"""
    SELECT *,
        CASE WHEN state = 'suppressed' THEN 'suppressed'
             WHEN state = 'acknowledged' OR list_contains(?::VARCHAR[], alert_id) THEN 'acknowledged'
             ELSE 'open' END AS shown,
        CASE WHEN outcome IN ('{LEFT[0]}', '{LEFT[1]}') THEN 'left' WHEN outcome = '{STAYED}' THEN 'stayed'
             WHEN outcome IS NOT NULL THEN 'not counted' END AS became
    FROM risk_alerts
"""


@dataclass(frozen=True)
class AlertFilters:
    """Which alerts are shown; an empty filter lets all through.

    Attributes:
        states: keys of STATES.
        rules: names.
        customer_key: of the customer; None: of all.
    """

    states: Sequence[str] = ()
    rules: Sequence[str] = ()
    customer_key: str | None = None


@dataclass(frozen=True)
class Counts:
    """Alerts that wait, and those as of the day of the current scores, suppressed ones left out of both."""

    waiting: int
    of_today: int


@dataclass(frozen=True)
class AlertList:
    """A page of alerts: their number on all pages, and the rows with a state that counts fresh acknowledgements."""

    total: int
    rows: "pd.DataFrame"


@dataclass(frozen=True)
class RuleResults:
    """What became of the customers of a rule.

    Attributes:
        rule: its name.
        told, suppressed, acknowledged: alerts; suppressed ones are not among the told.
        known: told alerts whose customers are known to have left or stayed.
        left: those who left.
        precision, low, high: left / known with its interval of 95 % (Wilson); None of nothing.
        base_rate: share of all customers who left, at the month ends before these alerts; None where it is not known.
    """

    rule: str
    told: int
    suppressed: int
    acknowledged: int
    known: int
    left: int
    base_rate: float | None
    precision: float | None = field(init=False)
    low: float | None = field(init=False)
    high: float | None = field(init=False)

    def __post_init__(self) -> None:
        """Computes the precision."""
        told = share(self.left, self.known) or (None, None, None)
        for name, value in zip(("precision", "low", "high"), told, strict=True):
            object.__setattr__(self, name, value)

    @property
    def lift(self) -> float | None:
        """Precision over the base rate; None where one of them is not known."""
        return self.precision / self.base_rate if self.precision is not None and self.base_rate else None


def counts_of(store: ReleaseStore, fresh: Collection[str] = ()) -> Counts | None:
    """Counts of alerts; None where the release holds none.

    Args:
        store: of the release.
        fresh: alert_ids that were acknowledged since the release.
    """
    if not store.has("risk_alerts"):
        return None
    [row] = store.rows(
        f"""
        SELECT count(*) FILTER (shown = 'open') AS waiting,
            count(*) FILTER (shown <> 'suppressed' AND as_of_date = ?::DATE) AS of_today
        FROM ({_SHOWN})
        """,
        [store.morning, list(fresh)],
    )
    return Counts(**row)


def rules_of(store: ReleaseStore) -> list[str]:
    """The rules that have found something, by name."""
    if not store.has("risk_alerts"):
        return []
    return [row["rule"] for row in store.rows("SELECT DISTINCT rule FROM risk_alerts ORDER BY 1")]


def alert_list(
    store: ReleaseStore, filters: AlertFilters, *, page: int = 1, size: int = 25, fresh: Collection[str] = ()
) -> AlertList:
    """A page of alerts, the newest day first and within a day the most important.

    Rows: alert_id, as_of_date, customer_key, rule, old_value, new_value, probability, importance, reason, action,
    shown (a key of STATES), why, became.
    """
    conditions, values = ["true"], list[Any]([list(fresh)])
    for column, wanted in (("shown", filters.states), ("rule", filters.rules)):
        if wanted:
            conditions.append(f"list_contains(?::VARCHAR[], {column})")
            values.append(list(wanted))
    if filters.customer_key is not None:
        conditions.append("customer_key = ?")
        values.append(filters.customer_key)
    chosen = f"FROM ({_SHOWN}) WHERE {' AND '.join(conditions)}"
    [count] = store.rows(f"SELECT count(*) AS n {chosen}", values)
    rows = store.frame(
        f"SELECT alert_id, as_of_date, customer_key, rule, old_value, new_value, probability, importance, reason_1, "
        f"action, shown, why, became {chosen} ORDER BY as_of_date DESC, importance DESC, alert_id LIMIT ? OFFSET ?",
        [*values, size, size * (page - 1)],
    )
    rows["reason"] = rows.pop("reason_1").map(short, na_action="ignore")
    return AlertList(int(count["n"]), rows)


def rule_qualities(store: ReleaseStore, fresh: Collection[str] = ()) -> list[RuleResults]:
    """The quality of each rule, by name; a suppressed alert told nobody, so its outcome judges nothing."""
    if not store.has("risk_alerts"):
        return []
    rates = "leaving_rates" if store.has("leaving_rates") else _NO_RATES
    rows = store.rows(
        f"""
        WITH alerts AS (
          SELECT a.*, a.became IN ('left', 'stayed') AND a.shown <> 'suppressed' AS counts, r.rate
          FROM ({_SHOWN}) a ASOF LEFT JOIN {rates} r ON a.as_of_date >= r.as_of_date
        )
        SELECT rule, count(*) FILTER (shown <> 'suppressed') AS told,
            count(*) FILTER (shown = 'suppressed') AS suppressed,
            count(*) FILTER (shown = 'acknowledged') AS acknowledged,
            count(*) FILTER (counts) AS known, count(*) FILTER (counts AND became = 'left') AS "left",
            CASE WHEN count(*) FILTER (counts AND rate IS NULL) = 0 THEN avg(rate) FILTER (counts) END AS base_rate
        FROM alerts GROUP BY rule ORDER BY rule
        """,
        [list(fresh)],
    )
    return [RuleResults(**row) for row in rows]
