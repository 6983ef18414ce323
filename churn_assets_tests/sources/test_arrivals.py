"""Which event in the landing zone requests which months."""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.automation import landing_sensor
from churn_assets.automation.landing_sensor import ingest_new_files_sensor
from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.contracts.source import MonthRule
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import add_months, month_range
from churn_assets.silver.reconciliation_rows import ReconciledMonth, record_months, rules_digest
from churn_assets.sources.arrivals import look, touched
from churn_assets.sources.landing import LandingError
from churn_assets_tests.lakes import extract_folder, settings_for, small_business, write_csv

ROW = {"customer_id": "C1"}
Tick = Callable[[], list[tuple[str, str]]]


@pytest.fixture
def business(tmp_path: Path) -> Business:
    """customers, subscriptions and tickets, 2025."""
    return load_business(small_business(tmp_path))


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    """An empty lake."""
    return Lakehouse(settings_for(tmp_path))


def sensor_context(**kwargs: Any) -> dg.SensorEvaluationContext:
    """A context with an event log of its own."""
    return dg.build_sensor_context(instance=dg.DagsterInstance.ephemeral(), **kwargs)


def deliver(lakehouse: Lakehouse, source: str, day: str, name: str = "part-1", rows: int = 1) -> Path:
    """A file that has been lying for a while."""
    file = write_csv(lakehouse.settings.landing_uri, source, day, [ROW] * rows, name)
    an_hour_ago = time.time() - 3600
    os.utime(file, (an_hour_ago, an_hour_ago))
    return file


def judge(
    lakehouse: Lakehouse,
    business: Business,
    months: Iterable[str] = (),
    refused: Mapping[tuple[str, str], str] | None = None,
) -> None:
    """What a run leaves in silver/reconciliation: it judges the files of these months (of all, without any) as they
    lie, by the present contracts; (source, month) -> rules of those that it refuses.
    """
    wanted, found = set(months), look(lakehouse.settings.landing_uri, business, {}, time.time() + 60).arrivals
    for source in business.sources:
        marks = {m: d for m, d in found[source.name].items() if not wanted or m in wanted}
        rules = rules_digest(business, source)
        balances = [
            ReconciledMonth(
                source.name, m, 1, 1, 0, 0, [], True, (refused or {}).get((source.name, m)), mark, rules
            )
            for m, mark in marks.items()
        ]
        if marks:
            record_months(lakehouse, source, balances, [*marks], "run")


@pytest.fixture
def tick(lakehouse: Lakehouse, business: Business) -> Tick:
    """Looks once more, with the cursor of the look before, and returns the ranges that the daemon launches.

    Each launched run succeeds.
    """
    cursor: list[str | None] = [None]
    launched: set[str] = set()
    sensor = ingest_new_files_sensor(business)

    def look_once() -> list[tuple[str, str]]:
        # a new context each time, as after a restart of the daemon: only the cursor survives
        context = sensor_context(cursor=cursor[0], resources={"lakehouse": lakehouse})
        result: Any = sensor(context)
        if isinstance(result, dg.SkipReason):
            cursor[0] = context.cursor
            return []
        cursor[0] = result.cursor
        keys = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
        new = [r for r in result.run_requests if r.run_key not in launched]  # known run keys it leaves out
        launched.update(r.run_key for r in new)
        judge(lakehouse, business)
        return [(r.tags[keys[0]], r.tags[keys[1]]) for r in new]

    return look_once


def test_which_event_requests_which_months(lakehouse: Lakehouse, tick: Tick) -> None:
    assert tick() == []
    deliver(lakehouse, "customers", "2025-03-31")
    assert tick() == [("2025-03", "2025-03")]
    assert tick() == []
    # a late file in an old month, and a burst over two sources
    deliver(lakehouse, "customers", "2025-01-31", "late")
    deliver(lakehouse, "customers", "2025-04-30")
    deliver(lakehouse, "subscriptions", "2025-05-07")
    assert tick() == [("2025-01", "2025-01"), ("2025-04", "2025-05")]
    # written anew: a correction may have the size of what it corrects, so this counts; then with another row
    file = deliver(lakehouse, "customers", "2025-03-31")
    os.utime(file, (time.time() - 1800, time.time() - 1800))
    assert tick() == [("2025-03", "2025-03")]
    assert tick() == []
    deliver(lakehouse, "customers", "2025-03-31", rows=2)
    assert tick() == [("2025-03", "2025-03")]
    file.unlink()
    assert tick() == [("2025-03", "2025-03")]
    assert "spark" not in vars(lakehouse)


