"""The declared policy: the type of each event of the log, and its dedup key."""

from collections.abc import Mapping
from typing import Any

from churn_assets.operations.incidents.policy import EventType

# Name of the event -> type. A step that failed may succeed when it is repeated; a run that failed opens an incident.
TYPES: dict[str, EventType] = {
    "step.started": "informational",
    "step.ended": "informational",
    "step.failed": "warning",
    "run.ended": "informational",
    "run.failed": "exception",
    "model.in_charge": "informational",
    "incident.opened": "exception",
    "incident.reopened": "exception",
    "log.unreadable": "warning",
    "audit.recorded": "informational",
    "process.started": "informational",
    "process.failed": "exception",
}
WARN, ERROR = 13, 17  # severity numbers of OpenTelemetry


def type_of(name: str | None, severity: int) -> EventType:
    """The type that is declared for the name, else that of the severity."""
    if name in TYPES:
        return TYPES[name]
    if severity >= ERROR:
        return "exception"
    return "warning" if severity >= WARN else "informational"


def dedup_key(name: str, attributes: Mapping[str, Any]) -> str:
    """Events with one key tell the same: the kind, and the asset or job and the months that it is about."""
    about = (attributes.get(f"churn.{part}") for part in ("asset", "job", "months"))
    return ":".join([name, *(str(part) for part in about if part)])
