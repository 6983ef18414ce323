"""Alerts: what changed, who takes care of it, and how good each rule is."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from churn_assets.app.store import ReleaseStore
from churn_assets.contracts.alerts import ACKNOWLEDGED, SUPPRESSED
from churn_assets.ml.metrics.rule_quality import LEFT, STAYED, RuleQuality, rule_qualities
from churn_assets.reporting.words import short

if TYPE_CHECKING:
    import pandas as pd

# state of an alert, or several -> what people read
STATES = {"open": "waits", ACKNOWLEDGED: "acknowledged", SUPPRESSED: "suppressed"}
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


def qualities_of(store: ReleaseStore, fresh: Collection[str] = ()) -> list[RuleQuality]:
    """The quality of each rule, by name; a suppressed alert told nobody, so its outcome judges nothing."""
    if not store.has("risk_alerts"):
        return []
    rows = store.rows(f"SELECT rule, as_of_date, shown AS state, outcome FROM ({_SHOWN})", [list(fresh)])
    known = store.rows("SELECT as_of_date, rate FROM leaving_rates") if store.has("leaving_rates") else []
    return rule_qualities(rows, {row["as_of_date"]: row["rate"] for row in known})