def test_a_landing_zone_that_is_again_as_it_once_was_is_ingested_again(
    lakehouse: Lakehouse, tick: Tick
) -> None:
    """A file of another month was delivered by mistake, and withdrawn; then once more."""
    right = deliver(lakehouse, "customers", "2025-03-31")
    os.utime(right, (1.7e9, 1.7e9))
    assert tick() == [("2025-03", "2025-03")]
    for _ in range(2):
        wrong = deliver(lakehouse, "customers", "2025-03-31", "wrong")
        os.utime(wrong, (1.7e9, 1.7e9))
        assert tick() == [("2025-03", "2025-03")]
        wrong.unlink()
        assert tick() == [("2025-03", "2025-03")]
        assert tick() == []


def test_a_tick_that_crashed_asks_for_the_same_run_again(lakehouse: Lakehouse, business: Business) -> None:
    """The daemon died between the launch and keeping the cursor: from the old cursor the same run key."""
    deliver(lakehouse, "customers", "2025-03-31")

    def ask(cursor: str | None) -> Any:
        return ingest_new_files_sensor(business)(
            sensor_context(cursor=cursor, resources={"lakehouse": lakehouse})
        )

    first, again = ask(None), ask(None)
    assert [r.run_key for r in first.run_requests] == [r.run_key for r in again.run_requests]
    assert first.cursor == again.cursor
    judge(lakehouse, business)
    deliver(lakehouse, "customers", "2025-04-30")
    second, again = ask(first.cursor), ask(first.cursor)
    assert [r.run_key for r in second.run_requests] == [r.run_key for r in again.run_requests]


def test_the_cursor_of_an_earlier_release_is_understood(lakehouse: Lakehouse, business: Business) -> None:
    """It held the look alone, without the number of requests."""
    deliver(lakehouse, "customers", "2025-03-31")
    judge(lakehouse, business)
    old = json.dumps(look(lakehouse.settings.landing_uri, business, {}).arrivals, sort_keys=True)
    context = sensor_context(cursor=old, resources={"lakehouse": lakehouse})
    assert isinstance(ingest_new_files_sensor(business)(context), dg.SkipReason)
    deliver(lakehouse, "customers", "2025-04-30")
    context = sensor_context(cursor=old, resources={"lakehouse": lakehouse})
    result: Any = ingest_new_files_sensor(business)(context)
    [request] = result.run_requests
    assert request.tags["dagster/asset_partition_range_start"] == "2025-04"


@dataclass
class Daemon:
    """Ticks with the cursor of the tick before; what the requested runs do is up to the test."""

    lakehouse: Lakehouse
    business: Business
    instance: dg.DagsterInstance
    cursor: str | None = None
    said: str = ""

    def tick(self, day: str = "2026-01-01") -> list[tuple[str, str]]:
        """The ranges that are requested."""
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"lakehouse": self.lakehouse}
        )
        with patch.object(landing_sensor, "datetime") as clock:
            clock.now.return_value = datetime.fromisoformat(f"{day}T12:00:00+00:00")
            result: Any = ingest_new_files_sensor(self.business)(context)
        if isinstance(result, dg.SkipReason):
            self.cursor, self.said = context.cursor, str(result.skip_message)
            return []
        self.cursor, self.said = result.cursor, ""
        keys = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
        return [(r.tags[keys[0]], r.tags[keys[1]]) for r in result.run_requests]


@pytest.fixture
def daemon(lakehouse: Lakehouse, business: Business) -> Iterator[Daemon]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Daemon(lakehouse, business, instance)


def test_what_a_failed_run_left_out_is_asked_for_again_when_something_changes(daemon: Daemon) -> None:
    """Subscriptions lack March, so silver refuses it; customers of February did not get that far."""
    for month in ("2025-01-31", "2025-02-28", "2025-03-31"):
        deliver(daemon.lakehouse, "customers", month)
        if month != "2025-03-31":
            deliver(daemon.lakehouse, "subscriptions", month)
    assert daemon.tick() == [("2025-01", "2025-03")]
    assert daemon.tick() == [] and "2025-01 to 2025-03 did not reach silver" in daemon.said
    judge(daemon.lakehouse, daemon.business, ["2025-01", "2025-03"])
    assert daemon.tick() == [] and "2025-02 did not reach silver" in daemon.said
    deliver(daemon.lakehouse, "subscriptions", "2025-03-31")
    assert daemon.tick() == [("2025-02", "2025-03")]
    judge(daemon.lakehouse, daemon.business)
    assert daemon.tick() == [] and "Not passed" not in daemon.said


def test_a_run_that_died_is_tried_again_the_next_day(daemon: Daemon) -> None:
    deliver(daemon.lakehouse, "customers", "2025-01-31")
    assert daemon.tick("2026-01-01") == [("2025-01", "2025-01")]
    assert daemon.tick("2026-01-01") == []
    assert daemon.tick("2026-01-02") == [("2025-01", "2025-01")]
    run = dg.DagsterRun(job_name="ingest", run_id="1" * 8, status=dg.DagsterRunStatus.STARTED)
    daemon.instance.add_run(run)
    assert daemon.tick("2026-01-03") == [], "it may be the one"
    daemon.instance.report_run_failed(run)
    assert daemon.tick("2026-01-03") == [("2025-01", "2025-01")]
    judge(daemon.lakehouse, daemon.business)
    assert daemon.tick("2026-01-04") == []


