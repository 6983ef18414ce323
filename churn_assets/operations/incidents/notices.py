"""The message that tells a record of an incident."""

from churn_assets.operations.channels.message import Message, Severity
from churn_assets.operations.incidents.incident import CLOSED, OPENED, REOPENED, Incident
from churn_assets.operations.incidents.policy import KINDS

TOLD = (OPENED, REOPENED, CLOSED)  # the others happen on the screen of the person who does them
SEVERITY: dict[str, Severity] = {"P1": "critical", "P2": "critical", "P3": "warning", "P4": "info"}


def notice(record: Incident) -> Message | None:
    """The message about a record; None for one that is not told."""
    if record.what not in TOLD:
        return None
    over = record.what == CLOSED
    facts = {"Incident": record.incident_id, "Priority": record.priority, "State": record.state}
    if not over:
        facts |= {
            "Acknowledge by": f"{record.respond_by:%Y-%m-%d %H:%M} UTC",
            "Resolve by": f"{record.resolve_by:%Y-%m-%d %H:%M} UTC",
            "Look": KINDS[record.kind].look,
        }
    facts["Then"] = f"churn-assets incident show {record.incident_id}"
    return Message(
        id=f"{record.incident_id}-{record.record}-{record.outbox[:8]}",
        topic="incidents",
        rule=record.kind,
        subject=record.incident_id,
        title=f"{record.incident_id} {record.priority}: {record.title}{' - over' if over else ''}",
        text=record.note,
        severity="info" if over else SEVERITY[record.priority],
        occurred_at=record.at,
        facts=facts,
    )
