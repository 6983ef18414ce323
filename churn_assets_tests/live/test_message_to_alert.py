"""From a message of a broker to an alert; and a day of the demo, which sends such messages itself."""

import io
import json
import re
import socket
import threading
from datetime import UTC, date, datetime, time
from pathlib import Path
from time import monotonic, sleep

import pytest
from rich.console import Console

from churn_assets.alerts.store import alerts
from churn_assets.cli import demo_live
from churn_assets.cli.demo_live import DayInSeconds, follow_day, next_day
from churn_assets.live.alone import FollowedError, alone
from churn_assets.live.figures import LiveFigures
from churn_assets.live.following import Follower, LiveStep
from churn_assets.local_servers.kafka_broker import BrokerError, KafkaBroker, why_not
from churn_assets.settings import COMING
from churn_assets.simulator.simulate import SimulationError
from churn_assets.sources_demo import events
from churn_assets.sources_demo.business import BROKER
from churn_assets.sources_demo.events import Event, Feeder, FeedError, events_of
from churn_assets_tests.brokers import did_not_start, without_broker
from churn_assets_tests.lakes import settings_for, write_csv, write_jsonl
from churn_assets_tests.live.world import TODAY, World, model, ticket_of, tracking_of, with_topic
from churn_assets_tests.silver.rows import subscription
from churn_assets_tests.sources.topics.events import copies

pytestmark = [
    pytest.mark.one_engine(reason="the parity of what it computes is tested on the lake of a job"),
    pytest.mark.one_python(reason="a broker of Kafka answers; drafting/test_topics reads one on each Python"),
]
MORE = [ticket_of(10, 6, f"{TODAY}T08:00:00Z"), ticket_of(11, 6, f"{TODAY}T07:00:00Z")]


