"""The sensor that opens, joins and closes incidents.

It looks at what is wrong now and compares it with the open incidents, so that a tick that fails or is missed loses
nothing: the next one finds the same.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from churn_assets.automation.daily_records import record_day
from churn_assets.automation.failed_runs import (
    condition,
    ended_runs,
    failed_for_good,
    newest_end,
    solved_runs,
)
from churn_assets.automation.retraining_sensors import degradation_decision
from churn_assets.automation.under_way import job_under_way
from churn_assets.contracts.business import Business
from churn_assets.counts import counted
from churn_assets.graph.partitions import snapshot_months
from churn_assets.history.punctuality import passed_extracts, punctuality
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_of
from churn_assets.operations.channels.health import troubled
from churn_assets.operations.channels.outbox import Outbox
from churn_assets.operations.configuration.items import recorded_days
from churn_assets.operations.incidents.incident import Condition, Incident, current
from churn_assets.operations.incidents.rules import judge
from churn_assets.operations.incidents.store import change, records, tell_records
from churn_assets.serving.status import is_older, write_status
from churn_assets.silver.reconciliation import partial_months

if TYPE_CHECKING:
    from dagster import DagsterInstance

EVERY_SECONDS = 60
NAME = "incidents_sensor"
Found = Condition | tuple[str, str]  # what is wrong, or the key of something that is right, with its evidence


def watch(
    instance: "DagsterInstance", lakehouse: Lakehouse, business: Business, now: datetime
) -> list[Incident]:
    """Judges what is wrong now, adds the records and queues their messages; returns the new records."""
    outbox, lines = Outbox(lakehouse.settings.home_path), business.file.channels
    story, id_ = records(lakehouse), outbox.id
    present = current(story)
    found = list(look(instance, lakehouse, business, outbox, present, now))
    wrong = [one for one in found if isinstance(one, Condition)]
    right = dict(one for one in found if not isinstance(one, Condition))
    new: list[Incident] = []
    if judge(present, wrong, right, now, id_):  # again under the lock, which is seldom needed
        new = change(lakehouse, lambda known: judge(known, wrong, right, now, id_), NAME)
    if lines:
        tell_records([*story, *new], outbox, lines, now)
    return new


def look(
    instance: "DagsterInstance",
    lakehouse: Lakehouse,
    business: Business,
    outbox: Outbox,
    present: Sequence[Incident],
    now: datetime,
) -> Iterator[Found]:
    """Everything that can be judged now."""
    open_ones = [incident for incident in present if incident.is_open]
    runs = ended_runs(instance)
    for run in failed_for_good(runs, now):
        yield condition(instance, run)
    yield from solved_runs(open_ones, runs).items()
    if job_under_way(instance) is None:  # an ingest loads one source after the other
        yield from _late(lakehouse, business, now)
    yield from _degraded(lakehouse, business, open_ones)
    wrong = troubled(outbox, business.file.channels, now)
    for name, told in wrong.items():
        event = f"{outbox.state(name).failing_since or outbox.state(name).undeliverable}"
        title = f"the channel {name} does not deliver"
        yield Condition("message_undeliverable", f"channel:{name}", event, title, told, name)
    for key in (i.dedup_key for i in open_ones if i.kind == "message_undeliverable"):
        if (name := key.removeprefix("channel:")) not in wrong:
            yield key, f"{name} delivers again."


def _late(lakehouse: Lakehouse, business: Business, now: datetime) -> Iterator[Found]:
    """Each source, late or in time; none before the first source has been loaded."""
    passed = passed_extracts(lakehouse)
    begun = min((month_of(day) for days in passed.values() for day in days), default=None)
    if begun is None:
        return
    for source in business.sources:
        extracts = passed.get(source.name, [])
        partial = partial_months(lakehouse, source) if extracts else ()
        found = punctuality(business, source, extracts, now.date(), partial, begun)
        key = f"source:{source.name}"
        if not found.days_late:
            yield key, found.why
            continue
        title = f"{source.name} is {counted(found.days_late, 'day')} late"
        yield Condition("source_late", key, f"{now.date()}", title, found.why)


def _degraded(lakehouse: Lakehouse, business: Business, open_ones: Sequence[Incident]) -> Iterator[Found]:
    """The champion: worse than it was or not, and those that it has replaced."""
    month = snapshot_months(business).get_last_partition_key()
    decision, event = degradation_decision(lakehouse, business, month) if month else (None, "")
    if decision is None or not event:
        return
    version = event.split("-")[1]
    key = f"model:{version}"
    if decision.degraded:
        yield Condition(
            "model_degraded", key, event, f"model version {version} has become worse", decision.reason
        )
    elif decision.degraded is False:
        yield key, decision.reason
    for incident in open_ones:
        if incident.kind == "model_degraded" and incident.dedup_key != key:
            yield incident.dedup_key, f"Version {version} is in charge now."


def incidents_sensor(business: Business) -> dg.SensorDefinition:
    """The sensor. It starts neither Spark nor a run."""

    @dg.sensor(
        name=NAME,
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Opens an incident for a failed run, a late source, a degraded model or a channel that does not "
        "deliver, and closes it with the evidence when it is over. Replaces the status that readers of releases see.",
    )
    def sensor(context: dg.SensorEvaluationContext, lakehouse: dg.ResourceParam[Lakehouse]) -> dg.SkipReason:
        now = datetime.now(UTC)
        new = watch(context.instance, lakehouse, business, now)
        ended = newest_end(context.instance)
        # a run that failed has not replaced the lights of readers itself
        if ended is not None and (new or is_older(lakehouse, ended)):
            write_status(lakehouse, business, now)
        if now.date() not in recorded_days(lakehouse):
            runs = ended_runs(context.instance)
            record_day(lakehouse, business, context.repository_def, runs, now.date(), NAME)
        told = [f"{record.incident_id} {record.what}: {record.title}." for record in new]
        return dg.SkipReason(" ".join(told) or "Nothing has changed.")

    return sensor
