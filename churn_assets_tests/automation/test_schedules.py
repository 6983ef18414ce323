"""What the schedules request and in which time zone, and when they say why not."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from churn_assets import trace
from churn_assets.automation.schedules import schedules
from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.months import add_months, month_of
from churn_assets.operations.log import writing
from churn_assets.operations.log.reading import read_log
from churn_assets.settings import SHIPPED_BUSINESSES, Settings
from churn_assets_tests.lakes import business_copy

NIGHT = datetime(2026, 8, 4, 3, tzinfo=UTC)


def _evaluate(business: Business, name: str, night: datetime = NIGHT) -> Any:
    [schedule] = [s for s in schedules(business) if s.name == name]
    return schedule(dg.build_schedule_context(scheduled_execution_time=night))


@pytest.mark.parametrize(("day", "rests"), [(date(2026, 6, 30), False), (date(2026, 7, 1), True)])
def test_a_calendar_is_over_with_the_last_day_of_its_last_month(day: date, rests: bool) -> None:
    calendar = load_business(SHIPPED_BUSINESSES / "telecom").file.calendar
    assert calendar.over(day) is rests
    assert not calendar.model_copy(update={"end": None}).over(day)


@pytest.mark.parametrize("name", ["nightly_ingest_open_month", "daily_scores", "month_end_cohort"])
def test_a_finished_calendar_requests_nothing(tmp_path: Path, name: str) -> None:
    found = _evaluate(load_business(business_copy(tmp_path)), name)
    assert isinstance(found, dg.SkipReason)
    assert "ended with 2026-06" in str(found.skip_message)


@pytest.fixture
def living(tmp_path: Path) -> Business:
    """The telecom business without an end."""
    return load_business(business_copy(tmp_path, calendar={"start": "2025-01"}))


def test_every_night_the_open_month_is_taken_in(living: Business) -> None:
    request = _evaluate(living, "nightly_ingest_open_month")
    assert request.partition_key == month_of(datetime.now(UTC).date())
    assert request.run_key == "open-month-2026-08-04"


@pytest.mark.parametrize("ahead", [0, 1, 14])
def test_a_calendar_whose_end_lies_ahead_is_not_at_rest(tmp_path: Path, ahead: int) -> None:
    now = datetime.now(UTC)
    month = month_of(now.date())
    calendar = {"start": "2025-01", "end": add_months(month, ahead)}
    business = load_business(business_copy(tmp_path, calendar=calendar))
    assert _evaluate(business, "nightly_ingest_open_month", now).partition_key == month
    request = _evaluate(business, "month_end_cohort", now)
    assert request.tags["dagster/asset_partition_range_end"] == add_months(month, -1)


def test_a_month_end_asks_for_the_cohort_of_the_month_that_closed(living: Business) -> None:
    """Cohorts that settle meanwhile, or change, are asked for by refresh_cohorts_sensor."""
    request = _evaluate(living, "month_end_cohort")
    last = add_months(month_of(datetime.now(UTC).date()), -1)
    assert request.tags["dagster/asset_partition_range_start"] == last
    assert request.tags["dagster/asset_partition_range_end"] == last


def test_punctuality_is_judged_every_morning_of_a_finished_calendar_too(tmp_path: Path) -> None:
    request = _evaluate(load_business(business_copy(tmp_path)), "daily_delivery_check")
    assert request.run_key == "punctuality-2026-08-04"


def test_the_day_is_scored_every_morning(living: Business) -> None:
    assert _evaluate(living, "daily_scores").run_key == "daily-2026-08-04"


def test_old_files_are_deleted_on_sundays(living: Business) -> None:
    assert _evaluate(living, "weekly_vacuum").run_key == "tidy-2026-08-04"


def test_the_log_is_taken_into_the_lake_every_morning(living: Business) -> None:
    assert _evaluate(living, "daily_events").run_key == "collect-2026-08-04"


def test_the_trace_of_a_run_begins_with_the_tick_that_asks_for_it(living: Business, tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    writing.start(settings)
    try:
        asked = [_evaluate(living, name) for name in ("month_end_cohort", "weekly_vacuum")]
    finally:
        writing.stop()
    told = read_log(writing.log_folder(settings)).records
    assert [record["trace_id"] for record in told] == [request.tags[trace.TRACE_TAG] for request in asked]
    assert len({record["trace_id"] for record in told}) == 2
    assert [record["body"] for record in told] == [
        "month_end_cohort asks for a run.",
        "weekly_vacuum asks for a run.",
    ]
    months = [record["attributes"].get("churn.months") for record in told]
    assert months == [asked[0].tags["dagster/asset_partition_range_start"], None]


def test_schedules_run_in_utc_whatever_the_machine_says(living: Business) -> None:
    """as_of dates and deadlines are days of UTC."""
    assert {schedule.execution_timezone for schedule in schedules(living)} == {"UTC"}
