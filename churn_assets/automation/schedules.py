"""The schedules, in UTC: the nightly ingest, the scores of the day, the cohort of a month end, the delivery check,
the log, the clean-up.
"""

from collections.abc import Callable
from datetime import timedelta

import dagster as dg

from churn_assets.automation.traced_requests import traced
from churn_assets.contracts.business import Business
from churn_assets.contracts.calendar import Calendar
from churn_assets.graph.names import BACK_UP, COLLECT, DAILY, INGEST, MONTH_END, PUNCTUALITY, TIDY
from churn_assets.graph.partitions import last_ingest_month, range_tags, snapshot_months

RequestOf = Callable[[dg.ScheduleEvaluationContext], dg.RunRequest | dg.SkipReason]
GRACE = timedelta(days=3)
MONTH_END_HOUR = 5


def _schedule(
    name: str, cron: str, job: str, description: str, request: RequestOf, until: Calendar | None = None
) -> dg.ScheduleDefinition:
    """A schedule in UTC that is on by default and skips its ticks after the calendar `until` has ended."""

    @dg.schedule(
        name=name,
        cron_schedule=cron,
        execution_timezone="UTC",
        job_name=job,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if until and until.over(context.scheduled_execution_time.date()):
            return dg.SkipReason(f"The calendar in churn.yaml ended with {until.end}.")
        asked = request(context)
        return traced(asked, name) if isinstance(asked, dg.RunRequest) else asked

    return schedule


def schedules(business: Business, backed_up: bool = False) -> list[dg.ScheduleDefinition]:
    """The schedules, in UTC: nightly ingest and backup, daily scores, delivery check and log, monthly cohort, weekly
    vacuum.

    Args:
        business: the business.
        backed_up: whether a repository for backups is set.
    """
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

    def backup(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return (
            once_a_day(BACK_UP)(context)
            if backed_up
            else dg.SkipReason("CHURN_BACKUP_REPOSITORY is not set.")
        )

    return [
        _schedule(
            "nightly_backup",
            "15 1 * * *",
            BACK_UP,
            "Takes a backup every night at 1:15, before the night's ingest.",
            backup,
        ),
        _schedule(
            "nightly_ingest_open_month",
            "0 3 * * *",
            INGEST,
            "Ingests the open month every night at 3, so that files which the sensor missed are loaded too.",
            open_month,
            until=calendar,
        ),
        _schedule(
            "daily_scores",
            "30 4 * * *",
            DAILY,
            "Scores every customer as of yesterday every morning at 4:30, also when no source has delivered.",
            once_a_day(DAILY),
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
            "daily_events",
            "15 6 * * *",
            COLLECT,
            "Takes the log and the audit of this home into the lake every morning at 6:15.",
            once_a_day(COLLECT),
        ),
        _schedule(
            "weekly_vacuum",
            "30 6 * * 0",
            TIDY,
            "Every Sunday morning, deletes files that no table version of the last CHURN_KEEP_DAYS days needs.",
            once_a_day(TIDY),
        ),
    ]
