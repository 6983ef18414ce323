"""Which extract settles which cohorts, and what is asked for again when settling failed."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from churn_assets.automation.refresh_cohorts_sensor import COHORT_TABLES
from churn_assets.lakehouse import tables
from churn_assets_tests.automation.world import SETTLED, Request, World

pytestmark = pytest.mark.one_python(
    reason="runs assets over a small lake, as tests of other modules do on each Python"
)

JUNE = ("settle", "2025-06", "2025-06")


@pytest.fixture(scope="module")
def july(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Everything until July is there, cohorts from March on, and nothing is to be done. Tests change copies of it."""
    with dg.DagsterInstance.ephemeral() as instance:
        found = World(tmp_path_factory.mktemp("july"), instance)
        found.ingest("2025-01", "2025-07")
        found.month_end("2025-03", "2025-07")
        assert found.tick() == []
        yield found


@pytest.fixture
def quiet(july: World, tmp_path: Path) -> Iterator[World]:
    """A copy of `july`."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield july.copied(tmp_path, instance)


@pytest.fixture
def asked(quiet: World) -> World:
    """The cohort of June can settle with the extracts of August, and has been asked for."""
    quiet.ingest("2025-08")
    assert quiet.tick() == [("month_end", "2025-08", "2025-08"), JUNE]
    quiet.month_end("2025-08")
    return quiet


# The cohort of June: as_of 2025-06-30 + 7 + 30 + 3 days is 2025-08-09.
@pytest.mark.parametrize(
    ("day", "due"),
    [
        (date(2025, 8, 8), []),
        (date(2025, 8, 9), [("settle", "2025-06", "2025-06")]),
        (date(2025, 8, 31), [("settle", "2025-06", "2025-06")]),
    ],
)
def test_labels_settle_with_the_first_extract_that_can_tell(
    tmp_path: Path, day: date, due: list[Request]
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        world = World(tmp_path, instance)
        world.ingest("2025-01", "2025-07")
        world.month_end("2025-03", "2025-06")
        world.month_end("2025-07")
        assert world.tick() == []
        world.deliver("subscriptions", "2025-08", "some", [day])
        world.deliver("tickets", "2025-08", "some", [date(2025, 8, 31)])  # says nothing about who left
        world.ingest("2025-08")
        found = world.tick()
        assert [r for r in found if r[0] == "settle"] == due
        assert world.tick() == []
        world.month_end("2025-06")
        world.month_end("2025-08")
        assert world.tick() == []


def test_a_late_settling_extract_settles_all_that_it_can_tell_of(tmp_path: Path) -> None:
    """No extract of subscriptions from July to September; the one of October tells of four cohorts."""
    with dg.DagsterInstance.ephemeral() as instance:
        late = World(tmp_path, instance)
        for month in ("2025-07", "2025-08", "2025-09"):
            late.deliver("subscriptions", month, "empty", [])
        late.ingest("2025-01", "2025-09")
        late.month_end("2025-03", "2025-09")
        assert late.tick() == []
        late.deliver("subscriptions", "2025-10", "at last", [date(2025, 10, 20)])
        late.ingest("2025-10", without="tickets")
        assert late.tick() == []
        assert "2025-05 waits for tickets 2025-10" in late.told
        late.ingest("2025-10")
        # as_of 2025-08-31 + 40 days is 2025-10-10; May settles too: its extract of 2025-07-10 never came
        assert late.tick() == [
            ("month_end", "2025-10", "2025-10"),
            ("settle", "2025-05", "2025-08"),
        ]


def test_a_cohort_that_is_made_anew_settles_with_that(quiet: World) -> None:
    quiet.deliver("tickets", "2025-06", "and a late file")
    quiet.ingest("2025-06")
    quiet.ingest("2025-08")
    assert quiet.tick() == [("month_end", "2025-06", "2025-08")]
    quiet.month_end("2025-06", "2025-08")
    assert quiet.tick() == []


def test_a_cohort_made_anew_waits_for_the_feeds_of_its_labels_too(quiet: World) -> None:
    """Subscriptions of August settle June, but tickets of August are lost: labels would refuse, so nothing starts."""
    quiet.deliver("tickets", "2025-05", "and a late file")
    quiet.ingest("2025-05")
    quiet.ingest("2025-08", without="tickets")
    # May settled in July, and July is not to settle before September
    assert quiet.tick() == [("month_end", "2025-05", "2025-05"), ("month_end", "2025-07", "2025-07")]
    quiet.month_end("2025-05")
    quiet.month_end("2025-07")
    assert quiet.tick() == []
    assert "2025-06 waits for tickets 2025-08" in quiet.told
    quiet.ingest("2025-08")
    assert quiet.tick() == [("month_end", "2025-06", "2025-06"), ("month_end", "2025-08", "2025-08")]


@pytest.mark.parametrize("written", [(), SETTLED[:1], SETTLED[:2]])
def test_settling_that_failed_is_asked_for_once_a_day_until_it_has_passed(
    asked: World, written: tuple[tables.Table, ...]
) -> None:
    """Labels, performance or drift failed; no file of a cohort that old need ever change again."""
    for _ in range(2):
        if written:
            asked.settle("2025-06", written)
        assert asked.tick() == []
        asked.now += timedelta(days=1)
        assert asked.tick() == [JUNE]
        assert asked.tick() == []
    asked.settle("2025-06")
    asked.now += timedelta(days=1)
    assert asked.tick() == []


@pytest.mark.parametrize("written", [(), SETTLED[:1]])
def test_settling_that_failed_is_asked_for_at_once_when_something_has_changed(
    asked: World, written: tuple[tables.Table, ...]
) -> None:
    if written:
        asked.settle("2025-06", written)
    assert asked.tick() == []
    asked.deliver("tickets", "2025-07", "mended")
    asked.ingest("2025-07")
    assert asked.tick() == [("month_end", "2025-07", "2025-08"), JUNE]
    asked.month_end("2025-07", "2025-08")
    asked.settle("2025-06")
    assert asked.tick() == []


def test_labels_made_anew_call_for_their_figures(asked: World) -> None:
    """Somebody ran the job snapshot over an old cohort."""
    asked.settle("2025-06")
    assert asked.tick() == []
    asked.now += timedelta(days=1)
    asked.month_end("2025-04", written=SETTLED[:1])
    assert asked.tick() == [("settle", "2025-04", "2025-04")]


def test_a_cohort_that_nobody_scored_has_no_figures_to_wait_for(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        world = World(tmp_path, instance)
        world.ingest("2025-01", "2025-12")
        world.month_end("2025-03", "2025-12", written=COHORT_TABLES[:2])
        assert world.tick() == []
        world.write(tables.CHURN_SCORES, ["2025-08", "2025-12"])
        assert world.tick() == [("settle", "2025-08", "2025-08")], "December has not settled"
