"""Topics are landed while the process follows: each message once, whoever else lands them."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from churn_assets.graph.names import extracts_of
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.live import topics
from churn_assets.live.figures import LiveFigures
from churn_assets.live.topics import TopicThread, topics_of
from churn_assets.local_servers.kafka_broker import KafkaBroker
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.topics.reader import extract_topic
from churn_assets_tests.lakes import settings_for
from churn_assets_tests.sources.topics.events import Calls, numbers, topic_contract

pytestmark = pytest.mark.one_python(
    reason="a broker of Kafka answers; drafting/test_topics reads one on each Python"
)

SECONDS = 60.0


def now() -> datetime:
    return datetime.now(UTC)


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.1)


@contextmanager
def _followed(thread: TopicThread, stop: threading.Event) -> Iterator[None]:
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(SECONDS)
        assert not thread.is_alive()


def test_each_message_lands_once_also_if_the_job_extract_lands_meanwhile(
    tmp_path: Path, broker: KafkaBroker
) -> None:
    calls, lakehouse = Calls(broker), Lakehouse(settings_for(tmp_path))
    source, landing = topic_contract(tmp_path, broker.address, calls.topic), tmp_path / "landing"
    assert topics_of([source]) == [source]
    for first in (0, 100):  # the second process goes on where the first one stopped
        stop = threading.Event()
        thread = TopicThread(lakehouse, source, now, LiveFigures(), stop)
        with _followed(thread, stop):
            calls.send(*range(first, first + 10))
            _until(lambda upto=first + 9: upto in numbers(landing))  # type: ignore[misc]
            with lakehouse.alone_with(extracts_of(source)):
                calls.send(*range(first + 10, first + 20))
                extract_topic(source, str(landing), str(tmp_path / f"draft{first}"), now())
            calls.send(*range(first + 20, first + 30))
            _until(lambda upto=first + 29: upto in numbers(landing))  # type: ignore[misc]
        assert thread.failed is None
    assert numbers(landing) == [*range(30), *range(100, 130)]


def test_a_broker_that_does_not_answer_is_asked_again_and_a_defect_is_not_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = topic_contract(tmp_path, "127.0.0.1:1", "calls")
    asked: list[int] = []

    def reader(*_: object) -> None:
        asked.append(1)
        if len(asked) < 3:
            raise ExtractError("kafka://127.0.0.1:1 does not answer")
        raise ZeroDivisionError

    monkeypatch.setattr(topics, "TopicReader", reader)
    monkeypatch.setattr(topics, "AGAIN_SECONDS", 0.01)
    stop = threading.Event()
    thread = TopicThread(Lakehouse(settings_for(tmp_path)), source, now, LiveFigures(), stop)
    with _followed(thread, stop):
        _until(lambda: thread.failed is not None)
    assert len(asked) == 3 and isinstance(thread.failed, ZeroDivisionError)
