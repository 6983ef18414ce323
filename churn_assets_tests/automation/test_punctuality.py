"""Both deadlines of a source from both sides, calendars that have ended, and the check as Dagster runs it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from churn_assets.automation.punctuality import ON_TIME
from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.definitions import build_defs
from churn_assets.history.punctuality import punctuality
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end, month_of, month_range
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.simulator.plan import SimulationPlan
from churn_assets.simulator.telecom import simulate_telecom
from churn_assets.sources.landing import list_extracts
from churn_assets_tests.lakes import business_copy, settings_for, small_business

pytestmark = pytest.mark.one_python(reason="asks sensors, as tests of other modules do on each Python")

TELECOM = load_business(SHIPPED_BUSINESSES / "telecom")
JANUARY, FEBRUARY, MARCH = date(2025, 1, 31), date(2025, 2, 28), date(2025, 3, 31)


def _of_sources(result: dg.ExecuteInProcessResult) -> list[dg.AssetCheckEvaluation]:
    return [e for e in result.get_asset_check_evaluations() if e.check_name == ON_TIME]


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Business:
    """The telecom business from 2025-01 on, without an end."""
    folder = business_copy(tmp_path_factory.mktemp("living"), calendar={"start": "2025-01"})
    return load_business(folder)


@pytest.mark.parametrize(
    ("source", "extracts", "today", "late"),
    [
        # subscriptions: every 7 days, at most 2 days late; the next after March's last is due on 9 April
        ("subscriptions", [JANUARY, FEBRUARY, MARCH], "2025-04-09", 0),
        ("subscriptions", [JANUARY, FEBRUARY, MARCH], "2025-04-10", 1),
        ("subscriptions", [JANUARY, FEBRUARY, MARCH], "2025-05-09", 30),
        # customers: monthly, at most 3 days late; March is due on 3 April
        ("customers", [JANUARY, FEBRUARY], "2025-04-03", 0),
        ("customers", [JANUARY, FEBRUARY], "2025-04-04", 1),
        # a short month is due before 31 days have passed
        ("customers", [JANUARY], "2025-03-03", 0),
        ("customers", [JANUARY], "2025-03-04", 1),
        # a month that was left out, or refused, is late however new the newest extract is
        ("subscriptions", [JANUARY, MARCH], "2025-03-02", 0),
        ("subscriptions", [JANUARY, MARCH], "2025-04-01", 30),
        # nothing at all: counted from the start of the calendar
        ("subscriptions", [], "2025-01-09", 0),
        ("subscriptions", [], "2025-01-10", 1),
        ("customers", [], "2025-02-03", 0),
        ("customers", [], "2025-02-04", 1),
    ],
)
def test_the_deadlines_of_a_living_source(
    living: Business, source: str, extracts: Sequence[date], today: str, late: int
) -> None:
    found = punctuality(living, living.source(source), extracts, date.fromisoformat(today))
    assert found.days_late == late
    assert found.newest_extract == max(extracts, default=None)
    assert ("before" in found.why) == bool(late)


@pytest.mark.parametrize(("today", "late"), [("2025-04-02", 0), ("2025-04-03", 1)])
def test_a_month_that_ended_too_small_is_not_loaded(living: Business, today: str, late: int) -> None:
    """Every extract came in time, but of one half was missing."""
    source, extracts = living.source("subscriptions"), [JANUARY, FEBRUARY, MARCH, date(2025, 4, 1)]
    found = punctuality(living, source, extracts, date.fromisoformat(today), partial={"2025-03"})
    assert found.days_late == late
    assert "the month 2025-03" in found.why
    assert punctuality(living, source, extracts, date.fromisoformat(today)).days_late == 0


@pytest.mark.parametrize(
    ("extracts", "missing"),
    [
        ([JANUARY, FEBRUARY, MARCH], None),
        ([FEBRUARY, MARCH], "the month 2025-01"),
        ([JANUARY, MARCH], "the month 2025-02"),
        ([], "the first extract"),
    ],
)
def test_history_that_nobody_loaded_is_not_missing(
    tmp_path: Path, extracts: Sequence[date], missing: str | None
) -> None:
    """The calendar starts years before the first month that any source has loaded."""
    business = load_business(business_copy(tmp_path, calendar={"start": "2020-01"}))
    found = punctuality(business, business.source("customers"), extracts, date(2025, 4, 3), begun="2025-01")
    assert bool(found.days_late) == bool(missing), found.why
    assert missing is None or f"{missing} was due" in found.why


def test_a_source_that_begins_later_than_the_others_keeps_its_first_month(living: Business) -> None:
    later = replace(living.source("customers"), first_month="2025-03")
    assert punctuality(living, later, [], date(2025, 4, 3), begun="2025-01").days_late == 0
    assert punctuality(living, later, [], date(2025, 4, 4), begun="2025-01").days_late == 1


@pytest.mark.parametrize("today", ["2026-07-03", "2026-12-31", "2046-01-01"])
@pytest.mark.parametrize(
    ("newest", "late"), [(date(2026, 6, 30), 0), (date(2026, 6, 24), 0), (date(2026, 6, 23), 1)]
)
def test_years_after_the_end_of_the_calendar_change_no_verdict(newest: date, late: int, today: str) -> None:
    """An extract of 23 June is followed by one of 30 June, still inside the calendar; one of 24 June by none."""
    extracts = [*(month_end(m) for m in month_range("2025-01", "2026-05")), newest]
    found = punctuality(TELECOM, TELECOM.source("subscriptions"), extracts, date.fromisoformat(today))
    assert found.days_late == late


@pytest.mark.parametrize(("today", "late"), [("2026-07-03", 0), ("2026-07-04", 1), ("2030-01-01", 1)])
def test_the_last_month_of_an_ended_calendar_has_a_deadline_too(today: str, late: int) -> None:
    extracts = [month_end(m) for m in month_range("2025-01", "2026-05")]
    found = punctuality(TELECOM, TELECOM.source("customers"), extracts, date.fromisoformat(today))
    assert found.days_late == late
    assert found.newest_month == "2026-05"


def test_the_shipped_demo_is_in_time_for_ever(tmp_path: Path) -> None:
    plan = SimulationPlan(customers=20, start=date(2025, 1, 1), months=18, seed=7)
    simulate_telecom(plan, tmp_path / "landing", tmp_path / "truth")
    for source in TELECOM.sources:
        extracts = {f.extract_date for f in list_extracts(str(tmp_path / "landing"), source)}
        for today in (date(2026, 7, 4), date(2040, 1, 1)):
            found = punctuality(TELECOM, source, extracts, today)
            assert found.days_late == 0, found.why
        if source.delivery == "as_needed":
            assert not extracts, "nobody marks a contact in a simulated world"
        else:
            assert month_of(max(extracts)) == "2026-06"


def test_the_check_fails_a_silent_source_and_no_other(tmp_path: Path) -> None:
    """Run alone, as its job runs it: no step of the pipeline, no JVM."""
    settings = settings_for(tmp_path, small_business(tmp_path))
    months = month_range("2025-01", "2025-12")
    rows = [
        {
            "source": source,
            "extract_month": month,
            "balances": True,
            "extract_dates": [month_end(month)],
        }
        for source in ("customers", "subscriptions", "tickets")
        for month in months
        if source != "tickets" or month < "2025-11"
    ]
    lakehouse = Lakehouse(settings)
    balance = tables.RECONCILIATION.rows(rows)
    lakehouse.replace_rows(tables.RECONCILIATION, balance, "extract_month", months, run_id="run")
    job = build_defs(settings).resolve_job_def("punctuality")
    result = job.execute_in_process()
    assert result.success, "the checks block nothing"
    found = {e.asset_key.to_user_string(): e for e in _of_sources(result)}
    assert {name: e.passed for name, e in found.items()} == {
        "bronze/customers": True,
        "bronze/subscriptions": True,
        "bronze/tickets": False,
    }
    silent = found["bronze/tickets"]
    assert silent.severity == dg.AssetCheckSeverity.ERROR
    assert not silent.blocking
    assert "the next extract after 2025-10-31 was due on 2025-11-09" in str(silent.description)
    assert silent.metadata["days_late"].value == 55
    assert silent.metadata["newest loaded month"].value == "2025-10"
    assert found["bronze/customers"].metadata["days_late"].value == 0
    assert {e.step_key for e in result.all_events if e.step_key} == {
        *(f"{n.replace('/', '__')}_delivered_on_time" for n in found),
        "operations__backups_backup_is_recent",  # the same job looks after the newest backup
    }


def test_the_check_begins_with_the_first_month_that_any_source_has_loaded(tmp_path: Path) -> None:
    """Seven months of a calendar of twelve; tickets have never delivered, though others have."""
    settings = settings_for(tmp_path, small_business(tmp_path))
    months = month_range("2025-06", "2025-12")
    rows = [
        {"source": source, "extract_month": month, "balances": True, "extract_dates": [month_end(month)]}
        for source in ("customers", "subscriptions")
        for month in months
    ]
    table = tables.RECONCILIATION.rows(rows)
    Lakehouse(settings).replace_rows(tables.RECONCILIATION, table, "extract_month", months, run_id="run")
    result = build_defs(settings).resolve_job_def("punctuality").execute_in_process()
    found = {e.asset_key.path[-1]: e for e in _of_sources(result)}
    assert {name: e.passed for name, e in found.items()} == {
        "customers": True,
        "subscriptions": True,
        "tickets": False,
    }
    assert "the first extract was due on 2025-06-09" in str(found["tickets"].description)


def test_an_empty_lake_is_late_not_an_error(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, small_business(tmp_path))
    result = build_defs(settings).resolve_job_def("punctuality").execute_in_process()
    assert result.success
    assert not any(e.passed for e in result.get_asset_check_evaluations())


def test_a_silent_feed_is_late_although_the_page_delivers(living: Business) -> None:
    """Contacts marked on the page say nothing about those of the CRM."""
    day = date(2025, 4, 20)
    marked = punctuality(living, living.source("app_contacts"), [date(2025, 4, 19)], day, begun="2025-01")
    assert marked.days_late == 0 and "its newest extract is of 2025-04-19" in marked.why
    never = punctuality(living, living.source("app_contacts"), [], day, begun="2025-01")
    assert never.days_late == 0 and "it has not delivered yet" in never.why
    crm = punctuality(
        living, living.source("retention_contacts"), [JANUARY, FEBRUARY, MARCH], day, begun="2025-01"
    )
    assert crm.days_late == 11 and "2025-03-31 was due on 2025-04-09" in crm.why
