"""Pure rules: which records the present conditions, and the acts of persons, add to the incidents."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from churn_assets.operations.incidents.incident import (
    ACKNOWLEDGED,
    CLOSED,
    JOINED,
    NEW,
    OPENED,
    PREFIX,
    REOPENED,
    RESOLVED,
    Condition,
    Incident,
)
from churn_assets.operations.incidents.policy import KINDS, TARGETS

SYSTEM = "churn-assets"
QUIET = timedelta(days=3)  # a resolved incident whose condition cannot be judged is closed after so long


class IncidentError(ValueError):
    """An incident cannot be changed so; the message says why."""


def judge(
    incidents: Sequence[Incident],
    conditions: Iterable[Condition],
    solved: Mapping[str, str],
    now: datetime,
    outbox: str,
) -> list[Incident]:
    """The new records, in order. The same conditions, judged again, add nothing.

    Args:
        incidents: all incidents as they are.
        conditions: what is wrong now, at most one for each key.
        solved: key -> evidence that it is not wrong any more. A key in neither is not known, and stays as it is.
        now: UTC.
        outbox: id of the outbox that tells the new records.
    """
    found: list[Incident] = []
    number = max((i.number for i in incidents), default=0)
    open_ones = {i.dedup_key: i for i in incidents if i.is_open}
    for condition in conditions:
        present = open_ones.pop(condition.key, None)
        if present is None:
            number += 1
            found.append(_opened(condition, number, now, outbox))
        elif present.last_event != condition.event:
            found.append(_joined(present, condition, now, outbox))
    for key, incident in open_ones.items():
        if key in solved:
            found.append(_next(incident, CLOSED, CLOSED, solved[key], SYSTEM, now, outbox, closed_at=now))
        elif incident.resolved_at and now - incident.resolved_at > QUIET:
            note = f"Resolved since {incident.resolved_at:%Y-%m-%d}, and nothing was heard of it again."
            found.append(_next(incident, CLOSED, CLOSED, note, SYSTEM, now, outbox, closed_at=now))
    return found


def acknowledge(incident: Incident, by: str, note: str, now: datetime, outbox: str) -> Incident:
    """The record that somebody works on it.

    Raises:
        IncidentError: it is not new.
    """
    if incident.state != NEW:
        raise IncidentError(f"{incident.incident_id} is {incident.state} already.")
    return _next(incident, ACKNOWLEDGED, ACKNOWLEDGED, note, by, now, outbox, acknowledged_at=now)


def resolve(incident: Incident, by: str, note: str, now: datetime, outbox: str) -> Incident:
    """The record that somebody has resolved it. It is closed when its condition is gone, and reopened by a new event.

    Raises:
        IncidentError: it is resolved or closed.
    """
    if incident.state not in (NEW, ACKNOWLEDGED):
        raise IncidentError(f"{incident.incident_id} is {incident.state} already.")
    return _next(incident, RESOLVED, RESOLVED, note, by, now, outbox, resolved_at=now)


def link(incident: Incident, problem_id: str, by: str, now: datetime, outbox: str) -> Incident:
    """The record that an incident is one of a problem's."""
    note = f"Linked to {problem_id}."
    return _next(incident, "linked", incident.state, note, by, now, outbox, problem_id=problem_id)


def _opened(condition: Condition, number: int, now: datetime, outbox: str) -> Incident:
    kind = KINDS[condition.kind]
    target = TARGETS[kind.priority]
    return Incident(
        incident_id=f"{PREFIX}{number}",
        record=1,
        at=now,
        by=SYSTEM,
        what=OPENED,
        state=NEW,
        note=condition.evidence,
        kind=condition.kind,
        dedup_key=condition.key,
        title=condition.title,
        impact=kind.impact,
        urgency=kind.urgency,
        priority=kind.priority,
        opened_at=now,
        respond_by=now + target.respond,
        resolve_by=now + target.resolve,
        events=1,
        last_event=condition.event,
        besides=condition.besides,
        outbox=outbox,
    )


def _joined(incident: Incident, condition: Condition, now: datetime, outbox: str) -> Incident:
    """A repeated event: it joins the incident, and reopens a resolved one."""
    again = incident.state == RESOLVED
    record = _next(
        incident,
        REOPENED if again else JOINED,
        NEW if again else incident.state,
        condition.evidence,
        SYSTEM,
        now,
        outbox,
        resolved_at=None,
    )
    return replace(record, events=incident.events + 1, last_event=condition.event, besides=condition.besides)


def _next(
    incident: Incident,
    what: str,
    state: str,
    note: str,
    by: str,
    now: datetime,
    outbox: str,
    **changed: datetime | str | None,
) -> Incident:
    record = replace(
        incident, record=incident.record + 1, at=now, by=by, what=what, state=state, note=note, outbox=outbox
    )
    return replace(record, **changed)  # type: ignore[arg-type]
