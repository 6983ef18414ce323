"""Reads and writes operations/incidents. Records are only added; an incident is what its last record says."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from churn_assets.contracts.channels import ChannelLine
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.channels.delivery import tell
from churn_assets.operations.channels.outbox import Outbox
from churn_assets.operations.incidents.incident import Condition, Incident, current
from churn_assets.operations.incidents.notices import notice
from churn_assets.operations.incidents.rules import judge
from churn_assets.operations.log.writing import event

TOLD_FOR = timedelta(days=3)


def records(lakehouse: Lakehouse) -> list[Incident]:
    """All records, in the order in which they were added to each incident."""
    if not lakehouse.exists(tables.INCIDENTS):
        return []
    found = [Incident(**row) for row in lakehouse.arrow(tables.INCIDENTS).to_pylist()]
    return sorted(found, key=lambda r: (r.number, r.record))


def incidents(lakehouse: Lakehouse) -> list[Incident]:
    """All incidents as they are now."""
    return current(records(lakehouse))


def change(
    lakehouse: Lakehouse, decide: Callable[[Sequence[Incident]], Sequence[Incident]], by: str
) -> list[Incident]:
    """Adds the records that `decide` makes of the present incidents; one process of a home at a time."""
    with lakehouse.alone_with(tables.INCIDENTS):
        new = list(decide(incidents(lakehouse)))
        if new:
            rows = tables.INCIDENTS.rows([asdict(record) for record in new])
            lakehouse.append_rows(tables.INCIDENTS, rows, run_id=by)
    for one in new:
        body = f"{one.incident_id} {one.priority} {one.what}: {one.title}."
        event(f"incident.{one.what}", body, incident=one.incident_id, kind=one.kind)
    return new


def join(lakehouse: Lakehouse, condition: Condition, outbox: str, now: datetime, by: str) -> list[Incident]:
    """Opens the incident of one condition, or lets its event join it; the other incidents stay as they are."""
    return change(lakehouse, lambda known: judge(known, [condition], {}, now, outbox), by)


def tell_records(
    story: Sequence[Incident], outbox: Outbox, lines: Sequence[ChannelLine], now: datetime
) -> int:
    """Queues what this home's records tell and was not queued yet, also after a crash between both writes.

    Records of the last TOLD_FOR are looked at; the outbox knows the ids of what it has delivered for much longer.
    """
    mine = [r for r in story if r.outbox == outbox.id and now - r.at < TOLD_FOR]
    new = 0
    for record in mine:
        message = notice(record)
        if message is not None:
            new += tell(outbox, lines, [message], record.besides)
    return new
