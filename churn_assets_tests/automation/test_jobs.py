"""What the schedules request, and when they say why not."""

import os
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from churn_assets.automation.jobs import schedules
from churn_assets.automation.punctuality import ON_TIME
from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.definitions import build_defs
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import add_months, month_of
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.lakes import business_copy, settings_for

NIGHT = datetime(2026, 8, 4, 3, tzinfo=UTC)


def _evaluate(business: Business, name: str, night: datetime = NIGHT) -> Any:
    [schedule] = [s for s in schedules(business) if s.name == name]
    return schedule(dg.build_schedule_context(scheduled_execution_time=night))


@pytest.mark.parametrize(("day", "rests"), [(date(2026, 6, 30), False), (date(2026, 7, 1), True)])
def test_a_calendar_is_over_with_the_last_day_of_its_last_month(day: date, rests: bool) -> None:
    calendar = load_business(SHIPPED_BUSINESSES / "telecom").file.calendar
    assert calendar.over(day) is rests
    assert not calendar.model_copy(update={"end": None}).over(day)


@pytest.mark.parametrize("name", ["nightly_ingest_open_month", "month_end_cohort"])
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


def test_every_sensor_and_schedule_starts_jobs_that_exist(tmp_path: Path) -> None:
    defs = build_defs(settings_for(tmp_path))
    known = {job.name for job in defs.jobs or ()}
    automations = [*(defs.schedules or ()), *(defs.sensors or ())]
    assert len(automations) == 8
    for automation in automations:
        if automation.name == "refresh_cohorts_sensor":  # the only one with two jobs
            assert {target.name for target in automation.jobs} == {"month_end", "settle"} <= known
        else:
            assert automation.job_name in known
        assert automation.default_status.value == "RUNNING"
        assert automation.description


@pytest.mark.parametrize(
    ("job", "layers"),
    [
        ("ingest", {"bronze", "silver", "gold"}),
        ("snapshot", {"features"}),
        ("train", {"models"}),
        ("score", {"scores"}),
        ("monitor", {"monitoring"}),
        ("month_end", {"features", "scores", "monitoring"}),
        ("punctuality", set()),
    ],
)
def test_a_job_is_all_tables_of_its_layers(tmp_path: Path, job: str, layers: set[str]) -> None:
    """Needs no config, and says what it is for; whether sources are in time is asked with what they delivered."""
    definition = build_defs(settings_for(tmp_path)).resolve_job_def(job)
    graph = build_defs(settings_for(tmp_path)).resolve_asset_graph()
    made = {key for key in graph.get_all_asset_keys() if graph.get(key).is_materializable}
    assert definition.asset_layer.selected_asset_keys == {k for k in made if k.path[0] in layers}
    in_time = {key for key in definition.asset_layer.asset_graph.asset_check_keys if key.name == ON_TIME}
    assert len(in_time) == (6 if job in ("ingest", "punctuality") else 0)
    assert definition.description
    assert dg.validate_run_config(definition)


def test_an_ingest_asks_whether_sources_are_in_time_when_it_knows_what_has_passed(tmp_path: Path) -> None:
    """A check that nobody asks after its table was written again shows no result."""
    steps = build_defs(settings_for(tmp_path)).resolve_job_def("ingest").graph.dependencies
    asked = {step.name: inputs for step, inputs in steps.items() if step.name.endswith(ON_TIME)}
    assert len(asked) == 6
    for name, inputs in asked.items():
        before = {output.node for found in inputs.values() for output in found.get_node_dependencies()}
        assert before == {name.removesuffix(f"_{ON_TIME}"), "silver__reconciliation"}


def test_settling_touches_labels_and_what_they_say_only(tmp_path: Path) -> None:
    keys = build_defs(settings_for(tmp_path)).resolve_job_def("settle").asset_layer.selected_asset_keys
    names = {k.to_user_string() for k in keys}
    assert {"features/churn_labels", "monitoring/model_performance"} <= names
    assert {name for name in names if not name.startswith("monitoring/")} == {"features/churn_labels"}


def test_tidying_needs_no_month_and_says_what_it_deleted(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    lakehouse, table = Lakehouse(settings), tables.CHAMPIONS
    lakehouse.append_rows(table, table.rows([{"why": "first"}]), run_id="run")
    left = Path(lakehouse.uri(table), "left-by-a-killed-run.parquet")
    left.write_bytes(b"...")
    os.utime(left, (time.time() - 40 * 86400,) * 2)
    result = build_defs(settings).resolve_job_def("tidy").execute_in_process()
    assert result.success and not left.exists()
    [output] = [e.step_output_data for e in result.all_events if e.is_successful_output]
    assert output.metadata["files"].value == 1
    assert _evaluate(load_business(business_copy(tmp_path)), "weekly_vacuum").run_key == "tidy-2026-08-04"
