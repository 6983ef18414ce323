"""Reads alerts/risk_alerts and changes rows of it; one process of a home at a time."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from churn_assets.contracts.alerts import ACKNOWLEDGED, SUPPRESSED
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Commit, Lakehouse
from churn_assets.operations.audit.chain import record
from churn_assets.operations.log.writing import event

Row = dict[str, Any]
Filters = list[tuple[str, str, object]]


class AlertError(ValueError):
    """An alert cannot be changed so; the message says why."""


def alerts(lakehouse: Lakehouse, filters: Filters | None = None) -> list[Row]:
    """The alerts, newest day first and the most important of each day first; none without the table."""
    if not lakehouse.exists(tables.RISK_ALERTS):
        return []
    rows: list[Row] = lakehouse.arrow(tables.RISK_ALERTS, filters=filters).to_pylist()
    return sorted(rows, key=_order)


def _order(row: Row) -> tuple[Any, ...]:
    return (
        -row["as_of_date"].toordinal(),
        -row["importance"],
        row["customer_key"],
        row["state"] == SUPPRESSED,
        row["rule"],
    )


def change(
    lakehouse: Lakehouse,
    decide: Callable[[Sequence[Row]], Sequence[Row]],
    run_id: str,
    filters: Filters | None = None,
) -> Commit | None:
    """Writes the rows that `decide` makes of the present ones: new ones, and changed ones in place of the former.

    Args:
        lakehouse: with the table, which need not exist.
        decide: gets the rows that satisfy `filters`; it may not be called at the same time elsewhere.
        run_id: who does it, recorded in the commit.
        filters: which rows are needed.

    Returns:
        The commit; None if nothing changed.
    """
    table = tables.RISK_ALERTS
    with lakehouse.alone_with(table):
        changed = {row["alert_id"]: row for row in decide(alerts(lakehouse, filters))}
        if not changed:
            return None
        days = sorted({row["as_of_date"] for row in changed.values()})
        kept = [r for r in alerts(lakehouse, [("as_of_date", "in", days)]) if r["alert_id"] not in changed]
        rows = table.rows([*kept, *changed.values()])
        return lakehouse.replace_rows(table, rows, "as_of_date", days, run_id=run_id)


def acknowledge(lakehouse: Lakehouse, ids: Iterable[str], by: str, note: str, now: datetime) -> list[Row]:
    """Notes that somebody takes care of these alerts; returns them.

    Raises:
        AlertError: one of them does not exist, was suppressed, or was acknowledged before; nothing was written.
        AuditError: the act cannot be recorded; nothing was written.
    """
    wanted, done = list(dict.fromkeys(ids)), list[Row]()

    def decide(rows: Sequence[Row]) -> list[Row]:
        here = {row["alert_id"]: row for row in rows}
        for one in wanted:
            _require_open(one, here.get(one))
        for one in wanted:
            subject = here[one]["customer_key"]
            record(lakehouse.settings, "alert_acknowledged", by, subject, customers=1, alert=one)
        done.extend(
            here[one]
            | {"state": ACKNOWLEDGED, "acknowledged_at": now, "acknowledged_by": by, "note": note or None}
            for one in wanted
        )
        return done

    if not lakehouse.exists(tables.RISK_ALERTS):
        raise AlertError("There are no alerts yet.")
    change(lakehouse, decide, by, [("alert_id", "in", wanted)])
    for row in done:
        event("alert.acknowledged", f"The alert {row['alert_id']} was acknowledged.", alert=row["alert_id"])
    return done


def _require_open(one: str, row: Mapping[str, Any] | None) -> None:
    if row is None:
        raise AlertError(f"There is no alert {one}; `churn-assets alerts list` shows them.")
    if row["state"] == SUPPRESSED:
        raise AlertError(f"The alert {one} was suppressed ({row['why']}), so nobody was told.")
    if row["state"] == ACKNOWLEDGED:
        raise AlertError(
            f"{row['acknowledged_by']} has acknowledged the alert {one} at "
            f"{row['acknowledged_at']:%Y-%m-%d %H:%M} UTC."
        )


def newest_day(lakehouse: Lakehouse) -> date | None:
    """The newest as_of_date with alerts, None without any."""
    if not lakehouse.exists(tables.RISK_ALERTS):
        return None
    return max(lakehouse.slices(tables.RISK_ALERTS, "as_of_date"), default=None)


def now_utc() -> datetime:
    """The present time as the table keeps it."""
    return datetime.now(UTC).replace(microsecond=0)