def test_a_file_delivered_again_whose_run_died_is_not_taken_for_the_one_that_passed(daemon: Daemon) -> None:
    deliver(daemon.lakehouse, "customers", "2025-01-31")
    assert daemon.tick() == [("2025-01", "2025-01")]
    judge(daemon.lakehouse, daemon.business)
    deliver(daemon.lakehouse, "customers", "2025-01-31", rows=2)
    assert daemon.tick() == [("2025-01", "2025-01")]
    assert daemon.tick("2026-01-02") == [("2025-01", "2025-01")]


def test_a_refused_month_is_asked_for_again_when_its_source_changes_before_it(daemon: Daemon) -> None:
    """It may have been refused for a gap, or for more rows than in the months before it."""
    for month in ("2025-01-31", "2025-02-28", "2025-04-30"):
        deliver(daemon.lakehouse, "customers", month)
    assert daemon.tick() == [("2025-01", "2025-02"), ("2025-04", "2025-04")]
    judge(daemon.lakehouse, daemon.business, refused={("customers", "2025-04"): "gap"})
    assert daemon.tick("2026-01-02") == [] and "customers 2025-04 was refused" in daemon.said
    deliver(daemon.lakehouse, "subscriptions", "2025-03-31")
    deliver(daemon.lakehouse, "customers", "2025-05-31")
    assert daemon.tick("2026-01-02") == [("2025-03", "2025-03"), ("2025-05", "2025-05")]
    judge(daemon.lakehouse, daemon.business, refused={("customers", "2025-04"): "gap"})
    deliver(daemon.lakehouse, "customers", "2025-03-31")
    assert daemon.tick("2026-01-02") == [("2025-03", "2025-04")]


def test_a_refused_month_is_asked_for_again_when_its_contract_was_edited(daemon: Daemon) -> None:
    for month in ("2025-01-31", "2025-02-28"):
        deliver(daemon.lakehouse, "customers", month)
        deliver(daemon.lakehouse, "subscriptions", month)
    assert daemon.tick() == [("2025-01", "2025-02")]
    refused = {("customers", "2025-01"): "fill", ("subscriptions", "2025-02"): "refusedShare"}
    judge(daemon.lakehouse, daemon.business, refused=refused)
    assert daemon.tick("2026-01-02") == [], "nothing has changed"
    mended = MonthRule("fill", 0.0, 1.0, "warn")
    customers, *others = daemon.business.sources
    edited = replace(customers, month_rules=(*customers.month_rules, mended))
    daemon.business = replace(daemon.business, sources=(edited, *others))
    assert daemon.tick("2026-01-02") == [("2025-01", "2025-01")], "the other contract is as it was"
    assert daemon.tick("2026-01-02") == []
    assert daemon.tick("2026-01-03") == [("2025-01", "2025-01")], "that run died"
    judge(daemon.lakehouse, daemon.business, refused=refused)
    assert daemon.tick("2026-01-04") == [], "it was refused by the edited contract, too"


def test_months_without_keys_are_asked_for_again_when_the_month_to_mend_changes(daemon: Daemon) -> None:
    """Customers of February are respelt; those ids get no key, so no month that delivers them has passed."""
    for month in ("2025-01-31", "2025-02-28", "2025-03-31"):
        deliver(daemon.lakehouse, "customers", month)
        deliver(daemon.lakehouse, "subscriptions", month)
    assert daemon.tick() == [("2025-01", "2025-03")]
    refused = {("customers", "2025-02"): "fill, idOverlap", ("subscriptions", "2025-01"): "idOverlap"}
    judge(daemon.lakehouse, daemon.business, refused=refused)
    deliver(daemon.lakehouse, "customers", "2025-03-31", rows=2)
    assert daemon.tick() == [("2025-03", "2025-03")], "that mends nothing"
    judge(daemon.lakehouse, daemon.business, refused=refused)
    deliver(daemon.lakehouse, "customers", "2025-02-28", rows=2)
    assert daemon.tick() == [("2025-01", "2025-02")]


def test_a_file_that_may_still_grow_waits(lakehouse: Lakehouse, tick: Tick) -> None:
    deliver(lakehouse, "customers", "2025-02-28")
    assert tick() == [("2025-02", "2025-02")]
    young = write_csv(lakehouse.settings.landing_uri, "customers", "2025-03-31", [ROW])
    young_too = write_csv(lakehouse.settings.landing_uri, "customers", "2025-02-28", [ROW], "part-2")
    part = extract_folder(lakehouse.settings.landing_uri, "customers", "2025-04-30") / "a.csv.part"
    part.write_text("customer_id")
    assert tick() == []
    for file in (young, young_too, part):
        os.utime(file, (time.time() - 31, time.time() - 31))
    assert tick() == [("2025-02", "2025-03")]


