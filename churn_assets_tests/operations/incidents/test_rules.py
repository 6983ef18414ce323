"""When an incident is opened, joined, reopened and closed; all of it pure."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from churn_assets.operations.incidents.incident import Condition, Incident, current
from churn_assets.operations.incidents.notices import notice
from churn_assets.operations.incidents.policy import KINDS, priority
from churn_assets.operations.incidents.rules import IncidentError, acknowledge, judge, link, resolve

NOW = datetime(2026, 6, 1, 3, 0, tzinfo=UTC)
LATE = Condition(
    "source_late", "source:usage", "2026-06-01", "usage is 1 day late", "usage: was due on 2026-05-31."
)
SOLVED = {"source:usage": "usage: in time."}


def after(known: list[Incident], new: list[Incident]) -> list[Incident]:
    """The incidents once the new records are there."""
    return current([*known, *new])


def opened() -> list[Incident]:
    return judge([], [LATE], {}, NOW, "box")


def test_a_condition_opens_one_incident_with_priority_and_targets() -> None:
    [record] = opened()
    assert (record.incident_id, record.record, record.what, record.state) == ("INC-1", 1, "opened", "new")
    assert (record.priority, record.impact, record.urgency) == ("P3", 2, 2)
    assert record.respond_by == NOW + timedelta(hours=4)
    assert record.resolve_by == NOW + timedelta(hours=24)
    assert record.note == LATE.evidence
    assert judge([record], [LATE], {}, NOW + timedelta(hours=1), "box") == [], "the same again adds nothing"


def test_a_repeated_event_joins_the_open_incident() -> None:
    again = replace(LATE, event="2026-06-02", evidence="2 days.")
    [record] = judge(opened(), [again], {}, NOW + timedelta(days=1), "box")
    assert (record.incident_id, record.what, record.state, record.events) == ("INC-1", "joined", "new", 2)
    assert record.opened_at == NOW
    assert notice(record) is None, "a repetition disturbs nobody"


def test_what_is_over_is_closed_with_the_evidence() -> None:
    [record] = judge(opened(), [], SOLVED, NOW + timedelta(hours=2), "box")
    assert (record.what, record.state, record.note) == ("closed", "closed", "usage: in time.")
    assert record.closed_at == NOW + timedelta(hours=2)
    assert judge([record], [], SOLVED, NOW, "box") == []


def test_what_is_not_known_to_be_over_stays_open() -> None:
    assert judge(opened(), [], {}, NOW + timedelta(days=30), "box") == []
    assert judge(opened(), [], {"source:tickets": "in time"}, NOW, "box") == []


def test_after_a_closed_incident_the_next_one_is_a_new_one() -> None:
    closed = judge(opened(), [], SOLVED, NOW, "box")
    [record] = judge(closed, [replace(LATE, event="later")], {}, NOW, "box")
    assert record.incident_id == "INC-2"


def test_a_resolved_incident_is_closed_by_evidence_and_reopened_by_a_new_event() -> None:
    known = opened()
    worked_on = acknowledge(known[0], "ann", "I look.", NOW + timedelta(minutes=5), "box")
    assert (worked_on.state, worked_on.by) == ("acknowledged", "ann")
    with pytest.raises(IncidentError, match="INC-1 is acknowledged already"):
        acknowledge(worked_on, "bob", "", NOW, "box")
    done = resolve(worked_on, "ann", "Asked for it.", NOW + timedelta(hours=1), "box")
    assert judge([done], [LATE], {}, NOW + timedelta(hours=2), "box") == [], "no news since it was resolved"
    [again] = judge([done], [replace(LATE, event="2026-06-02")], {}, NOW + timedelta(days=1), "box")
    assert (again.what, again.state, again.resolved_at) == ("reopened", "new", None)
    [closed] = judge([done], [], SOLVED, NOW + timedelta(hours=3), "box")
    assert closed.state == "closed"
    [quiet] = judge([done], [], {}, NOW + timedelta(days=4), "box")
    assert quiet.note == "Resolved since 2026-06-01, and nothing was heard of it again."
    with pytest.raises(IncidentError, match="closed already"):
        resolve(closed, "ann", "", NOW, "box")


def test_missed_targets_are_named() -> None:
    [record] = opened()
    assert record.late(NOW + timedelta(hours=4)) == []
    assert record.late(NOW + timedelta(hours=5)) == ["response"]
    in_time = acknowledge(record, "ann", "", NOW + timedelta(hours=1), "box")
    assert in_time.late(NOW + timedelta(hours=25)) == ["resolution"]


def test_priorities_follow_the_matrix() -> None:
    assert [priority(i, u) for i in (1, 2, 3) for u in (1, 2, 3)] == [  # type: ignore[arg-type]
        *("P1", "P2", "P3"),
        *("P2", "P3", "P4"),
        *("P3", "P4", "P4"),
    ]
    assert {kind.priority for kind in KINDS.values() if kind.type == "exception"} == {"P1", "P3", "P4"}


def test_the_message_says_what_until_when_and_where_to_look() -> None:
    [record] = opened()
    told = notice(record)
    assert told is not None
    assert (told.rule, told.subject, told.topic, told.at_once) == ("source_late", "INC-1", "incidents", True)
    assert told.title == "INC-1 P3: usage is 1 day late"
    assert told.facts["Look"] == "churn-assets check"
    assert told.facts["Acknowledge by"] == "2026-06-01 07:00 UTC"
    assert told.customer_key is None and not told.personal
    [closed] = judge(opened(), [], SOLVED, NOW, "box")
    over = notice(closed)
    assert over is not None and over.title.endswith(" - over") and over.severity == "info"
    assert over.id != told.id


def test_incidents_of_one_cause_are_linked_to_a_problem() -> None:
    record = link(opened()[0], "PRB-1", "ann", NOW, "box")
    assert (record.what, record.state, record.problem_id) == ("linked", "new", "PRB-1")
    assert after(opened(), [record])[0].problem_id == "PRB-1"
