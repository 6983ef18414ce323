"""Runs a job over a range of months in this process and shows its progress.

The run is in the Dagster instance of the home, so the UI shows it like any other.
"""

import logging
import os
import re
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from queue import SimpleQueue
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import dagster as dg
from rich.console import Console

from churn_assets import trace
from churn_assets.abandoned_runs import HOLDS_LOCK, alive, end_abandoned, told
from churn_assets.contracts.loader import load_business
from churn_assets.definitions import build_defs, tracking_of
from churn_assets.deployment.dagster_home import prepare_dagster_home
from churn_assets.graph.as_of_day import ASKED_DAY
from churn_assets.graph.names import CHURN_MODEL, DAILY, EXTRACT
from churn_assets.graph.partitions import range_tags
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.engine.session import prepare, running_tasks
from churn_assets.operations.log import writing as log
from churn_assets.reporting.progress_display import Display, display_on
from churn_assets.settings import Settings
from churn_assets.tracking.tracking import Tracking

if TYPE_CHECKING:
    from dagster import DagsterInstance, EventLogEntry, ExecuteInProcessResult

POLL_SECONDS = 0.5
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}  # events are in the UI
DISK_FULL = "No space left on device"  # as the operating system, Spark and Arrow say it
FREE_SPACE = "the disk is full. Free some space, or move CHURN_HOME; then run the same months again."
OUR_CLASS = re.compile(r"\Achurn_assets(?:\.\w+)+: ")  # how Dagster begins the text of an error
STEP_ENDS = {dg.DagsterEventType.STEP_SUCCESS, dg.DagsterEventType.STEP_FAILURE}
STEP_EVENTS = {dg.DagsterEventType.STEP_START, *STEP_ENDS}


class RunError(RuntimeError):
    """A Dagster run failed. The message is that of the failed step, with the id of the run.

    Attributes:
        done: what its steps did, those that succeeded included; None if it did not run in this process.
    """

    def __init__(self, message: str, done: "ExecuteInProcessResult | None" = None) -> None:
        super().__init__(message)
        self.done = done


class MonthsError(ValueError):
    """The job has no such month. The message names the months that it has."""


@contextmanager
def dagster_instance(settings: Settings, console: Console | None = None) -> "Iterator[DagsterInstance]":
    """The Dagster instance in <home>/dagster, created if it does not exist.

    Runs of killed processes are marked as failed first, and told on the console.
    """
    os.environ["DAGSTER_HOME"] = str(prepare_dagster_home(settings))
    log.start(settings)
    with dg.DagsterInstance.get() as instance:
        for run in end_abandoned(instance, settings):
            if console is not None:
                console.print(told(run), markup=False, highlight=False)
        yield instance


def _failures(result: "ExecuteInProcessResult") -> str:
    """What the failed steps say, each reason once: sources may fail for reasons of their own, or all for the same."""
    told: dict[str, list[str]] = {}
    for event in result.all_events:
        if event.is_step_failure:
            told.setdefault(_failure(event), []).append(str(event.step_key).replace("__", "/"))
    lines = [f"{', '.join(steps)}: {why}" for why, steps in told.items()]
    return "\n".join(lines) or "the run failed before a step started; see its events in the UI"