def test_a_first_look_takes_what_the_lake_holds_as_known(
    lakehouse: Lakehouse, business: Business, tick: Tick
) -> None:
    for day in ("2025-01-31", "2025-02-28"):
        deliver(lakehouse, "customers", day)
    held = [
        {
            "extract_month": day[:7],
            "source_file": f"customers/extract_date={day}/part-1.csv",
            "row_number": 1,
        }
        for day in ("2025-01-31", "2025-02-28")
    ]
    bronze = tables.bronze(business.source("customers"))
    lakehouse.append_rows(bronze, bronze.rows(held), run_id="run")
    deliver(lakehouse, "customers", "2025-01-31", "without rows")  # tiny and older than bronze
    judge(lakehouse, business)
    later = deliver(lakehouse, "customers", "2025-02-28", "part-2", rows=2000)
    assert later.stat().st_size > 4096
    assert tick() == [("2025-02", "2025-02")]
    assert tick() == []


def test_a_month_outside_the_calendar_is_named_not_requested(
    lakehouse: Lakehouse, business: Business
) -> None:
    deliver(lakehouse, "customers", "2026-01-31")
    result = ingest_new_files_sensor(business)(sensor_context(resources={"lakehouse": lakehouse}))
    assert isinstance(result, dg.SkipReason)
    assert "2026-01 is no month of the calendar" in str(result.skip_message)


def test_what_no_contract_expects_fails_the_tick_with_its_name(
    lakehouse: Lakehouse, business: Business
) -> None:
    (extract_folder(lakehouse.settings.landing_uri, "customers", "2025-01-31") / "notes.txt").write_text("?")
    with pytest.raises(LandingError, match=r"notes\.txt"):
        ingest_new_files_sensor(business)(sensor_context(resources={"lakehouse": lakehouse}))


def test_a_month_with_a_file_that_no_contract_expects_waits_alone(
    lakehouse: Lakehouse, tick: Tick, capfd: pytest.CaptureFixture[str]
) -> None:
    """What was asked for meanwhile was refused because of it, and is asked for again; other months do not wait."""
    for source in ("customers", "subscriptions"):
        deliver(lakehouse, source, "2025-01-31")
        deliver(lakehouse, source, "2025-02-28")
    assert tick() == [("2025-01", "2025-02")]
    stray = extract_folder(lakehouse.settings.landing_uri, "subscriptions", "2025-02-28") / "notes.txt"
    stray.write_text("?")
    deliver(lakehouse, "subscriptions", "2025-04-30")
    deliver(lakehouse, "customers", "2025-02-28", "late")
    deliver(lakehouse, "customers", "2025-03-31")
    assert tick() == [("2025-02", "2025-04")]
    told = capfd.readouterr().err
    assert f"2025-02 waits: {stray}: the contract of subscriptions expects *.csv" in told
    with pytest.raises(LandingError, match=r"notes\.txt"):
        tick()
    stray.unlink()
    assert tick() == [("2025-02", "2025-02")]
    assert tick() == []


def test_for_a_folder_whose_name_tells_no_month_none_waits(
    lakehouse: Lakehouse, tick: Tick, capfd: pytest.CaptureFixture[str]
) -> None:
    (Path(lakehouse.settings.landing_uri) / "customers" / "old").mkdir(parents=True)
    deliver(lakehouse, "customers", "2025-01-31")
    assert tick() == [("2025-01", "2025-01")]
    assert "customers/old is not an extract folder" in capfd.readouterr().err


def test_the_cursor_is_small(lakehouse: Lakehouse, business: Business) -> None:
    for month in month_range("2025-01", "2025-12"):
        for part in range(5):
            deliver(lakehouse, "customers", f"{month}-15", f"part-{part}")
    state = look(lakehouse.settings.landing_uri, business, {}).arrivals
    assert len(json.dumps(state)) < 12 * 40 + 100


MONTHS = st.integers(0, 40).map(lambda n: add_months("2024-01", n))


@given(
    before=st.dictionaries(MONTHS, st.sampled_from("abc")),
    after=st.dictionaries(MONTHS, st.sampled_from("abc")),
)
def test_touched_is_what_differs(before: dict[str, str], after: dict[str, str]) -> None:
    expected = {m for m in {*before, *after} if before.get(m) != after.get(m)}
    assert touched({"s": before}, {"s": after}) == sorted(expected)
    assert touched({}, {"s": after}) == sorted(after)
