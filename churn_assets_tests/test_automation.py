"""What the schedules request, and when they say why not."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from churn_assets.automation import schedules
from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.definitions import build_defs
from churn_assets.months import add_months, month_of
from churn_assets_tests.lakes import business_copy, settings_for

NIGHT = datetime(2026, 8, 4, 3, tzinfo=UTC)


def _evaluate(business: Business, name: str) -> Any:
    [schedule] = [s for s in schedules(business) if s.name == name]
    return schedule(dg.build_schedule_context(scheduled_execution_time=NIGHT))


@pytest.mark.parametrize("name", ["open_month", "month_end"])
def test_a_finished_calendar_requests_nothing(tmp_path: Path, name: str) -> None:
    found = _evaluate(load_business(business_copy(tmp_path)), name)
    assert isinstance(found, dg.SkipReason)
    assert "ended with 2026-06" in str(found.skip_message)


@pytest.fixture
def living(tmp_path: Path) -> Business:
    """The telecom business without an end."""
    return load_business(business_copy(tmp_path, calendar={"start": "2025-01"}))


def test_every_night_the_open_month_is_taken_in(living: Business) -> None:
    request = _evaluate(living, "open_month")
    assert request.partition_key == month_of(datetime.now(UTC).date())
    assert request.run_key == "open-month-2026-08-04"


def test_a_month_end_reaches_back_to_the_labels_that_settle_meanwhile(living: Business) -> None:
    """40 days to maturity: with the end of a month the cohort of two months before has settled."""
    request = _evaluate(living, "month_end")
    last = add_months(month_of(datetime.now(UTC).date()), -1)
    tags = (
        request.tags["dagster/asset_partition_range_start"],
        request.tags["dagster/asset_partition_range_end"],
    )
    assert tags == (add_months(last, -2), last)


def test_every_sensor_and_schedule_starts_a_job_that_exists(tmp_path: Path) -> None:
    defs = build_defs(settings_for(tmp_path))
    jobs = {job.name for job in defs.jobs or ()}
    automations = [*(defs.schedules or ()), *(defs.sensors or ())]
    assert len(automations) == 5
    for automation in automations:
        assert automation.job_name in jobs
        assert automation.default_status.value == "RUNNING"
        assert automation.description
