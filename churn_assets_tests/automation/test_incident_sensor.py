"""What is wrong in a home opens exactly one incident each, tells it once, and is closed with the evidence."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner

from churn_assets.automation.failed_runs import EndedRun, failed_for_good
from churn_assets.automation.incident_sensor import incidents_sensor, watch
from churn_assets.cli.main import cli
from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end, month_of
from churn_assets.operations.channels.outbox import Outbox
from churn_assets.operations.incidents.incident import Incident
from churn_assets.operations.incidents.store import incidents, records
from churn_assets.serving.release.reading import read_status
from churn_assets_tests.lakes import settings_for, settle_cohorts, small_business
from churn_assets_tests.scored_cohorts import put_in_charge

FILES = [{"name": "files", "kind": "folder", "folder": "f"}]
TODAY = datetime.now(UTC)
THIS_MONTH = month_of(TODAY.date())


@pytest.fixture
def business(tmp_path: Path) -> Business:
    calendar = {"start": month_of((TODAY - timedelta(days=400)).date()), "end": None}
    return load_business(small_business(tmp_path, channels=FILES, calendar=calendar))


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    return Lakehouse(settings_for(tmp_path / "home"))


def _watch(instance: dg.DagsterInstance, house: Lakehouse, business: Business) -> list[Incident]:
    return watch(instance, house, business, datetime.now(UTC))


def _titles(house: Lakehouse) -> list[str]:
    """Titles of the messages in the outbox."""
    return [w.message.title for w in Outbox(house.settings.home_path).waiting("files")]


def _passed(house: Lakehouse, business: Business, days: Sequence[date], late: Sequence[date] = ()) -> None:
    """Extracts that passed silver; those of tickets are `late`, if any."""
    passed = {
        "delivered": 1,
        "accepted": 1,
        "duplicate": 0,
        "quarantined": 0,
        "balances": True,
        "whole": True,
    }
    rows = [
        passed | {"source": source.name, "extract_month": month_of(day), "extract_dates": [day]}
        for source in business.sources
        for day in (late if source.name == "tickets" and late else days)
    ]
    months = sorted({row["extract_month"] for row in rows} | {month_of(day) for day in days})
    house.replace_rows(
        tables.RECONCILIATION, tables.RECONCILIATION.rows(rows), "extract_month", months, run_id="r"
    )


def test_a_late_source_is_one_incident_that_ends_when_it_delivers(
    lakehouse: Lakehouse, business: Business
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert _watch(instance, lakehouse, business) == [], "nothing was ever loaded"
        today = TODAY.date()
        first = month_end(month_of((TODAY - timedelta(days=70)).date()))
        last = month_end(month_of((TODAY - timedelta(days=today.day + 1)).date()))
        _passed(lakehouse, business, [first, last, today], [first])
        [record] = _watch(instance, lakehouse, business)
        assert (record.kind, record.dedup_key) == ("source_late", "source:tickets")
        assert "tickets: " in record.note and " was due on " in record.note
        assert _watch(instance, lakehouse, business) == []
        _passed(lakehouse, business, [first, last, today])
        [closed] = _watch(instance, lakehouse, business)
        assert closed.state == "closed"
        assert closed.note.startswith("tickets: in time")
        assert _watch(instance, lakehouse, business) == []
    assert len(_titles(lakehouse)) == 2


def test_a_source_is_not_judged_late_while_an_ingest_loads_it(
    lakehouse: Lakehouse, business: Business
) -> None:
    today = TODAY.date()
    first = month_end(month_of((TODAY - timedelta(days=70)).date()))
    _passed(lakehouse, business, [first, today], [first])
    with dg.DagsterInstance.ephemeral() as instance:
        config = {"ops": {"load": {"config": {"fail": False}}}}
        run = instance.create_run_for_job(ingest, run_config=config, status=dg.DagsterRunStatus.STARTED)
        assert _watch(instance, lakehouse, business) == []
        instance.report_run_canceled(run)
        assert "source:tickets" in {record.dedup_key for record in _watch(instance, lakehouse, business)}


def _performance(house: Lakehouse, *upper_ends: float) -> None:
    settle_cohorts(house, ["2025-06", "2025-07", "2025-08"], upper_ends, date(2025, 12, 1))


def test_a_degraded_model_is_one_incident_that_ends_when_it_is_good_again(
    lakehouse: Lakehouse, business: Business
) -> None:
    put_in_charge(lakehouse, 0.80)
    with dg.DagsterInstance.ephemeral() as instance:
        _performance(lakehouse, 0.85, 0.84, 0.83)
        assert _watch(instance, lakehouse, business) == []
        _performance(lakehouse, 0.85, 0.77, 0.76)
        [record] = _watch(instance, lakehouse, business)
        assert (record.kind, record.priority) == ("model_degraded", "P3")
        assert "2 of the last 3 cohorts are below the bar" in record.note
        assert _watch(instance, lakehouse, business) == []
        _performance(lakehouse, 0.85, 0.77, 0.84)
        [closed] = _watch(instance, lakehouse, business)
        assert closed.state == "closed" and "The newest cohort is not below the bar." in closed.note
    assert len(_titles(lakehouse)) == 2


@dg.op(config_schema={"fail": bool})
def load(context: dg.OpExecutionContext) -> None:
    """A step that fails if it is told to."""
    if context.op_config["fail"]:
        raise ValueError("row of Ann Canary")


@dg.job(name="ingest")
def ingest() -> None:
    """A job of the name of the real one."""
    load()


def run_ingest(instance: dg.DagsterInstance, fail: bool, first: str, last: str, **tags: str) -> str:
    """A run of the job `ingest` over some months, which fails or not; its id."""
    done = ingest.execute_in_process(
        instance=instance,
        raise_on_error=False,
        run_config={"ops": {"load": {"config": {"fail": fail}}}},
        tags={
            "dagster/asset_partition_range_start": first,
            "dagster/asset_partition_range_end": last,
        }
        | {f"dagster/{name}": value for name, value in tags.items()},
    )
    return done.run_id


def test_a_failed_run_is_one_incident_that_ends_with_a_run_of_the_same_months(
    lakehouse: Lakehouse, business: Business
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        waits = run_ingest(instance, True, "2026-05", "2026-05", will_retry="true")
        assert _watch(instance, lakehouse, business) == [], "Dagster tries again"
        instance.add_run_tags(waits, {"dagster/will_retry": "false"})
        [record] = _watch(instance, lakehouse, business)
        assert record.note == f"Run {waits[:8]} of ingest for 2026-05 failed at load."
        again = run_ingest(instance, True, "2026-05", "2026-05")
        [joined] = _watch(instance, lakehouse, business)
        assert (joined.what, joined.events, joined.last_event) == ("joined", 2, again)
        run_ingest(instance, False, "2026-06", "2026-06")
        assert _watch(instance, lakehouse, business) == [], "another month proves nothing"
        good = run_ingest(instance, False, "2026-04", "2026-06")
        [closed] = _watch(instance, lakehouse, business)
        assert closed.state == "closed"
        assert closed.note.startswith(f"Run {good[:8]} of ingest for 2026-04 to 2026-06 succeeded at ")
        assert _watch(instance, lakehouse, business) == []
    assert all("Canary" not in record.note for record in records(lakehouse))
    assert _titles(lakehouse) == [
        "INC-1 P3: ingest for 2026-05 failed",
        "INC-1 P3: ingest for 2026-05 failed - over",
    ]


def test_an_old_failure_opens_nothing_and_assets_chosen_by_hand_are_less_urgent() -> None:
    now = datetime(2026, 6, 10, tzinfo=UTC)
    old = EndedRun("a", "ingest", "2026-05", "2026-05", now - timedelta(days=8), False, False)
    mine = EndedRun("b", "assets-12", "", "", now, False, False)
    assert list(failed_for_good([old, mine], now)) == [mine]
    assert mine.told == "chosen assets"


def test_a_channel_that_fails_is_told_on_another_one(lakehouse: Lakehouse, tmp_path: Path) -> None:
    lines = [*FILES, {"name": "hook", "kind": "webhook", "url": "https://x.example", "secret": "${X}"}]
    business = load_business(small_business(tmp_path, channels=lines))
    outbox = Outbox(lakehouse.settings.home_path)
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    outbox.failed("hook", "No answer.", hour_ago, hour_ago)
    with dg.DagsterInstance.ephemeral() as instance:
        [record] = _watch(instance, lakehouse, business)
        assert (record.kind, record.besides) == ("message_undeliverable", "hook")
        assert len(_titles(lakehouse)) == 1
        assert outbox.waiting("hook") == []
        assert _watch(instance, lakehouse, business) == []


def test_a_message_lost_between_record_and_outbox_is_queued_by_the_next_look(
    lakehouse: Lakehouse, business: Business
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run_ingest(instance, True, "2026-05", "2026-05")
        _watch(instance, lakehouse, business)
        outbox = Outbox(lakehouse.settings.home_path)
        with outbox._transaction() as db:
            db.execute("DELETE FROM messages")  # as if the process had died before it queued
        assert _watch(instance, lakehouse, business) == []
        assert len(_titles(lakehouse)) == 1


def test_the_sensor_says_what_it_did(lakehouse: Lakehouse, business: Business) -> None:
    sensor: Callable[..., Any] = incidents_sensor(business)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance, resources={"lakehouse": lakehouse})
        assert sensor(context).skip_message == "Nothing has changed."
        run_ingest(instance, True, "2026-05", "2026-05")
        context = dg.build_sensor_context(instance=instance, resources={"lakehouse": lakehouse})
        assert sensor(context).skip_message == "INC-1 opened: ingest for 2026-05 failed."


def test_a_failed_run_replaces_the_status_that_readers_see(lakehouse: Lakehouse, business: Business) -> None:
    """The run itself could not: its last step was skipped."""
    sensor: Callable[..., Any] = incidents_sensor(business)
    root = lakehouse.settings.releases_uri
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance, resources={"lakehouse": lakehouse})
        sensor(context)
        assert read_status(root) is None, "no run has ended"
        run_ingest(instance, True, THIS_MONTH, THIS_MONTH)
        sensor(context)
        told = read_status(root)
        assert told is not None
        [incident] = told["incidents"]
        assert incident["title"].startswith("ingest") and "Canary" not in str(told)
        sensor(context)
        assert read_status(root) == told, "nothing has happened since"


def test_a_person_sees_takes_and_resolves_an_incident(
    lakehouse: Lakehouse, business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_HOME", lakehouse.settings.home)
    monkeypatch.setenv("LOGNAME", "ann")

    def typed(*words: str) -> str:
        return CliRunner().invoke(cli, ["incident", *words]).output

    assert typed("list") == "No incident is open.\n"
    with dg.DagsterInstance.ephemeral() as instance:
        run_ingest(instance, True, "2026-05", "2026-05")
        _watch(instance, lakehouse, business)
        assert typed("list") == "INC-1 P3 new: ingest for 2026-05 failed\n"
        assert typed("ack", "INC-1", "--note", "I look.") == "INC-1 is acknowledged.\n"
        assert "INC-1 is acknowledged already." in typed("ack", "INC-1")
        assert "There is no incident INC-9" in typed("ack", "INC-9")
        assert typed("resolve", "inc-1", "--why", "Ran it again.") == "INC-1 is resolved.\n"
        story = typed("show", "INC-1").splitlines()
        assert story[0] == "INC-1 P3 resolved: ingest for 2026-05 failed"
        assert "kind run_failed, impact 2, urgency 2, 1 event" in story[1]
        assert story[3] == "  look: churn-assets doctor"
        assert [line.split(" ")[4:7] for line in story[4:]] == [
            ["opened", "by", "churn-assets:"],
            ["acknowledged", "by", "ann:"],
            ["resolved", "by", "ann:"],
        ]
        run_ingest(instance, False, "2026-05", "2026-05")
        _watch(instance, lakehouse, business)
        assert typed("list") == "No incident is open. --all shows 1 closed one.\n"
        [one] = incidents(lakehouse)
        assert one.state == "closed" and one.acknowledged_at is not None
