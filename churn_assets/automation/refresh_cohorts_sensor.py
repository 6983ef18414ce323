"""The sensor that rebuilds the cohorts changed by late extracts and settles labels, for exactly the cohorts concerned.

It replaces automation conditions. Measured with Dagster 1.13.27 on 24 months of two sources and the four layers of
cohorts, conditions have these faults:

- A month that was ingested again with the same data version requested 24 partitions: a condition sees that a parent was
  written, not that it changed.
- A month whose blocking check had failed was built when another month passed: a check has one result for all months.
- One ingested month of six was enough for a snapshot.
- More than one partition becomes a backfill, and its gates hold only within each of its runs.
- No partition mapping expresses which extract settles a label.

So this sensor reads the lake and the event log itself. It starts no JVM, and each request is one gated run.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from churn_assets.automation.changed_cohorts import (
    BEFORE_ALL,
    Knowledge,
    Passed,
    learn,
    newest_changes,
    newest_event,
    overdue,
)
from churn_assets.automation.jobs import MONTH_END_JOB, SETTLE_JOB
from churn_assets.automation.traced_requests import traced
from churn_assets.automation.under_way import job_under_way
from churn_assets.bronze.assets import EXTRACTS
from churn_assets.contracts.business import Business
from churn_assets.features.labels import cohorts
from churn_assets.graph.names import MONTH_END, SETTLE, WHY
from churn_assets.graph.partitions import range_tags, snapshot_months
from churn_assets.history.known_until import known as known_now
from churn_assets.history.known_until import missing_history
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import Table
from churn_assets.months import month_end, month_of, month_range, spans, spoken
from churn_assets.silver.reconciliation import SilverIncomplete, extract_dates

if TYPE_CHECKING:
    from dagster import DagsterInstance

NAME = "refresh_cohorts_sensor"
EVERY_SECONDS = 60
PAGE = 50
COHORT_TABLES = (
    tables.CUSTOMER_SNAPSHOTS,
    tables.CHURN_LABELS,
    tables.CHURN_SCORES,
    tables.CUSTOMER_SEGMENTS,
    tables.MODEL_PERFORMANCE,
    tables.DRIFT,
)
# table -> cohort -> event of the newest materialisation
Written = Mapping[Table, Mapping[str, int]]


@dataclass(frozen=True)
class Seen:
    """The state of the sensor: the last event it read, what had passed silver, and the cohorts with settled labels."""

    event: int
    known: Knowledge
    settled: frozenset[str] = frozenset()

    def cursor(self) -> str:
        """The state as the text of the Dagster cursor."""
        return json.dumps({"event": self.event, "known": self.known, "settled": sorted(self.settled)})

    @classmethod
    def of(cls, cursor: str) -> "Seen":
        """The inverse of `cursor`."""
        content = json.loads(cursor)
        known = {
            source: {month: Passed(*passed) for month, passed in months.items()}
            for source, months in content["known"].items()
        }
        return cls(content["event"], known, frozenset(content["settled"]))


def _latest(instance: "DagsterInstance", table: Table, after: int | None = None) -> Mapping[str, int]:
    """Month -> event of its newest materialisation; with `after`, only of those after that event."""
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    return instance.get_latest_storage_id_by_partition(dg.AssetKey(table.key), kind, after_cursor=after)


def _marks(instance: "DagsterInstance", bronze: Table, passes: Mapping[str, int]) -> dict[str, str]:
    """Month -> digest of the files in bronze when the month passed silver; the bronze event if it has no digest."""
    wanted, cursor, found = dict(passes), None, {}
    while wanted:
        chosen = dg.AssetRecordsFilter(
            dg.AssetKey(bronze.key), sorted(wanted), before_storage_id=max(wanted.values())
        )
        page = instance.fetch_materializations(chosen, PAGE, cursor=cursor)
        for record in page.records:
            month, event = str(record.partition_key), record.asset_materialization
            if month in wanted and record.storage_id < wanted[month] and event is not None:
                mark = event.metadata.get(EXTRACTS)
                found[month] = str(mark.value if mark else record.storage_id)
                del wanted[month]
        if not page.has_more:
            break
        cursor = page.cursor
    return found


def look(instance: "DagsterInstance", business: Business, before: Seen | None) -> Seen:
    """What has passed silver, from the event log. A month of a source passes when its silver table is written."""
    since = before.event if before else None
    passes = {source.name: _latest(instance, tables.silver(source), since) for source in business.sources}
    marks = {s.name: _marks(instance, tables.bronze(s), passes[s.name]) for s in business.sources}
    known = learn(before.known if before else None, passes, marks)
    event = max([before.event if before else 0, *(e for months in passes.values() for e in months.values())])
    return Seen(event, known, before.settled if before else frozenset())


def written_cohorts(instance: "DagsterInstance") -> Written:
    """Which tables were written for which cohort, and when."""
    return {table: _latest(instance, table) for table in COHORT_TABLES}


def built_cohorts(written: Written) -> dict[str, int]:
    """Cohort -> event of the table that was written longest ago, of the tables written for this cohort."""
    cohorts_of = written[tables.CUSTOMER_SNAPSHOTS]
    return {c: min(months[c] for months in written.values() if c in months) for c in cohorts_of}


def unscored_cohorts(written: Written) -> set[str]:
    """Cohorts newer than the newest scored one: their month-end run failed after the snapshots."""
    newest = max(written[tables.CHURN_SCORES], default=None)
    return {c for c in written[tables.CUSTOMER_SNAPSHOTS] if newest is not None and c > newest}


def unjudged_cohorts(written: Written) -> set[str]:
    """Scored cohorts whose labels are newer than their monitoring tables: a run failed after the labels."""
    judged = [written[tables.MODEL_PERFORMANCE], written[tables.DRIFT]]
    return {
        c
        for c, labelled in written[tables.CHURN_LABELS].items()
        if c in written[tables.CHURN_SCORES]
        and min(months.get(c, BEFORE_ALL) for months in judged) < labelled
    }


def settling_months(lakehouse: Lakehouse, business: Business, months: Iterable[str]) -> dict[str, str]:
    """Cohort that an extract of the label source settles -> month of that extract."""
    try:
        extracts = extract_dates(lakehouse, business.label_source)
    except SilverIncomplete:
        return {}
    dates = cohorts(map(month_end, sorted(months)), business.file.windows, extracts)
    return {month_of(c.as_of_date): month_of(c.label_available_at) for c in dates if c.mature}


def pending_cohorts(lakehouse: Lakehouse, months: Iterable[str]) -> tuple[set[str], set[str]]:
    """The cohorts with pending labels and the cohorts with settled labels; one without rows is in neither set."""
    from pyarrow import compute as pc

    chosen = pc.field("as_of_date").isin([month_end(month) for month in months])
    by = ["as_of_date", "outcome"]
    rows = lakehouse.aggregate(tables.CHURN_LABELS, by, [("outcome", "count")], chosen).to_pylist()
    pending = {month_of(row["as_of_date"]) for row in rows if row["outcome"] == "pending"}
    return pending, {month_of(row["as_of_date"]) for row in rows} - pending


def _due(
    lakehouse: Lakehouse, business: Business, seen: Seen, written: Written, now: datetime
) -> tuple[list[dg.RunRequest], list[str], Seen]:
    """The runs to request, a line per cohort that waits for extracts, and the state to remember."""
    closed, built = list(snapshot_months(business).get_partition_keys()), built_cohorts(written)
    changes = newest_changes(business, seen.known, {*built, *closed})
    anew = {c for c, event in built.items() if changes[c] > event}
    anew |= {*overdue(business, built, closed, now), *unscored_cohorts(written)}
    until = settling_months(lakehouse, business, changes)
    settle: set[str] = set()
    unsure = [c for c in built if c in until and c not in seen.settled]
    if unsure and lakehouse.exists(tables.CHURN_LABELS):
        pending, settled = pending_cohorts(lakehouse, unsure)
        seen = replace(seen, settled=seen.settled | settled)
        settle = pending
    settle |= unjudged_cohorts(written) & seen.settled & until.keys()
    settle -= anew  # rebuilding a cohort settles its labels too
    now_known, waiting = known_now(lakehouse, business), []

    def complete(cohort: str, back: bool) -> bool:
        """Whether silver has the months that the snapshots read, and those that the labels need if they can settle."""
        missing = missing_history(business, now_known, cohort, until.get(cohort, cohort), back)
        if missing:
            listed = "; ".join(f"{name} {spoken(months)}" for name, months in missing.items())
            waiting.append(f"{cohort} waits for {listed}")
        return not missing

    def change(first: str, last: str) -> int:
        """The newest change of the extracts that settle these cohorts."""
        return newest_event(seen.known, month_range(first, until[last]))

    requests = [
        dg.RunRequest(
            job_name=MONTH_END,
            run_key=f"late-{first}-{last}-{max(changes[c] for c in month_range(first, last))}",
            tags=range_tags([first, last]) | {WHY: "extracts came late or changed"},
        )
        for first, last in spans(c for c in sorted(anew) if complete(c, back=True))
    ]
    requests += [
        dg.RunRequest(
            job_name=SETTLE,
            run_key=f"settled-{first}-{last}-{change(first, last)}-{now:%Y-%m-%d}",
            tags=range_tags([first, last]) | {WHY: f"extracts of {until[last]} settle the labels"},
        )
        for first, last in spans(c for c in sorted(settle) if complete(c, back=False))
    ]
    return requests, waiting, seen


def refresh_cohorts_sensor(business: Business) -> dg.SensorDefinition:
    """A sensor that requests the cohorts changed by late data, and labels and quality of the cohorts that settle.

    It is level-triggered. A cohort is rebuilt as long as one of its tables is older than the newest change of its
    inputs, or it is newer than every scored cohort. A cohort is settled as long as its labels are pending, or newer
    than its monitoring tables. So the sensor catches up at once after it was off.

    It requests nothing twice. It waits while a run is under way, and a run key names the change, so that a failed run
    is not repeated before something changes. For a cohort that settles nothing may ever change again, so there the run
    key also names the day: one try a day, as with a training.
    """

    @dg.sensor(
        name=NAME,
        jobs=[MONTH_END_JOB, SETTLE_JOB],
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Rebuilds exactly the cohorts whose inputs late or changed extracts change, and settles labels as soon as "
            "an extract allows. Each cohort waits until silver has every month that it needs, of every source."
        ),
    )
    def sensor(
        context: dg.SensorEvaluationContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.SensorResult:
        instance = context.instance
        before = Seen.of(context.cursor) if context.cursor else None
        busy = job_under_way(instance)
        if busy and before:
            return dg.SensorResult(skip_reason=f"{busy} is under way; this sensor looks again after it.")
        seen = look(instance, business, before)
        if busy or not lakehouse.exists(tables.RECONCILIATION):
            told = f"{busy} is under way." if busy else "Nothing has passed silver yet."
            return dg.SensorResult(skip_reason=told, cursor=seen.cursor())
        requests, waiting, seen = _due(
            lakehouse, business, seen, written_cohorts(instance), datetime.now(UTC)
        )
        told = "; ".join(waiting) or "Every cohort is newer than what it is made of, and no label is due."
        return dg.SensorResult(
            run_requests=[traced(request, NAME) for request in requests],
            skip_reason=None if requests else told,
            cursor=seen.cursor(),
        )

    return sensor
