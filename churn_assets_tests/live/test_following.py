"""The loop: restarts, a new champion, files that cannot be read, what the process tells of itself."""

import json
import threading
import traceback
import urllib.error
import urllib.request
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from churn_assets.alerts.raising import newest_scores
from churn_assets.alerts.store import alerts
from churn_assets.cli.live import lines_of
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import LakehouseError
from churn_assets.live import following, loading
from churn_assets.live.figures import LiveFigures, answering
from churn_assets.live.following import Follower, NothingDeliveredError
from churn_assets.live.scoring import NoModelError
from churn_assets.serving.release.live import read_live
from churn_assets_tests.live.world import (
    MORNING,
    TODAY,
    World,
    follower_of,
    land_tickets,
    model,
    ticket_of,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_engine(reason="the parity of what it computes is tested on the lake of a job")


def test_a_restart_scores_the_same_again_and_tells_nobody_twice(world: World) -> None:
    land_tickets(world, "a", ticket_of(10, 6, f"{TODAY}T08:00:00Z"), ticket_of(11, 6, f"{TODAY}T09:00:00Z"))
    first = follower_of(world)
    done = first.step()
    assert done is not None and [row["rule"] for row in done.alerts] == ["third_ticket"]
    assert first.catch_up(lambda _: None) == 0, "nothing waits any more"
    told = read_live(world.settings.releases_uri, str(MORNING))
    assert told is not None and told.as_of_date == str(TODAY) and told.model_version == "7"
    assert {row["customer_key"]: row["probability"] for row in told.scores} == done.scores
    [alert] = told.alerts
    assert alert["rule"] == "third_ticket" and not {"note", "acknowledged_by", "outbox"} & alert.keys()
    again = follower_of(world).step()
    assert again is not None and again.scores == done.scores and not again.alerts
    assert len(alerts(world.house)) == 1


def test_an_error_of_the_engine_tells_no_value_of_a_row(
    world: World, spark: "SparkSession", monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = spark.createDataFrame([("Erika",)], "name string").selectExpr("cast(name as int)")
    follower = follower_of(world)
    monkeypatch.setattr(follower.scorer.state, "take", lambda _: rows.collect())
    land_tickets(world, "a", ticket_of(10, 6, f"{TODAY}T08:00:00Z"))
    with pytest.raises(LakehouseError, match="A step of live: the engine failed with") as caught:
        follower.step()
    assert "Erika" not in "".join(traceback.format_exception(caught.value))


def test_a_new_champion_scores_without_a_restart(world: World) -> None:
    models = {"7": model(), "8": model(per_ticket=1.0)}
    follower = follower_of(world, models)
    land_tickets(world, "a", ticket_of(10, 6, f"{TODAY}T08:00:00Z"))
    before = follower.step()
    world.promote("8", date(2025, 3, 5))
    land_tickets(world, "b", ticket_of(10, 6, f"{TODAY}T08:00:00Z"))
    after = follower.step()
    key = world.key(6)
    assert before is not None and after is not None
    assert after.scores[key] > before.scores[key] and after.arrived.rows == 1


def test_only_the_touched_are_scored_where_the_first_snapshots_are_of_the_same_day(world: World) -> None:
    follower = follower_of(world, today=MORNING)
    land_tickets(world, "a", ticket_of(10, 6, f"{MORNING}T08:00:00Z"), day=MORNING)
    done = follower.step()
    assert done is not None and set(done.scores) == {world.key(6)}


def test_who_had_no_score_in_the_morning_is_compared_with_that_morning_all_the_same(world: World) -> None:
    """The morning compares everybody with one day, so nobody is told of a change since the day before it."""
    table, key = tables.CURRENT_SCORES, world.key(6)
    rows = world.house.arrow(table, None, [("as_of_date", "=", MORNING)]).to_pylist()
    before = [row | {"as_of_date": MORNING - timedelta(days=1), "risk_tier": "low"} for row in rows]
    kept = [*before, *(row for row in rows if row["customer_key"] != key)]
    days = [MORNING - timedelta(days=1), MORNING]
    world.house.replace_rows(table, table.rows(kept), "as_of_date", days, run_id="run")
    found = follower_of(world).scorer.score({key})
    known = newest_scores(found.lake, world.business)
    assert known is not None and (known.day, known.before) == (TODAY, MORNING)
    assert set(found.scores["customer_key"].to_pylist()) == {key}


def test_what_cannot_be_used_is_counted(world: World) -> None:
    follower = follower_of(world)
    land_tickets(
        world,
        "a",
        {"ticket_id": "T12", "customer_id": "NATID0001"},
        ticket_of(13, 1, f"{TODAY}T08:00:00Z"),
        ticket_of(14, 99, f"{TODAY}T08:00:00Z"),
        "{",
    )
    (world.folder / "landing" / "tickets" / f"extract_date={TODAY}" / "b.jsonl").write_bytes(
        b"PAR1 is no text"
    )
    done = follower.step()
    assert done is not None and done.arrived.refused >= 2 and world.key(1) in done.scores
    text = follower.figures.text().decode()
    assert 'churn_live_rows_refused_total{rule="required:opened_at",source="tickets"} 1.0' in text
    assert 'churn_live_customers_unknown_total{source="tickets"} 1.0' in text
    assert ", 1 customer without a key, 1 file unread" in lines_of(done)[0]
    assert "churn_live_customers_scored_total 1.0" in text and "churn_live_files_waiting 2.0" in text
    assert follower.step() is None, "a broken file is not looked at for ever"


def test_a_ticket_that_moved_is_no_longer_that_of_its_former_customer(world: World) -> None:
    follower, key = follower_of(world), world.key(6)
    land_tickets(world, "a", ticket_of(3, 12, "2025-03-09T10:00:00Z"))
    first = follower.step()
    land_tickets(world, "b", ticket_of(20, 6, f"{TODAY}T08:00:00Z"))
    second, at_once = follower.step(), follower_of(world).step()
    assert first is not None and second is not None and at_once is not None
    assert second.scores[key] == at_once.scores[key]


def test_a_channel_that_did_not_take_a_message_is_asked_again_though_nothing_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nobody: Any = SimpleNamespace(sources=[])
    house: Any = SimpleNamespace(settings=SimpleNamespace(landing_uri="landing"))
    stop, asked = threading.Event(), list[datetime]()

    def put_out(_lake: object, _business: object, now: datetime) -> None:
        asked.append(now)
        if len(asked) == 2:
            stop.set()

    monkeypatch.setattr(following, "put_out", put_out)
    monkeypatch.setattr(following, "PAUSE", 0.01)
    monkeypatch.setattr(following, "DELIVER_SECONDS", 0.02)
    monkeypatch.setattr(Follower, "step", lambda _: None)
    patience = threading.Timer(30, stop.set)
    patience.start()
    Follower(house, nobody, nobody, LiveFigures()).run(stop, lambda _: None)
    patience.cancel()
    assert len(asked) == 2


def test_whoever_scores_once_waits_for_a_loading_that_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody: Any = None
    follower, closed = Follower(nobody, nobody, nobody, LiveFigures()), list[bool]()
    follower.__dict__["_loader"] = SimpleNamespace(loading=True, close=lambda: closed.append(True))
    monkeypatch.setattr(Follower, "step", lambda _: None)
    assert follower.catch_up(lambda _: None) == 0 and closed == [True]


def test_without_a_champion_or_a_file_it_says_what_to_do(world: World) -> None:
    with pytest.raises(
        NoModelError, match=r"of 2025-02-27\. Train one: `churn-assets run train --from 2025-01`"
    ):
        _ = follower_of(world, today=date(2025, 2, 27)).scorer
    for file in (world.folder / "landing").rglob("*"):
        if file.is_file():
            file.unlink()
    with pytest.raises(NothingDeliveredError, match="holds no extract yet"):
        _ = follower_of(world).scorer


def test_a_thread_that_has_failed_ends_it_though_there_is_work_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nothing: Any = None
    follower = Follower(nothing, nothing, nothing, LiveFigures())
    failed = SimpleNamespace(failed=ZeroDivisionError(), start=lambda: None, join=lambda: None)
    steps, told, stop, looked = [1, 2], list[Any](), threading.Event(), list[bool]()
    look = SimpleNamespace(renew_if_needed=lambda *, loading: looked.append(loading))
    follower.__dict__["_renewal"] = look

    def step() -> Any:
        if not steps:
            stop.set()
        return steps.pop(0) if steps else None

    monkeypatch.setattr(follower, "_threads", lambda _: [failed])
    monkeypatch.setattr(follower, "_put_out", lambda: None)
    monkeypatch.setattr(follower, "step", step)
    with pytest.raises(ZeroDivisionError):
        follower.run(stop, told.append)
    assert told == [1]
    assert looked == [False], "it looks at the server of Sail before the step"


def test_health_and_metrics_answer_while_it_follows() -> None:
    figures = LiveFigures()

    def asked(path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(f"{address}{path}", timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    with answering(figures, "127.0.0.1", 0) as address:
        assert asked("/v2/health/live") == (200, json.dumps({"live": True}).encode())
        assert asked("/v2/health/ready")[0] == 503
        figures.ready = True
        assert asked("/v2/health/ready")[0] == 200
        assert b"churn_live_event_to_alert_seconds_bucket" in asked("/metrics")[1]
        assert asked("/else")[0] == 404


def test_what_the_lake_has_ingested_is_known_without_a_stop(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "LOOK_SECONDS", 0.0)
    follower = follower_of(world)
    land_tickets(world, "a", ticket_of(10, 77, f"{TODAY}T08:00:00Z"))
    first = follower.step()
    assert first is not None and first.arrived.strangers == 1
    before = follower.scorer.state
    assert follower.step() is None and follower.scorer.state is before, "nothing was ingested"

    keys = tables.CUSTOMER_KEYS
    known = world.house.arrow(keys)
    new = {"customer_id": "NATID0077", "customer_key": "a77"}
    row = pa.Table.from_pylist([{**known.slice(0, 1).to_pylist()[0], **new}], schema=known.schema)
    world.house.replace_rows(keys, row, "customer_key", ["a77"], run_id="run")
    done = world.house.arrow(tables.RECONCILIATION)
    months = sorted({*done["extract_month"].to_pylist()})
    world.house.replace_rows(tables.RECONCILIATION, done, "extract_month", months, run_id="run")
    assert follower.scorer.state is before, "it is loaded beside the work"
    loader = follower._loader
    loader.close()
    again = follower.step()
    assert again is not None and again.arrived.strangers == 0, "the file waits, and is taken again"
    assert "a77" in again.arrived.touched and follower.scorer.state is not before