def test_a_message_becomes_an_alert(
    world: World, broker: KafkaBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the messages is broken, counted and copied; the third ticket of a customer is told."""
    from confluent_kafka import Producer

    topics = with_topic(world, tmp_path / "topics", dead_letters="tickets_dead")
    stop, done = threading.Event(), list[LiveStep]()
    monkeypatch.setenv(BROKER, broker.address)
    for name in ("tickets", "tickets_dead"):
        broker.create_topic(name)
    producer = Producer({"bootstrap.servers": broker.address, "log_level": 0})
    for value in (*(json.dumps(row).encode() for row in MORE), b"{"):
        producer.produce("tickets", value)
    assert producer.flush(30) == 0

    figures, began = LiveFigures(), monotonic()

    def patience() -> None:
        copied = b'churn_live_dead_letters_total{source="tickets"} 1.0'
        while monotonic() - began < 240 and not (
            sum(one.arrived.rows for one in done) >= 3 and copied in figures.text()
        ):
            sleep(0.1)
        stop.set()

    threading.Thread(target=patience).start()
    follower = Follower(
        world.house,
        topics.business,
        tracking_of({"7": model()}),
        figures,
        lambda: datetime.combine(TODAY, time(12), UTC),
    )
    follower.run(stop, done.append)
    assert [message.value() for message in copies(broker, "tickets_dead")] == [b"{"]
    assert sum(one.arrived.rows for one in done) == 3 and sum(one.arrived.refused for one in done) == 1
    [told] = [row for one in done for row in one.alerts]
    assert (told["rule"], told["customer_key"]) == ("third_ticket", world.key(6))
    assert world.key(6) in done[-1].scores


@pytest.mark.slow
def test_a_day_of_the_demo_is_followed_and_everything_stopped(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reason := why_not():
        without_broker(reason)
    monkeypatch.setattr(events, "PATIENCE_SECONDS", 60.0)
    with_topic(world, tmp_path / "topics")
    coming = world.settings.home_path / COMING
    write_csv(coming, "subscriptions", str(TODAY), [subscription(2)])
    write_jsonl(coming, "tickets", str(TODAY), [*MORE, "{"])
    out = io.StringIO()
    console = Console(file=out, width=160)
    try:
        day = follow_day(world.house, world.business, tracking_of({"7": model()}), TODAY, 2.0, console)
    except BrokerError as error:
        did_not_start(error)
    assert day.rows["subscriptions"] == 1 and day.rows["tickets"] == 3 and day.alerts == 1
    assert world.key(6) in day.scores and len(day.seconds) >= 1
    assert [row["rule"] for row in alerts(world.house)] == ["third_ticket"]
    text = out.getvalue()
    assert "third_ticket" in text and "1 of them refused" in text
    assert "highest now: " in text
    assert not list(coming.rglob("*.jsonl")), "the day has come"
    [port] = re.findall(r"Kafka on 127\.0\.0\.1:(\d+)", text)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(port))) != 0, "the broker is stopped"
    assert not [thread for thread in threading.enumerate() if thread.name in ("feeder", "topic-tickets")]


def test_the_demo_of_a_home_that_is_followed_is_refused_before_its_world_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_live, "why_not", lambda: None)
    monkeypatch.setattr(demo_live, "make_world", lambda *_: pytest.fail("it was made"))
    settings, world = settings_for(tmp_path), demo_live.DemoWorld(1, 2, 3)
    with alone(settings), pytest.raises(FollowedError, match="Stop it first"):
        demo_live.demo_live(settings, world, Console(file=io.StringIO()))


def test_events_are_spread_over_the_day(tmp_path: Path) -> None:
    write_jsonl(tmp_path, "tickets", str(TODAY), [{"n": 1}, {"n": 2}], "a")
    write_jsonl(tmp_path, "invoices", str(TODAY), ["{", {"n": 3}, {"n": 4}, {"n": 5}], "a")
    found = events_of(sorted(tmp_path.rglob("*.jsonl")))
    assert [(event.share, event.topic) for event in found] == [
        (0.125, "invoices"),
        (0.25, "tickets"),
        (0.375, "invoices"),
        (0.625, "invoices"),
        (0.75, "tickets"),
        (0.875, "invoices"),
    ]
    assert found[0].value == b"{" and json.loads(found[-1].value) == {"n": 5}
    assert events_of([]) == []


def test_events_that_do_not_get_through_end_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("confluent_kafka")
    monkeypatch.setattr(events, "FLUSH_SECONDS", 0.1)
    stop = threading.Event()
    feeder = Feeder("127.0.0.1:1", [Event(0.5, "tickets", b"{}")], 0.01, stop, lambda _: True)
    feeder.start()
    assert stop.wait(30), "nobody waits for what does not come"
    feeder.join()
    assert isinstance(feeder.failed, FeedError) and "took 0 of 1 events" in str(feeder.failed)


def test_a_feeder_that_was_stopped_does_not_complain() -> None:
    pytest.importorskip("confluent_kafka")
    stop = threading.Event()
    feeder = Feeder("127.0.0.1:1", [Event(1.0, "tickets", b"{}")], 600, stop, lambda _: True)
    feeder.start()
    stop.set()
    feeder.join(30)
    assert not feeder.is_alive() and feeder.failed is None


def test_events_that_nobody_takes_end_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("confluent_kafka")
    monkeypatch.setattr(events, "PATIENCE_SECONDS", 0.01)
    stop = threading.Event()
    feeder = Feeder("127.0.0.1:1", [], 1, stop, lambda _: False)
    feeder.run()
    assert stop.is_set()
    assert "Not all of 0 events arrived" in str(feeder.failed)


def test_the_clock_of_the_demo_stays_within_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = DayInSeconds(TODAY, 60)
    assert clock() == datetime(2025, 3, 11, 6, tzinfo=UTC), "it stands"
    now = [100.0]
    monkeypatch.setattr("churn_assets.cli.demo_live.time.monotonic", lambda: now[0])
    clock.start()
    now[0] += 30
    assert clock() == datetime(2025, 3, 11, 13, tzinfo=UTC)
    now[0] += 90
    assert clock() == datetime(2025, 3, 11, 20, 1, tzinfo=UTC)


def test_the_next_day_is_the_first_that_has_not_come(tmp_path: Path) -> None:
    settings, days = settings_for(tmp_path), [date(2026, 6, n) for n in range(1, 4)]
    assert next_day(settings, days) == days[1], "the first gives scores to compare with"
    write_jsonl(tmp_path / COMING, "tickets", "2026-06-03", [], "a")
    assert next_day(settings, days) == days[2]
    for file in (tmp_path / COMING).rglob("*.jsonl"):
        file.unlink()
    with pytest.raises(SimulationError, match="All days up to 2026-06-03 have come"):
        next_day(settings, days)
