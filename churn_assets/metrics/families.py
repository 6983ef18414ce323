"""The metric families, each a name, a meaning and its samples."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.history.punctuality import passed_extracts, punctuality
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.metrics.newest_steps import FAILED, newest_steps
from churn_assets.months import month_of
from churn_assets.operations.channels.outbox import opened
from churn_assets.operations.incidents.store import incidents
from churn_assets.operations.log.writing import log_folder
from churn_assets.operations.service_levels.levels import recorded_levels
from churn_assets.silver.reconciliation import partial_months

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from prometheus_client.core import GaugeMetricFamily

Sample = tuple[tuple[str, ...], float | None]  # values of the labels, and the figure; None: not known
OUTCOMES = ("delivered", "accepted", "duplicate", "quarantined")
NEWEST_RUNS = 200
WAITING = {
    "queued": [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED],
    "running": [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED],
}


def gauge(name: str, meaning: str, labels: tuple[str, ...], samples: Iterable[Sample]) -> "GaugeMetricFamily":
    """A family; samples that are not known are left out."""
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(f"churn_{name}", meaning, labels=labels)
    for values, figure in samples:
        if figure is not None:
            family.add_metric(values, float(figure))
    return family


def families(
    lakehouse: Lakehouse, business: Business, instance: "DagsterInstance | None", now: datetime
) -> "Iterator[GaugeMetricFamily]":
    """All families.

    Args:
        lakehouse: of the home.
        business: its sources and channels.
        instance: Dagster's records; None before the first run.
        now: UTC.
    """
    yield from _steps(lakehouse, now)
    if instance is not None:
        yield from _runs(instance)
    yield from _sources(lakehouse, business, now)
    yield from _tables(lakehouse, business)
    yield from _levels(lakehouse)
    yield from _records(lakehouse, business)


def _steps(lakehouse: Lakehouse, now: datetime) -> "Iterator[GaugeMetricFamily]":
    steps = newest_steps(lakehouse, now.date())
    told = {
        "rows": "Rows that the last step of the asset has written.",
        "seconds": "How long the last step of the asset took.",
        "cpu_seconds": "CPU time of Python in the last step of the asset.",
        "peak_memory_bytes": "The most memory that the process of the last step had until its end.",
    }
    for name, meaning in told.items():
        yield gauge(f"step_{name}", meaning, ("asset",), [((a,), row[name]) for a, row in steps.items()])
    failed: list[Sample] = [((a,), float(row["kind"] == FAILED)) for a, row in steps.items()]
    yield gauge("step_failed", "1 if the last step of the asset failed.", ("asset",), failed)
    succeeded: list[Sample] = [
        ((a,), row["succeeded_at"] and row["succeeded_at"].timestamp()) for a, row in steps.items()
    ]
    meaning = "When a step of the asset last succeeded."
    yield gauge("step_succeeded_timestamp_seconds", meaning, ("asset",), succeeded)


def _runs(instance: "DagsterInstance") -> "Iterator[GaugeMetricFamily]":
    ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    newest: dict[tuple[str, ...], dg.RunRecord] = {}
    for record in instance.get_run_records(dg.RunsFilter(statuses=ended), limit=NEWEST_RUNS):
        newest.setdefault((record.dagster_run.job_name,), record)
    failed: list[Sample] = []
    took: list[Sample] = []
    waited: list[Sample] = []
    at: list[Sample] = []
    for job, record in newest.items():
        start, end = record.start_time, record.end_time
        failed.append((job, float(record.dagster_run.status == dg.DagsterRunStatus.FAILURE)))
        took.append((job, end - start if start and end else None))
        waited.append((job, max(0.0, start - record.create_timestamp.timestamp()) if start else None))
        at.append((job, end))
    yield gauge("run_failed", "1 if the last run of the job failed.", ("job",), failed)
    yield gauge("run_seconds", "How long the last run of the job took.", ("job",), took)
    yield gauge(
        "run_queue_seconds", "How long the last run of the job waited for its start.", ("job",), waited
    )
    yield gauge("run_ended_timestamp_seconds", "When the last run of the job ended.", ("job",), at)
    counts: list[Sample] = [
        ((state,), instance.get_runs_count(dg.RunsFilter(statuses=statuses)))
        for state, statuses in WAITING.items()
    ]
    yield gauge("runs", "Runs that wait in the queue, and runs that run.", ("state",), counts)


def _sources(lakehouse: Lakehouse, business: Business, now: datetime) -> "Iterator[GaugeMetricFamily]":
    late: list[Sample] = []
    newest: list[Sample] = []
    passed = passed_extracts(lakehouse)
    begun = min((month_of(day) for days in passed.values() for day in days), default=None)
    for source in business.sources if begun else ():
        extracts = passed.get(source.name, [])
        partial = partial_months(lakehouse, source) if extracts else ()
        found = punctuality(business, source, extracts, now.date(), partial, begun)
        late.append(((source.name,), found.days_late))
        if found.newest_extract is not None:
            moment = datetime.combine(found.newest_extract, time.min, UTC)
            newest.append(((source.name,), moment.timestamp()))
    yield gauge("source_days_late", "Days since the deadline of the contract; 0: in time.", ("source",), late)
    meaning = "Date of the newest extract that passed silver."
    yield gauge("source_newest_extract_timestamp_seconds", meaning, ("source",), newest)
    rows: list[Sample] = []
    refused: list[Sample] = []
    if lakehouse.exists(tables.RECONCILIATION):
        columns = ["source", "extract_month", "refused_by", *OUTCOMES]
        story = lakehouse.arrow(tables.RECONCILIATION, columns).to_pylist()
        newest_of = {row["source"]: row for row in sorted(story, key=lambda row: str(row["extract_month"]))}
        rows = [((name, what), row[what]) for name, row in newest_of.items() for what in OUTCOMES]
        refused = [
            ((n,), sum(r["source"] == n and r["refused_by"] is not None for r in story)) for n in newest_of
        ]
    meaning = "Rows of the newest month of the source: delivered, accepted, duplicate, quarantined."
    yield gauge("source_rows", meaning, ("source", "outcome"), rows)
    yield gauge(
        "source_refused_months", "Months of the source that a rule refuses now.", ("source",), refused
    )


def _tables(lakehouse: Lakehouse, business: Business) -> "Iterator[GaugeMetricFamily]":
    present = [table for table in tables.catalogue(business) if lakehouse.exists(table)]
    sizes: list[Sample] = [((table.path,), lakehouse.size(table)) for table in present]
    yield gauge("table_bytes", "Size of the table's current version.", ("table",), sizes)


def _levels(lakehouse: Lakehouse) -> "Iterator[GaugeMetricFamily]":
    rows = recorded_levels(lakehouse)
    newest = max((row["day"] for row in rows), default=None)
    now = [row for row in rows if row["day"] == newest]
    kept: list[Sample] = [((r["objective"],), r["good"] / r["total"] if r["total"] else None) for r in now]
    yield gauge("service_level_ratio", "Share that kept the promise, in the window.", ("objective",), kept)
    target: list[Sample] = [((r["objective"],), r["target"]) for r in now]
    yield gauge("service_level_target_ratio", "Share that must keep it.", ("objective",), target)
    left: list[Sample] = [((r["objective"],), r["budget_left"]) for r in now]
    meaning = "Share of the allowed failures that is left; below 0 the objective is breached."
    yield gauge("service_level_budget_left_ratio", meaning, ("objective",), left)


def _records(lakehouse: Lakehouse, business: Business) -> "Iterator[GaugeMetricFamily]":
    open_ones = [incident for incident in incidents(lakehouse) if incident.is_open]
    by_priority: list[Sample] = [
        ((priority,), sum(i.priority == priority for i in open_ones)) for priority in ("P1", "P2", "P3", "P4")
    ]
    yield gauge("incidents_open", "Incidents that are not closed.", ("priority",), by_priority)
    outbox = opened(lakehouse.settings.home_path)
    waiting: list[Sample] = []
    failing: list[Sample] = []
    for line in business.file.channels if outbox else ():
        state = outbox.state(line.name)  # type: ignore[union-attr]
        waiting.append(((line.name,), state.waiting + state.undeliverable))
        failing.append(((line.name,), float(state.failing_since is not None)))
    yield gauge(
        "channel_messages_waiting", "Messages that the channel has not accepted.", ("channel",), waiting
    )
    yield gauge("channel_failing", "1 while the channel takes nothing.", ("channel",), failing)
    files = [file.stat().st_size for file in log_folder(lakehouse.settings).glob("*.jsonl")]
    yield gauge("log_bytes", "Size of the log's files in this home.", (), [((), sum(files))])