def _failure(event: dg.DagsterEvent) -> str:
    """Why a step failed; an error of this software without the name of its class."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    text = OUR_CLASS.sub("", error.message.strip()) if error else "unknown error"
    if DISK_FULL in text:
        return FREE_SPACE
    described = event.step_failure_data.user_failure_data
    return described.description if described and described.description else text


def _follow(worker: threading.Thread, steps: "SimpleQueue[EventLogEntry]", display: Display) -> None:
    """Shows the steps of a run on the display until the thread of the run ends.

    Args:
        worker: the thread of the run.
        steps: receives every event of the run. Asking the storage for them twice a second costs more than some steps.
        display: shows them.
    """
    alive = True
    while alive:
        worker.join(POLL_SECONDS)
        display.count(running_tasks())
        alive = worker.is_alive()  # read before the last look, so that no event is missed
        while not steps.empty():
            entry = steps.get()
            event = entry.dagster_event
            if event is None or event.event_type not in STEP_EVENTS:
                continue
            tell = display.end if event.event_type in STEP_ENDS else display.begin
            tell(str(event.step_key).replace("__", "/"), entry.timestamp)


def _cancel(instance: "DagsterInstance", run_id: str, tracking: Tracking | None) -> None:
    """Marks an interrupted run as canceled in Dagster, and the MLflow run of its training as failed.

    The thread of the run dies with the process, and Dagster itself would need a day to end the run.

    Args:
        tracking: where the training of this run is logged; None if the run contains no training.
    """
    run = instance.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        instance.report_run_canceled(run, "Interrupted in the process that ran it.")
    if tracking is not None:
        tracking.end_run_of(run_id)


def _log_run(
    about: Mapping[str, Any], crash: Sequence[BaseException], done: "Sequence[ExecuteInProcessResult]"
) -> None:
    """Logs how a run of this process ended."""
    job = about["job"]
    if done and done[0].success:
        log.event("run.ended", f"The run {job} ended.", **about)
    else:
        error = crash[0] if crash else None
        log.event("run.failed", f"The run {job} failed.", level=logging.ERROR, error=error, **about)


def require_months(settings: Settings, jobs: Sequence[str], months: Sequence[str]) -> None:
    """Checks that every job has these months, before the first of them runs.

    Raises:
        MonthsError: no months, or a month that is not a partition of a job.
    """
    for job in jobs:
        _job_of(settings, job, months)


def _job_of(settings: Settings, job: str, months: Sequence[str]) -> dg.JobDefinition:
    """The job, which has these months; MonthsError otherwise, or if the business has no such job."""
    business = load_business(settings.business_path)
    if job == EXTRACT and not any(source.origin for source in business.sources):
        raise MonthsError(
            f"No source of {business.name} is asked, all are delivered as files, so there is nothing to extract."
        )
    definition = build_defs(settings).resolve_job_def(job)
    partitions = definition.partitions_def
    known = list(partitions.get_partition_keys()) if partitions else []
    wrong = [month for month in months if month not in known]
    if wrong or not months:
        some = f"{', '.join(wrong[:3])}{f' and {len(wrong) - 3} more' if len(wrong) > 3 else ''}"
        verb = "are no months" if len(wrong) > 1 else "is not a month"
        span = f"{known[0]} to {known[-1]}" if known else "none"
        raise MonthsError(f"{some or 'No month'} {verb} of {job}; it has {span}.")
    return definition


def run_job(
    instance: "DagsterInstance",
    settings: Settings,
    job: str,
    months: Sequence[str],
    console: Console | None,
    tags: Mapping[str, str] | None = None,
    layers: Sequence[str] = (),
) -> "ExecuteInProcessResult":
    """Runs `job` once for all `months` (contiguous), with a progress display if there is a console.

    `layers`: computes only what the job has of these layers (first parts of keys); none: all of it.

    After an interrupt (Ctrl-C) the run is canceled and the MLflow run of its training is failed.

    Raises:
        MonthsError: no months, or a month that is not a partition of the job; nothing was started.
        JarsError: the Delta jars are not available; nothing was started.
        RunError: a step failed; with the message of the step and the id of the run.
    """
    definition = _job_of(settings, job, months)
    about = {"job": job, "months": f"{months[0]} to {months[-1]}"}
    if layers:
        definition = _within(definition, layers)
    return _run(instance, settings, definition, about, console, range_tags(months) | dict(tags or {}))


def _within(definition: dg.JobDefinition, layers: Sequence[str]) -> dg.JobDefinition:
    """The job, cut to its assets of these layers and their checks."""
    keys = definition.asset_layer.selected_asset_keys
    return definition.get_subset(asset_selection={key for key in keys if key.path[0] in layers})


def run_daily(
    instance: "DagsterInstance",
    settings: Settings,
    console: Console | None,
    as_of: date | None = None,
    tags: Mapping[str, str] | None = None,
) -> "ExecuteInProcessResult":
    """Runs the job `daily` once, as of a day, by default the last whole day that is known; see `run_job`.

    Raises:
        JarsError: the Delta jars are not available; nothing was started.
        RunError: a step failed; with the message of the step and the id of the run.
    """
    definition = build_defs(settings).resolve_job_def(DAILY)
    asked = {"resources": {ASKED_DAY: {"config": {"as_of": str(as_of)}}}} if as_of else {}
    about = {"job": DAILY, "as_of_date": str(as_of or "newest")}
    return _run(instance, settings, definition, about, console, dict(tags or {}), asked)


def day_of_run(done: "ExecuteInProcessResult") -> date:
    """The as_of_date that a run of the job `daily` computed."""
    told = (event.materialization for event in done.get_asset_materialization_events())
    snapshot = next(one for one in told if one.asset_key == dg.AssetKey(tables.CURRENT_SNAPSHOT.key))
    return date.fromisoformat(str(snapshot.metadata["as_of_date"].value))


def _run(
    instance: "DagsterInstance",
    settings: Settings,
    definition: dg.JobDefinition,
    about: Mapping[str, Any],
    console: Console | None,
    tags: Mapping[str, str],
    run_config: Mapping[str, Any] = MappingProxyType({}),
) -> "ExecuteInProcessResult":
    """Runs a job in a thread of this process, with a progress display if there is a console."""
    job = definition.name
    prepare(settings, console)  # before the display of the run starts, and once instead of in every step
    total = len(definition.graph.node_dict)
    traced = {trace.TRACE_TAG: trace.current()} if trace.current() else {}
    done: list[ExecuteInProcessResult] = []
    crash: list[BaseException] = []
    run_id = str(uuid.uuid4())
    steps: SimpleQueue[EventLogEntry] = SimpleQueue()
    instance.add_event_listener(run_id, steps.put)

    def work() -> None:
        try:
            done.append(
                definition.execute_in_process(
                    instance=instance,
                    tags=HOLDS_LOCK | traced | dict(tags),
                    run_config=QUIET | dict(run_config),
                    raise_on_error=False,
                    run_id=run_id,
                )
            )
        except BaseException as error:  # noqa: BLE001 (handed to the waiting thread)
            crash.append(error)

    worker = threading.Thread(target=work, name=f"run {job}", daemon=True)
    with display_on(console, job, total) as display, alive(settings, run_id):
        worker.start()
        try:
            _follow(worker, steps, display)
        except BaseException:
            trains = dg.AssetKey(CHURN_MODEL.key) in definition.asset_layer.executable_asset_keys
            tracking = tracking_of(settings, load_business(settings.business_path)) if trains else None
            _cancel(instance, run_id, tracking)
            raise
        _log_run({**about, "run_id": run_id}, crash, done)
        if crash:
            raise crash[0]
        if not done[0].success:
            told = f"{_failures(done[0])}\n(Dagster run {run_id}; `make ui` shows the whole run)"
            raise RunError(told, done[0])
    return done[0]
