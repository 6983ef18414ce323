"""Queues alerts for their channels, stops those that must not go out any more, and notes which were delivered."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from threading import Lock
from typing import Any

from churn_assets.alerts.from_the_page import take_in
from churn_assets.alerts.messages import alert_message
from churn_assets.alerts.store import Row, alerts, change, now_utc
from churn_assets.contracts.alerts import ACKNOWLEDGED, DELIVERED, NEW, SUPPRESSED, TOPIC
from churn_assets.contracts.business import Business
from churn_assets.history.people import objections
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.channels.delivery import Outdated, tell
from churn_assets.operations.channels.message import Message
from churn_assets.operations.channels.outbox import Outbox

TOLD_FOR = timedelta(days=3)  # an alert that is older is not queued any more
LOOKED_BACK = timedelta(days=30)  # the outbox remembers as long what it has delivered
BETWEEN = ", "  # of the names of channels
OBJECTED = "objection: the customer has objected to profiling before it was delivered"
GONE = "gone: the customer was no longer scored when it could be delivered"


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


def outdated(lakehouse: Lakehouse, business: Business) -> Outdated:
    """Tells, right before messages go out, which alerts must not be told any more, and why.

    Those of customers who object to profiling or are no longer scored by now, as who has left, and those that somebody
    takes care of by now.
    """
    alone = Lock()

    def reasons(messages: Sequence[Message]) -> Mapping[str, str]:
        about = {m.id: m.customer_key for m in messages if m.topic == TOPIC and m.customer_key is not None}
        if not about:
            return {}
        with alone:
            take_in(lakehouse, now_utc(), "delivery")
            rows = alerts(lakehouse, [("alert_id", "in", list(about))])
            objected = objections(lakehouse, business, about={*about.values()}).keys
            left = _left(lakehouse, rows)
        taken = [row["alert_id"] for row in rows if row["state"] == ACKNOWLEDGED]
        found = dict.fromkeys(taken, "acknowledged before it was delivered")
        return (
            dict.fromkeys(left, GONE)
            | found
            | dict.fromkeys((one for one, key in about.items() if key in objected), OBJECTED)
        )

    return reasons


def _left(lakehouse: Lakehouse, rows: Sequence[Row]) -> list[str]:
    """The ids of alerts whose customers are not scored as of the newest day, if that is a later one."""
    table = tables.CURRENT_SCORES
    newest = (
        max(lakehouse.slices(table, "as_of_date"), default=date.min) if lakehouse.exists(table) else date.min
    )
    about = {row["alert_id"]: row["customer_key"] for row in rows if row["as_of_date"] < newest}
    if not about:
        return []
    where: list[tuple[str, str, object]] = [
        ("as_of_date", "=", newest),
        ("customer_key", "in", sorted({*about.values()})),
    ]
    scored = set(lakehouse.arrow(table, ["customer_key"], where)["customer_key"].to_pylist())
    return [one for one, key in about.items() if key not in scored]


def note_deliveries(lakehouse: Lakehouse, business: Business, outbox: Outbox, now: datetime, by: str) -> int:
    """Notes the alerts of which no channel has to be told any more; returns the number of the delivered ones.

    An alert that a channel has accepted is delivered. One that none has, because each was removed from churn.yaml or
    the message was withdrawn, is suppressed.
    """
    noted = 0
    declared = {line.name for line in business.file.channels if TOPIC in line.topics}

    def decide(rows: Sequence[Row]) -> list[Row]:
        nonlocal noted
        waiting = [row for row in rows if row["channel"] and row["delivered_at"] is None]
        waiting = [row for row in waiting if row["state"] != SUPPRESSED]
        ids = [row["alert_id"] for row in waiting]
        times, withdrawn = outbox.accepted(ids), outbox.withdrawn(ids)
        done = []
        for row in waiting:
            accepted, gone = times.get(row["alert_id"], {}), withdrawn.get(row["alert_id"], {})
            if {*row["channel"].split(BETWEEN)} & declared - accepted.keys() - gone.keys():
                continue
            if accepted:
                noted += 1
                done.append(row | _delivered(row, accepted))
            elif row["state"] == NEW:
                done.append(row | {"state": SUPPRESSED, "why": _why_nobody(row, gone)})
        return done

    if lakehouse.exists(tables.RISK_ALERTS):
        change(lakehouse, decide, by, [("outbox", "=", outbox.id), ("created_at", ">=", now - LOOKED_BACK)])
    return noted


def _why_nobody(row: Row, withdrawn: Mapping[str, str]) -> str:
    """Why no channel was told."""
    return next(iter(withdrawn.values()), f"channel: {row['channel']} was removed before it was told")


def _delivered(row: Mapping[str, Any], times: Mapping[str, datetime]) -> Row:
    state = DELIVERED if row["state"] == NEW else row["state"]
    return {"delivered_at": max(times.values()), "state": state}
