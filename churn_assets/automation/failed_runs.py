"""Which runs have failed for good: the newest run of a job and its months failed, and no retry is to come."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2s
from typing import TYPE_CHECKING

import dagster as dg

from churn_assets.graph.partitions import months_of_tags
from churn_assets.operations.incidents.incident import Condition, Incident
from churn_assets.silver.assets import ROWS_ACCOUNTED_FOR

if TYPE_CHECKING:
    from dagster import DagsterInstance

LOOK_BACK = timedelta(days=7)  # an older failure opens no incident
PAGE = 200
BY_HAND = "__ASSET_JOB"  # Dagster's name of the job that materialises chosen assets
WILL_RETRY = "dagster/will_retry"
RETRY_WITHIN = timedelta(hours=1)
ENDED = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE])


@dataclass(frozen=True)
class EndedRun:
    """A run that succeeded or failed.

    Attributes:
        work: the job, or `assets-` and a digest of the assets that a person chose.
        first, last: its months; empty for a run without months.
        retried: Dagster will try again.
    """

    run_id: str
    work: str
    first: str
    last: str
    ended: datetime
    succeeded: bool
    retried: bool

    @property
    def key(self) -> str:
        """What an incident about it is about."""
        return f"run:{self.work}:{self.first}:{self.last}"

    @property
    def told(self) -> str:
        """The work in words."""
        work = "chosen assets" if self.work.startswith("assets-") else self.work
        if not self.first:
            return work
        return f"{work} for {self.first}" + (f" to {self.last}" if self.last != self.first else "")


def newest_end(instance: "DagsterInstance") -> datetime | None:
    """When the newest run that succeeded or failed ended; None before the first."""
    for record in instance.get_run_records(ENDED, limit=1, order_by="update_timestamp"):
        return datetime.fromtimestamp(record.end_time or record.update_timestamp.timestamp(), UTC)
    return None


def ended_runs(instance: "DagsterInstance") -> list[EndedRun]:
    """The newest runs that succeeded or failed, in the order of their ends."""
    found = []
    for record in instance.get_run_records(ENDED, limit=PAGE):
        run, tags = record.dagster_run, record.dagster_run.tags
        assets = ",".join(sorted(key.to_user_string() for key in run.asset_selection or ()))
        by_hand = run.job_name == BY_HAND
        first, last = months_of_tags(tags)
        found.append(
            EndedRun(
                run.run_id,
                f"assets-{blake2s(assets.encode(), digest_size=6).hexdigest()}" if by_hand else run.job_name,
                first,
                last,
                datetime.fromtimestamp(record.end_time or record.update_timestamp.timestamp(), UTC),
                run.status == dg.DagsterRunStatus.SUCCESS,
                tags.get(WILL_RETRY) == "true",
            )
        )
    return sorted(found, key=lambda run: run.ended)


def failed_for_good(runs: Sequence[EndedRun], now: datetime) -> Iterator[EndedRun]:
    """The newest failure of each work and months that no later run made good and that is not tried again."""
    for run in {run.key: run for run in runs if not run.succeeded}.values():
        waits = run.retried and now - run.ended < RETRY_WITHIN
        if now - run.ended < LOOK_BACK and not waits and made_good(run.key, runs, run.ended) is None:
            yield run


def made_good(key: str, runs: Iterable[EndedRun], since: datetime) -> EndedRun | None:
    """The first success, after a moment, of the work that a key names, over all its months."""
    _, work, first, last = key.split(":")
    return next(
        (
            run
            for run in runs
            if run.succeeded
            and run.work == work
            and run.ended > since
            and run.first <= first
            and run.last >= last
        ),
        None,
    )


def condition(instance: "DagsterInstance", run: EndedRun) -> Condition:
    """The run as a condition; its evidence names steps and checks, and never what an exception says."""
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.ASSET_CHECK_EVALUATION}
    steps, checks = [], []
    for record in instance.get_records_for_run(run.run_id, of_type=kinds).records:
        event = record.event_log_entry.get_dagster_event()
        if event.is_step_failure:
            steps.append(str(event.step_key).replace("__", "/"))
        elif not (found := event.asset_check_evaluation_data).passed:
            checks.append(f"{found.check_name} of {found.asset_key.to_user_string()}")
    where = f"at {', '.join(steps)}" if steps else "before a step began, or its process died"
    told = f"Run {run.run_id[:8]} of {run.told} failed {where}."
    if checks:
        told += f" Failed checks: {', '.join(checks)}."
    kind = "manual_run_failed" if run.work.startswith("assets-") else "run_failed"
    if any(check.startswith(f"{ROWS_ACCOUNTED_FOR} ") for check in checks):
        kind = "balance_broken"
    return Condition(kind, run.key, run.run_id, f"{run.told} failed", told)


def solved_runs(open_ones: Iterable[Incident], runs: Sequence[EndedRun]) -> dict[str, str]:
    """Key -> evidence, for the open incidents about runs that a later run made good."""
    ends = {run.run_id: run.ended for run in runs}
    found = {}
    for incident in open_ones:
        if incident.dedup_key.startswith("run:"):
            since = ends.get(incident.last_event, incident.opened_at)
            if good := made_good(incident.dedup_key, runs, since):
                told = f"Run {good.run_id[:8]} of {good.told} succeeded at {good.ended:%Y-%m-%d %H:%M} UTC."
                found[incident.dedup_key] = told
    return found
