"""Which event makes which cohorts due: late data, failed gates, restarts. Spark in the last only."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from churn_assets.automation.refresh_cohorts_sensor import COHORT_TABLES, refresh_cohorts_sensor
from churn_assets.lakehouse import tables
from churn_assets.sources.landing import list_extracts
from churn_assets_tests.automation.world import ALL, COHORTS, World
from churn_assets_tests.worlds import AGAIN, MONTHS

pytestmark = pytest.mark.one_python(
    reason="reads many records of Dagster; test_daily_sensor does on each Python"
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Ingested, made and looked at once: nothing is due. Tests change copies of it."""
    with dg.DagsterInstance.ephemeral() as instance:
        found = World(tmp_path_factory.mktemp("whole"), instance)
        found.ingest(ALL[0], ALL[-1])
        found.month_end(COHORTS[0], COHORTS[-1])
        assert found.tick() == []
        assert "Every cohort is newer" in found.told
        yield found


@pytest.fixture
def world(whole: World, tmp_path: Path) -> Iterator[World]:
    """A copy of `whole`."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield whole.copied(tmp_path, instance)


@pytest.mark.parametrize(
    ("source", "month", "due"),
    [
        # windows of three months over events; the last known attribute or spell counts for ever
        ("tickets", "2025-01", ("2025-03", "2025-03")),
        ("tickets", "2025-02", ("2025-03", "2025-04")),
        ("tickets", "2025-03", ("2025-03", "2025-05")),
        ("tickets", "2025-07", ("2025-07", "2025-09")),
        ("tickets", "2025-12", ("2025-12", "2025-12")),
        ("customers", "2025-07", ("2025-07", "2025-12")),
        ("subscriptions", "2025-01", ("2025-03", "2025-12")),
    ],
)
def test_a_late_file_makes_exactly_the_cohorts_anew_that_can_have_known_it(
    world: World, source: str, month: str, due: tuple[str, str]
) -> None:
    world.deliver(source, month, "and a late file")
    assert world.tick() == []
    world.ingest(month)
    assert world.tick() == [("month_end", *due)]
    assert world.tick() == []
    world.month_end(*due)
    assert world.tick() == []


def test_the_same_files_again_are_no_news(world: World) -> None:
    world.ingest("2025-04", "2025-12")
    assert world.tick() == []


def test_a_failed_gate_stops_all_that_depends_until_the_month_passes(world: World) -> None:
    world.deliver("subscriptions", "2025-10", "truncated")
    world.ingest("2025-10", refuses="subscriptions")
    assert world.tick() == []
    world.deliver("tickets", "2025-12", "and a late file")
    world.ingest("2025-12")
    assert world.tick() == []
    assert "2025-12 waits for subscriptions 2025-10" in world.told
    world.deliver("subscriptions", "2025-10", "whole")
    world.ingest("2025-10")
    assert world.tick() == [("month_end", "2025-10", "2025-12")]


def test_what_passed_silver_before_another_source_failed_is_not_forgotten(world: World) -> None:
    """Customers changed in a run that tickets failed; the run that mends tickets brings both."""
    world.deliver("customers", "2025-11", "and a late file")
    world.ingest("2025-11", refuses="tickets")
    assert world.tick() == []
    world.ingest("2025-11")
    assert world.tick() == [("month_end", "2025-11", "2025-12")]


def test_while_a_run_is_under_way_the_sensor_waits(world: World) -> None:
    run = dg.DagsterRun(job_name="ingest", run_id="1" * 8, status=dg.DagsterRunStatus.STARTED)
    world.instance.add_run(run)
    world.deliver("tickets", "2025-12", "and a late file")
    world.ingest("2025-12")
    assert world.tick() == []
    assert "ingest is under way" in world.told
    world.instance.report_run_failed(run)
    assert world.tick() == [("month_end", "2025-12", "2025-12")]


def test_a_training_does_not_hold_up_late_data(world: World) -> None:
    world.instance.add_run(
        dg.DagsterRun(job_name="train", run_id="1" * 8, status=dg.DagsterRunStatus.STARTED)
    )
    world.deliver("tickets", "2025-12", "and a late file")
    world.ingest("2025-12")
    assert world.tick() == [("month_end", "2025-12", "2025-12")]


def test_a_sensor_that_was_off_catches_up_once(world: World) -> None:
    world.deliver("tickets", "2025-04", "and a late file")
    world.ingest("2025-04")
    world.deliver("tickets", "2025-05", "and a late file")
    world.ingest("2025-05")
    world.deliver("customers", "2025-11", "and a late file")
    world.ingest("2025-11")
    world.ingest("2025-11")
    assert world.tick() == [("month_end", "2025-04", "2025-07"), ("month_end", "2025-11", "2025-12")]
    assert world.tick() == []


def test_a_cohort_that_somebody_made_meanwhile_is_not_made_again(world: World) -> None:
    world.deliver("tickets", "2025-09", "and a late file")
    world.ingest("2025-09")
    world.month_end("2025-10", "2025-11")
    assert world.tick() == [("month_end", "2025-09", "2025-09")]


def test_a_failed_run_is_tried_again_when_something_changes_not_before(world: World) -> None:
    world.deliver("tickets", "2025-12", "and a late file")
    world.ingest("2025-12")
    assert world.tick() == [("month_end", "2025-12", "2025-12")]
    world.month_end("2025-12", written=COHORT_TABLES[:2])  # scoring failed
    world.ingest("2025-12")
    assert world.tick() == []
    world.deliver("tickets", "2025-12", "and one more")
    world.ingest("2025-12")
    assert world.tick() == [("month_end", "2025-12", "2025-12")]


def test_a_month_end_that_failed_after_the_snapshots_is_tried_once_more(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        world = World(tmp_path, instance)
        world.ingest(ALL[0], ALL[-1])
        world.month_end("2025-03", "2025-11")
        world.month_end("2025-12", written=COHORT_TABLES[:2])
        assert world.tick() == [("month_end", "2025-12", "2025-12")]
        assert world.tick() == []
        world.month_end("2025-12")
        assert world.tick() == []


def test_a_closed_month_whose_extracts_came_late_gets_its_cohort(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        world = World(tmp_path, instance)
        assert world.tick() == []
        assert "Nothing has passed silver" in world.told
        world.ingest("2025-01", "2025-09")
        assert world.tick() == []  # history is made by whom wants it
        world.month_end("2025-05", "2025-08")
        world.ingest("2025-10", without="tickets")
        assert world.tick() == [("month_end", "2025-09", "2025-09")]
        world.month_end("2025-09")
        assert world.tick() == []
        assert "2025-10 waits for tickets 2025-10" in world.told
        world.ingest("2025-10")
        assert world.tick() == [("month_end", "2025-10", "2025-10"), ("settle", "2025-08", "2025-08")]


def test_a_cohort_waits_for_every_month_that_it_looks_back_on(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        world = World(tmp_path, instance)
        world.ingest("2025-01", "2025-06")
        world.month_end("2025-03", "2025-06")
        world.ingest("2025-08")
        assert world.tick() == []
        assert "2025-07 waits for customers 2025-07" in world.told
        assert "2025-08 waits for customers 2025-07" in world.told
        world.ingest("2025-07")
        assert world.tick() == [("month_end", "2025-07", "2025-08"), ("settle", "2025-05", "2025-06")]


def test_a_settled_label_stays_whatever_its_outcome_window_brings(world: World) -> None:
    """June settled in August; a late file of July makes the snapshots from July on anew, and no older cohort."""
    world.deliver("subscriptions", "2025-07", "and a late file")
    world.ingest("2025-07")
    assert world.tick() == [("month_end", "2025-07", "2025-12")]


def test_many_nightly_ingests_are_looked_through(world: World) -> None:
    for _ in range(60):
        world.ingest("2025-12")
    assert world.tick() == []
    world.deliver("tickets", "2025-11", "and a late file")
    world.ingest("2025-11", "2025-12")
    assert world.tick() == [("month_end", "2025-11", "2025-12")]


def test_what_an_older_release_ingested_counts_as_changed(world: World) -> None:
    """Its events name no files."""
    for source in world.business.sources:
        world.write(tables.bronze(source), ["2025-12"])
        world.write(tables.silver(source), ["2025-12"])
    assert world.tick() == [("month_end", "2025-12", "2025-12")]


@pytest.mark.one_engine(reason="reads the events of jobs")
def test_the_real_steps_leave_the_traces_that_the_sensor_reads(lost_and_found: dict[str, Any]) -> None:
    """April and May are ingested again, May with a file written anew: its cohort and all later ones are due.

    All, as a feature looks at the last use ever.
    """
    lake, instance = lost_and_found["lake"], lost_and_found["instance"]
    sensor, cursor = refresh_cohorts_sensor(lake.business), None

    def tick() -> Any:
        context = dg.build_sensor_context(
            instance=instance, cursor=cursor, resources={"lakehouse": lake.lakehouse}
        )
        return sensor(context)

    first = tick()
    assert not first.run_requests, first
    cursor = first.cursor
    april, may = MONTHS[3:5]
    file = list_extracts(lake.settings.landing_uri, lake.business.source("usage"), [may])[0]
    os.utime(file.path)
    assert lake.run(AGAIN, [april, may], instance=instance).success
    [request] = tick().run_requests
    assert request.job_name == "month_end"
    assert request.tags["dagster/asset_partition_range_start"] == "2025-05"
    assert request.tags["dagster/asset_partition_range_end"] == "2025-06"
