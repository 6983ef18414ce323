"""What breaks its contract goes from its file to the topic for dead letters, while rows are followed."""

import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from churn_assets.contracts.source import Source
from churn_assets.live import dead_letters
from churn_assets.live.dead_letters import DeadLetterThread, letters_of
from churn_assets.live.figures import LiveFigures
from churn_assets.local_servers.kafka_broker import KafkaBroker
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.topics.reader import extract_topic
from churn_assets_tests.sources.topics.events import Calls, copies, lines, topic_contract

pytestmark = pytest.mark.one_python(
    reason="a broker of Kafka answers; drafting/test_topics reads one on each Python"
)

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def _broken(name: str, *numbers: int) -> pa.Table:
    rows = [{"source_file": name, "row_number": n, "refused_rule": f"rule{n}"} for n in numbers]
    return pa.Table.from_pylist(rows)


def _landed(folder: Path, calls: Calls) -> tuple[Source, str, str]:
    """Source, name of the file and digest of the topic."""
    source = topic_contract(folder, calls.broker.address, calls.topic, deadLetters=f"{calls.topic}_dead")
    done = extract_topic(source, str(folder / "landing"), str(folder / "draft"), NOW).extract
    return source, done.name, done.record.asked


def test_lines_of_a_file_are_found_in_the_topic(tmp_path: Path, broker: KafkaBroker) -> None:

    calls = Calls(broker, partitions=3)
    for partition in (0, 2, 1, 0):
        calls.raw(b'{"at": %d}' % partition, b'{"at": %d, "second": 1}' % partition, partition=partition)
    _, name, asked = _landed(tmp_path, calls)
    told = [(b'"second"' in line, int(line[7:8])) for line in lines(tmp_path / "landing")]
    found = letters_of(_broken(name, *range(1, 9)), str(tmp_path / "landing"))
    by_line = {int(one.rule.removeprefix("rule")): one for one in found[asked]}
    assert [by_line[n].partition for n in range(1, 9)] == [partition for _, partition in told]
    assert [by_line[n].offset % 2 == 1 for n in range(1, 9)] == [second for second, _ in told]
    assert len({(one.partition, one.offset) for one in found[asked]}) == 8
    assert letters_of(_broken("calls/gone.jsonl.gz", 1), str(tmp_path / "landing")) == {}


def test_a_broker_that_fails_is_asked_again(
    tmp_path: Path, broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, true = Calls(broker, partitions=1), dead_letters.DeadLetterWriter
    broker.create_topic(f"{calls.topic}_dead")
    calls.raw(b"{", b"{}")
    source, name, _ = _landed(tmp_path, calls)
    asked: list[int] = []

    def writer(source: Source) -> dead_letters.DeadLetterWriter:
        asked.append(1)
        if len(asked) == 1:
            raise ExtractError("The broker does not answer.")
        return true(source)

    monkeypatch.setattr(dead_letters, "DeadLetterWriter", writer)
    monkeypatch.setattr(dead_letters, "AGAIN_SECONDS", 0.01)
    figures, stop = LiveFigures(), threading.Event()
    thread = DeadLetterThread(source, str(tmp_path / "landing"), figures, stop)
    thread.add(_broken(name, 1, 2))
    thread.add(_broken(name, 1))  # as after a new loading
    thread.start()
    end = time.monotonic() + 60
    while b'churn_live_dead_letters_total{source="calls"} 2.0' not in figures.text():
        assert time.monotonic() < end and thread.failed is None
        time.sleep(0.1)
    stop.set()
    thread.join(30)
    assert [message.value() for message in copies(calls.broker, f"{calls.topic}_dead")] == [b"{", b"{}"]
    assert len(asked) >= 2


def test_a_topic_that_is_made_anew_is_copied_from_its_beginning(
    tmp_path: Path, broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "AGAIN_SECONDS", 0.01)
    calls = Calls(broker, partitions=1)
    broker.create_topic(f"{calls.topic}_dead")
    calls.raw(b"{", b"[1")
    source, name, _ = _landed(tmp_path, calls)
    figures, stop = LiveFigures(), threading.Event()
    thread = DeadLetterThread(source, str(tmp_path / "landing"), figures, stop)
    thread.start()

    def copied(number: int) -> bool:
        return f'churn_live_dead_letters_total{{source="calls"}} {number}.0'.encode() in figures.text()

    def until_copied(number: int) -> None:
        end = time.monotonic() + 60
        while not copied(number):
            assert time.monotonic() < end and thread.failed is None
            time.sleep(0.1)

    thread.add(_broken(name, 1, 2))
    until_copied(2)
    calls.make_anew()
    calls.raw(b"[2")
    again = extract_topic(source, str(tmp_path / "landing"), str(tmp_path / "again"), NOW).extract.name
    thread.add(_broken(name, 1))
    thread.add(_broken(again, 1))
    until_copied(3)
    stop.set()
    thread.join(30)
    assert [m.value() for m in copies(broker, f"{calls.topic}_dead")] == [b"{", b"[1", b"[2"]


def test_a_defect_is_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "DeadLetterWriter", lambda _: 1 / 0)
    source = topic_contract(tmp_path, "127.0.0.1:1", "calls", deadLetters="dead")
    thread = DeadLetterThread(source, str(tmp_path), LiveFigures(), threading.Event())
    thread.add(_broken("file", 1))
    thread.start()
    thread.join(30)
    assert isinstance(thread.failed, ZeroDivisionError)
