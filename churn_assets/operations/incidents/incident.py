"""What is wrong now (a condition), and the records of an incident that it opens."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

NEW, ACKNOWLEDGED, RESOLVED, CLOSED = "new", "acknowledged", "resolved", "closed"
OPENED, JOINED, REOPENED = "opened", "joined", "reopened"  # what happened, besides the states themselves


@dataclass(frozen=True)
class Condition:
    """Something that is wrong now.

    Attributes:
        kind: code of the event, see `policy.KINDS`.
        key: what it is about, such as `run:ingest:2026-05`: at most one open incident has this key.
        event: the newest event that tells of it; a new event about an open incident joins it.
        title: what is wrong, in a few words.
        evidence: what was found, with counts, months and ids of runs, and nothing personal.
        besides: the channel that must not be used to tell it, because it is the one that fails.
    """

    kind: str
    key: str
    event: str
    title: str
    evidence: str
    besides: str | None = None


@dataclass(frozen=True)
class Incident:
    """An incident after one of its records; the fields are the columns of operations/incidents."""

    incident_id: str
    record: int
    at: datetime
    by: str
    what: str
    state: str
    note: str
    kind: str
    dedup_key: str
    title: str
    impact: int
    urgency: int
    priority: str
    opened_at: datetime
    respond_by: datetime
    resolve_by: datetime
    events: int
    last_event: str
    besides: str | None
    outbox: str
    acknowledged_at: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    problem_id: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it may still change by itself."""
        return self.state != CLOSED

    @property
    def number(self) -> int:
        """The number in its id."""
        return int(self.incident_id.removeprefix(PREFIX))

    def late(self, now: datetime) -> list[str]:
        """The targets that were missed, by what happened until `now`."""
        found = []
        if (self.acknowledged_at or self.resolved_at or self.closed_at or now) > self.respond_by:
            found.append("response")
        if (self.resolved_at or self.closed_at or now) > self.resolve_by:
            found.append("resolution")
        return found


PREFIX = "INC-"


def current(records: Iterable[Incident]) -> list[Incident]:
    """The incidents as their last records say, in the order of their numbers."""
    newest: dict[str, Incident] = {}
    for found in records:
        if found.incident_id not in newest or newest[found.incident_id].record < found.record:
            newest[found.incident_id] = found
    return sorted(newest.values(), key=lambda i: i.number)
