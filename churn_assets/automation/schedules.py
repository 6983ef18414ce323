"""The schedules, in UTC: the nightly ingest, the scores of the day, the cohort of a month end, the delivery check,
the log, the clean-up.
"""

from collections.abc import Callable
from datetime import date, timedelta

import dagster as dg

from churn_assets.automation.traced_requests import traced
from churn_assets.contracts.business import Business
from churn_assets.contracts.calendar import Calendar
from churn_assets.contracts.source import Source
from churn_assets.extracts.due import is_due
from churn_assets.graph.names import (
    BACK_UP,
    COLLECT,
    DAILY,
    EXTRACT,
    INGEST,
    MONTH_END,
    PUNCTUALITY,
    TIDY,
    extracts_of,
)
from churn_assets.graph.partitions import last_ingest_month, range_tags, snapshot_months
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.records import newest_record

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
            return _ended(until)
        asked = request(context)
        return traced(asked, name) if isinstance(asked, dg.RunRequest) else asked

    return schedule


def _ended(calendar: Calendar) -> dg.SkipReason:
    return dg.SkipReason(f"The calendar in churn.yaml ended with {calendar.end}.")


def _open_month(business: Business) -> RequestOf:
    def request(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        key = f"open-month-{context.scheduled_execution_time:%Y-%m-%d}"
        return dg.RunRequest(run_key=key, partition_key=last_ingest_month(business))

    return request


def _month_end(business: Business) -> RequestOf:
    def request(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        month = snapshot_months(business).get_last_partition_key()
        if month is None:
            return dg.SkipReason("No month is closed yet.")
        return dg.RunRequest(run_key=f"month-end-{month}", tags=range_tags([month]))

    return request


def _once_a_day(job: str) -> RequestOf:
    return lambda context: dg.RunRequest(run_key=f"{job}-{context.scheduled_execution_time:%Y-%m-%d}")


def _backup(backed_up: bool) -> RequestOf:
    if backed_up:
        return _once_a_day(BACK_UP)
    return lambda _: dg.SkipReason("CHURN_BACKUP_REPOSITORY is not set.")


def schedules(business: Business, backed_up: bool = False) -> list[dg.ScheduleDefinition]:
    """The schedules, in UTC: nightly ingest and backup, daily scores, delivery check and log, monthly cohort, weekly
    vacuum.

    Args:
        business: the business.
        backed_up: whether a repository for backups is set.
    """
    calendar = business.file.calendar
    return [
        _schedule(
            "nightly_backup",
            "15 1 * * *",
            BACK_UP,
            "Takes a backup every night at 1:15, before the night's ingest.",
            _backup(backed_up),
        ),
        _schedule(
            "nightly_ingest_open_month",
            "0 3 * * *",
            INGEST,
            "Ingests the open month every night at 3, so that files which the sensor missed are loaded too.",
            _open_month(business),
            until=calendar,
        ),
        _schedule(
            "daily_scores",
            "30 4 * * *",
            DAILY,
            "Scores every customer as of yesterday every morning at 4:30, also when no source has delivered.",
            _once_a_day(DAILY),
            until=calendar,
        ),
        _schedule(
            "month_end_cohort",
            f"0 {MONTH_END_HOUR} {1 + GRACE.days} * *",
            MONTH_END,
            f"Builds the cohort of a month {GRACE.days} days after the month has ended: snapshots, scores, segments, "
            "monitoring. refresh_cohorts_sensor handles late extracts and labels that settle.",
            _month_end(business),
            until=calendar,
        ),
        _schedule(
            "daily_delivery_check",
            "0 7 * * *",
            PUNCTUALITY,
            "Checks every day at 7 that every source is on time, also after the calendar has ended.",
            _once_a_day(PUNCTUALITY),
        ),
        _schedule(
            "daily_events",
            "15 6 * * *",
            COLLECT,
            "Takes the log and the audit of this home into the lake every morning at 6:15.",
            _once_a_day(COLLECT),
        ),
        _schedule(
            "weekly_vacuum",
            "30 6 * * 0",
            TIDY,
            "Every Sunday morning, deletes files that no table version of the last CHURN_KEEP_DAYS days needs.",
            _once_a_day(TIDY),
        ),
    ]


def _is_asked(source: Source, landing: str, today: date) -> bool:
    """As `is_due`; also if the newest extract cannot be read: the own step of the source tells why, no other waits."""
    try:
        newest = newest_record(landing, source)
    except ExtractError:
        return True
    return is_due(source, newest, today)


def extract_schedules(business: Business) -> list[dg.ScheduleDefinition]:
    """The schedule of the sources that this product asks; none without such a source.

    It ticks late in the evening, so that what a day has brought is known as of that day, and scored next morning.
    """
    live = [source for source in business.sources if source.origin]
    if not live:
        return []

    @dg.schedule(
        name="evening_extracts",
        cron_schedule="15 23 * * *",
        execution_timezone="UTC",
        job_name=EXTRACT,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every evening at 23:15, asks the sources whose `frequency` says so, topics always, and all on the "
        "last day of a month. The sensor ingests what they answer.",
    )
    def schedule(
        context: dg.ScheduleEvaluationContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.RunRequest | dg.SkipReason:
        today = context.scheduled_execution_time.date()
        if business.file.calendar.over(today):
            return _ended(business.file.calendar)
        landing = lakehouse.settings.landing_uri
        due = [source for source in live if _is_asked(source, landing, today)]
        if not due:
            return dg.SkipReason("No source is due today.")
        asked = dg.RunRequest(
            run_key=f"extracts-{today}",
            partition_key=last_ingest_month(business),
            asset_selection=[dg.AssetKey(extracts_of(source).key) for source in due],
        )
        return traced(asked, "evening_extracts")

    return [schedule]
