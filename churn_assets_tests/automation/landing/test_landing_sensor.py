"""Which event in the landing zone requests which months."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from churn_assets.automation.landing_sensor import ingest_new_files_sensor
from churn_assets.contracts.business import Business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_range
from churn_assets.sources.arrivals import look
from churn_assets.sources.landing import LandingError
from churn_assets_tests.automation.landing.files import ROW, deliver, judge
from churn_assets_tests.lakes import extract_folder, write_csv

Tick = Callable[[], list[tuple[str, str]]]


def sensor_context(**kwargs: Any) -> dg.SensorEvaluationContext:
    """A context with an event log of its own."""
    return dg.build_sensor_context(instance=dg.DagsterInstance.ephemeral(), **kwargs)


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
