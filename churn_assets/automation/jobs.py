"""Jobs (named selections for the launchpad, the command line, sensors and schedules) and the schedules.

A job has one partitioning only (Dagster refuses a mixture), so no job contains both ingest months and cohorts. No step
takes config: every decision is in churn.yaml, so that a run can be repeated.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import dagster as dg

from churn_assets.automation.punctuality import ON_TIME
from churn_assets.automation.tidying import tidy_job
from churn_assets.contracts.business import Business
from churn_assets.contracts.calendar import Calendar
from churn_assets.graph.names import (
    INGEST,
    MONITOR,
    MONTH_END,
    PUNCTUALITY,
    SCORE,
    SETTLE,
    SNAPSHOT,
    TIDY,
    TRAIN,
)
from churn_assets.graph.partitions import last_ingest_month, range_tags, snapshot_months
from churn_assets.lakehouse import tables

RequestOf = Callable[[dg.ScheduleEvaluationContext], dg.RunRequest | dg.SkipReason]
GRACE = timedelta(days=3)
MONTH_END_HOUR = 5

MONTH_END_JOB = dg.define_asset_job(
    MONTH_END,
    dg.AssetSelection.groups("features", "scores", "monitoring"),
    description=(
        "Snapshots, labels, scores, segments, drift and realised quality of the cohorts of some months. "
        "Runs at the end of a month, and when late extracts change an old cohort."
    ),
)
SETTLE_JOB = dg.define_asset_job(
    SETTLE,
    dg.AssetSelection.assets(tables.CHURN_LABELS.key) | dg.AssetSelection.groups("monitoring"),
    description="Labels of cohorts whose outcome is now known, and the realised quality of their scores.",
)


def jobs(business: Business) -> list[Any]:
    """The jobs, in the order of the data flow."""
    groups = dg.AssetSelection.groups
    bronze = [dg.AssetKey(tables.bronze(source).key) for source in business.sources]
    return [
        dg.define_asset_job(
            INGEST,
            groups("bronze", "silver", "gold"),
            description="Loads extracts of ingest months into bronze, silver and gold. Then checks for late sources.",
        ),
        dg.define_asset_job(
            SNAPSHOT, groups("features"), description="Features and labels of cohorts, without scores."
        ),
        dg.define_asset_job(
            TRAIN,
            groups("models"),
            description=(
                "Trains on what was known at the end of its month, then decides which model is in charge "
                "from then on. A range is a backtest: one training after the other."
            ),
        ),
        dg.define_asset_job(
            SCORE,
            groups("scores"),
            description="Scores and segments of cohorts, by the champion at that time.",
        ),
        dg.define_asset_job(
            MONITOR, groups("monitoring"), description="Realised quality and drift of scored cohorts."
        ),
        MONTH_END_JOB,
        SETTLE_JOB,
        dg.define_asset_job(
            PUNCTUALITY,
            dg.AssetSelection.checks(*(dg.AssetCheckKey(key, ON_TIME) for key in bronze)),
            description="Checks that every source has delivered what its contract promises up to now.",
        ),
        tidy_job(business),
    ]


def _schedule(
    name: str, cron: str, job: str, description: str, request: RequestOf, until: Calendar | None = None
) -> dg.ScheduleDefinition:
    """A schedule that is on by default and skips its ticks after the calendar `until` has ended."""

    @dg.schedule(
        name=name,
        cron_schedule=cron,
        job_name=job,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if until and until.over(context.scheduled_execution_time.date()):
            return dg.SkipReason(f"The calendar in churn.yaml ended with {until.end}.")
        return request(context)

    return schedule


def schedules(business: Business) -> list[dg.ScheduleDefinition]:
    """The schedules: nightly ingest, monthly cohort, daily delivery check, weekly vacuum."""
    calendar = business.file.calendar

    def open_month(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        key = f"open-month-{context.scheduled_execution_time:%Y-%m-%d}"
        return dg.RunRequest(run_key=key, partition_key=last_ingest_month(business))

    def month_end(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        month = snapshot_months(business).get_last_partition_key()
        if month is None:
            return dg.SkipReason("No month is closed yet.")
        return dg.RunRequest(run_key=f"month-end-{month}", tags=range_tags([month]))

    def once_a_day(job: str) -> RequestOf:
        return lambda context: dg.RunRequest(run_key=f"{job}-{context.scheduled_execution_time:%Y-%m-%d}")

    return [
        _schedule(
            "nightly_ingest_open_month",
            "0 3 * * *",
            INGEST,
            "Ingests the open month every night at 3, so that files which the sensor missed are loaded too.",
            open_month,
            until=calendar,
        ),
        _schedule(
            "month_end_cohort",
            f"0 {MONTH_END_HOUR} {1 + GRACE.days} * *",
            MONTH_END,
            f"Builds the cohort of a month {GRACE.days} days after the month has ended: snapshots, scores, segments, "
            "monitoring. refresh_cohorts_sensor handles late extracts and labels that settle.",
            month_end,
            until=calendar,
        ),
        _schedule(
            "daily_delivery_check",
            "0 7 * * *",
            PUNCTUALITY,
            "Checks every day at 7 that every source is on time, also after the calendar has ended.",
            once_a_day(PUNCTUALITY),
        ),
        _schedule(
            "weekly_vacuum",
            "30 6 * * 0",
            TIDY,
            "Every Sunday morning, deletes files that no table version of the last CHURN_KEEP_DAYS days needs.",
            once_a_day(TIDY),
        ),
    ]
