"""Queues alerts for their channels, and notes which were delivered."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from churn_assets.alerts.judging import DELIVERED, NEW
from churn_assets.alerts.messages import alert_message
from churn_assets.alerts.store import Row, alerts, change
from churn_assets.contracts.business import Business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.channels.delivery import tell
from churn_assets.operations.channels.outbox import Outbox

TOLD_FOR = timedelta(days=3)  # an alert that is older is not queued any more
LOOKED_BACK = timedelta(days=30)  # the outbox remembers as long what it has delivered
BETWEEN = ", "  # of the names of channels


def tell_alerts(lakehouse: Lakehouse, business: Business, outbox: Outbox, now: datetime) -> int:
    """Queues the new alerts of this home that were not queued yet, also after a crash; returns how many messages.

    The most important go first. Messages about one customer arrive in order.
    """
    new = [
        row
        for row in alerts(lakehouse, [("state", "=", NEW), ("outbox", "=", outbox.id)])
        if row["channel"] and now - row["created_at"] < TOLD_FOR
    ]
    if not new:
        return 0
    section, lines = business.file.alerts, business.file.channels
    rules = {rule.name: rule for rule in section.rules}
    own_ids = _own_ids(lakehouse, business, new)
    queued = 0
    for row in sorted(new, key=lambda r: (r["as_of_date"], -r["importance"])):
        named = [line for line in lines if line.name in row["channel"].split(BETWEEN)]
        message = alert_message(
            row,
            rules.get(row["rule"]),
            business.file.currency,
            own_ids.get(row["customer_key"]),
            section.quiet,
        )
        queued += tell(outbox, named, [message])
    return queued


def _own_ids(lakehouse: Lakehouse, business: Business, rows: Sequence[Row]) -> Mapping[str, str]:
    """customer_key -> the business's own id, for channels that may tell personal data; empty without such a channel."""
    personal = {line.name for line in business.file.channels if line.personal}
    keys = sorted({r["customer_key"] for r in rows if personal & set(r["channel"].split(BETWEEN))})
    if not keys:
        return {}
    found = lakehouse.arrow(
        tables.CUSTOMER_KEYS, ["customer_key", "customer_id"], [("customer_key", "in", keys)]
    )
    return dict(zip(found["customer_key"].to_pylist(), found["customer_id"].to_pylist(), strict=True))


def note_deliveries(lakehouse: Lakehouse, outbox: Outbox, now: datetime, by: str) -> int:
    """Notes the alerts that all their channels have accepted since; returns their number."""
    noted = 0

    def decide(rows: Sequence[Row]) -> list[Row]:
        nonlocal noted
        waiting = [row for row in rows if row["channel"] and row["delivered_at"] is None]
        times = outbox.accepted([row["alert_id"] for row in waiting])
        done = [
            row | _delivered(row, times[row["alert_id"]])
            for row in waiting
            if set(row["channel"].split(BETWEEN)) <= times.get(row["alert_id"], {}).keys()
        ]
        noted = len(done)
        return done

    if lakehouse.exists(tables.RISK_ALERTS):
        change(lakehouse, decide, by, [("outbox", "=", outbox.id), ("created_at", ">=", now - LOOKED_BACK)])
    return noted


def _delivered(row: Mapping[str, Any], times: Mapping[str, datetime]) -> Row:
    state = DELIVERED if row["state"] == NEW else row["state"]
    return {"delivered_at": max(times.values()), "state": state}
