"""The messages that tell an alert, and that another model is in charge."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from churn_assets.alerts.changes import percent
from churn_assets.contracts.alerts import TOPIC, AlertRule
from churn_assets.counts import counted
from churn_assets.operations.channels.message import Message

REASONS = ("reason_1", "reason_2", "reason_3")
MODEL_CHANGED = "model_changed"
OWN_ID = "Customer"  # name of the natural id among the personal values


def told_change(row: Mapping[str, Any], rule: AlertRule | None) -> str:
    """What has changed, in words.

    Args:
        row: of alerts/risk_alerts.
        rule: that found it; None if churn.yaml no longer declares it.
    """
    old, new, since = row["old_value"], row["new_value"], row["compared_with"]
    match rule.change if rule else "":
        case "rose":
            return f"The risk rose from {old} ({since}) to {new}"
        case "entered":
            return f"The risk is {new} now; on {since} it was {old}"
        case "driver":
            return f"The main driver is {new} now; on {since} it was {old}"
        case "sql":
            return f"The condition of {row['rule']} is met now; on {since} it was not"
    return f"{row['rule']}: {old} on {since}, {new} now"


def reasons_of(row: Mapping[str, Any]) -> list[str]:
    """The reasons in words, strongest first."""
    return [row[name] for name in REASONS if row[name]]


def alert_message(
    row: Mapping[str, Any],
    rule: AlertRule | None,
    currency: str,
    own_id: str | None,
    quiet: tuple[int, int] | None,
) -> Message:
    """The message about an alert.

    Args:
        row: of alerts/risk_alerts.
        rule: that found it.
        currency: of the importance.
        own_id: the business's own id of the customer, for channels that may tell personal data.
        quiet: hours (UTC) in which it is not delivered.
    """
    what = told_change(row, rule)
    because = "; ".join(reasons_of(row))
    facts = {
        "As of": f"{row['as_of_date']}",
        "Probability": percent(row["probability"]),
        "Importance": f"{row['importance']:,.0f} {currency}",
        "Do": row["action"],
        "Then": f"churn-assets alerts ack {row['alert_id']}",
    }
    return Message(
        id=row["alert_id"],
        topic=TOPIC,
        rule=row["rule"],
        subject=row["customer_key"],
        title=what,
        text=f"{because[0].upper()}{because[1:]}." if because else "No single reason stands out.",
        severity="warning",
        occurred_at=row["created_at"],
        facts=facts,
        customer_key=row["customer_key"],
        personal={OWN_ID: own_id} if own_id else {},
        at_once=False,
        quiet=quiet,
    )


def model_notice(
    day: date,
    before: date,
    versions: tuple[str, str],
    moved: int,
    now: datetime,
    quiet: tuple[int, int] | None,
) -> Message:
    """The one message that another model is in charge.

    Args:
        day: the first day that it scored.
        before: the last day of the former one.
        versions: the former and the new one.
        moved: customers whose tier of risk differs between both days.
        now: when this was found.
        quiet: hours (UTC) in which it is not delivered.
    """
    former, new = versions
    return Message(
        id=f"model-{new}-{before}",  # the same after a crash, when another day is the first that tells of it
        topic=TOPIC,
        rule=MODEL_CHANGED,
        subject="model",
        title=f"Model version {new} is in charge",
        text=f"It scored the customers as of {day}; version {former} scored those of {before}. "
        f"{counted(moved, 'customer is', 'customers are')} in another tier of risk, which says nothing about them: "
        "scores of two models are not compared. Alerts about scores go on with the next day.",
        severity="info",
        occurred_at=now,
        facts={"As of": f"{day}"},
        at_once=False,
        quiet=quiet,
    )
