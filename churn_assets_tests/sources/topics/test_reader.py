"""Topics as extracts: each message once, whatever was killed, deleted, added or lost meanwhile."""

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from churn_assets.local_servers.kafka_broker import KafkaBroker
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.records import records
from churn_assets.sources.topics import reader as reader_module
from churn_assets.sources.topics.places import TopicPlaces
from churn_assets.sources.topics.reader import TopicExtract, TopicReader, extract_topic
from churn_assets_tests.sources.topics.events import Calls, lines, numbers, topic_contract

pytestmark = pytest.mark.one_python(
    reason="a broker of Kafka answers; drafting/test_topics reads one on each Python"
)

EVENING = datetime(2026, 3, 10, 23, 15, tzinfo=UTC)
KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from churn_assets.sources.live import landing_files
from churn_assets.sources.topics import drafts, reader
from churn_assets_tests.sources.topics.events import topic_contract

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

where = sys.argv[4]
if where == "messages":
    drafts.line_of = die
elif where == "finish":
    drafts.DocumentDraft.finish = die
elif where == "rename":
    landing_files.sync_file = die
elif where == "told":
    reader.TopicReader._tell = die
source = topic_contract(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
folder = Path(sys.argv[1]) / "killed"
reader.extract_topic(source, sys.argv[1] + "/landing", f"{folder}/{where}", datetime.fromisoformat(sys.argv[5]))
"""


class Follower:
    """Makes extracts of a topic, a minute apart."""

    def __init__(self, folder: Path, calls: Calls, **own: Any) -> None:
        self.folder, self.calls = folder, calls
        self.source = topic_contract(folder, calls.broker.address, calls.topic, **own)
        self.landing = folder / "landing"
        self.minutes = count()

    def now(self) -> datetime:
        return EVENING + timedelta(minutes=next(self.minutes))

    def draft(self) -> str:
        return str(self.folder / f"draft{next(self.minutes)}")

    def extract(self) -> TopicExtract:
        return extract_topic(self.source, str(self.landing), self.draft(), self.now())


def test_each_message_comes_once(tmp_path: Path, broker: KafkaBroker) -> None:
    follower = Follower(tmp_path, Calls(broker))
    follower.calls.send(*range(5))
    first = follower.extract()
    assert (first.extract.record.rows, first.refused, first.lost) == (5, 0, {})
    assert first.extract.name.startswith("calls/extract_date=2026-03-10/changes_20260310T23")
    follower.calls.send(5, 6)
    assert follower.extract().extract.record.rows == 2
    assert follower.extract().extract.record.rows == 0
    assert numbers(follower.landing) == [*range(7)]
    first_file = min((follower.landing / "calls").rglob("*.gz"))
    first_file.unlink()
    follower.extract()
    assert {*numbers(follower.landing)} == {*range(7)}  # what a deleted file held is read again


def test_what_is_no_object_keeps_its_text_and_is_counted(tmp_path: Path, broker: KafkaBroker) -> None:
    follower = Follower(tmp_path, Calls(broker, 1))
    bad = [b"{broken", b"[1]", None, b" ", b"\xff\xfe", b'{"a":1,"a":2}', b"two\nlines"]
    follower.calls.raw(*bad, b'{\n "call_id": 1.50,\r\n "a": {}}', partition=0)
    done = follower.extract()
    assert (done.refused, done.extract.record.rows) == (7, 8)
    assert lines(follower.landing) == [
        b'"{broken"', b'"[1]"', b'""', b'" "', rb'"\\xff\\xfe"', rb'"{\"a\":1,\"a\":2}"', rb'"two\nlines"',
        b'{  "call_id": 1.50,   "a": {}}',
    ]  # fmt: skip


def test_a_contract_may_ask_for_the_place_of_a_message(tmp_path: Path, broker: KafkaBroker) -> None:
    more = "- {name: position, physicalName: _offset, logicalType: integer}"
    follower = Follower(tmp_path, Calls(broker, 1), more=more)
    follower.calls.raw(b"{}", b'{"a":1}', b'{"_offset":7}', partition=0)
    follower.extract()
    assert lines(follower.landing) == [b'{"_offset":0}', b'{"a":1,"_offset":1}', b'{"_offset":7}']


def test_a_partition_that_is_added_is_read_from_its_beginning(tmp_path: Path, broker: KafkaBroker) -> None:
    from confluent_kafka.cimpl import NewPartitions

    follower = Follower(tmp_path, Calls(broker, 1))
    follower.calls.send(0, 1)
    follower.extract()
    admin = broker.admin()
    admin.create_partitions([NewPartitions(follower.calls.topic, 2)])[follower.calls.topic].result()
    follower.calls.send(2, partition=0)
    follower.calls.producer.list_topics(follower.calls.topic)
    follower.calls.send(3, partition=1)
    assert follower.extract().extract.record.rows == 2
    assert numbers(follower.landing) == [0, 1, 2, 3]


def test_messages_that_were_deleted_before_they_were_read_are_counted(
    tmp_path: Path, broker: KafkaBroker
) -> None:
    from confluent_kafka import TopicPartition

    follower = Follower(tmp_path, Calls(broker, 1))
    follower.calls.send(*range(3))
    follower.extract()
    follower.calls.send(*range(3, 10))
    admin = broker.admin()
    place = TopicPartition(follower.calls.topic, 0, 8)
    admin.delete_records([place])[place].result()
    done = follower.extract()
    assert (done.lost, done.extract.record.rows) == ({0: 5}, 2)
    assert follower.extract().lost == {0: 5}, "also what others have found within a day"
    later = extract_topic(
        follower.source, str(follower.landing), follower.draft(), EVENING + timedelta(days=2)
    )
    assert later.lost == {} and later.extract.record.lost == {}
    assert numbers(follower.landing) == [0, 1, 2, 8, 9]


def test_the_broker_is_told_how_far_the_extracts_reach(tmp_path: Path, broker: KafkaBroker) -> None:
    from confluent_kafka import Consumer, TopicPartition

    follower = Follower(tmp_path, Calls(broker, 1))
    follower.calls.send(*range(3))
    follower.extract()  # the client ends right after it has told
    group = Consumer({"bootstrap.servers": broker.address, "group.id": "churn-assets-calls"})
    [place] = group.committed([TopicPartition(follower.calls.topic, 0)], 30)
    group.close()
    assert place.offset == 3


def test_another_topic_of_the_same_name_begins_anew(tmp_path: Path, broker: KafkaBroker) -> None:
    follower = Follower(tmp_path, Calls(broker, 1))
    follower.calls.send(*range(3))
    follower.extract()
    admin = broker.admin()
    admin.delete_topics([follower.calls.topic])[follower.calls.topic].result()
    broker.create_topic(follower.calls.topic)
    follower.calls.send(7)
    done = follower.extract()
    assert (done.extract.record.rows, done.lost) == (1, {})


def test_a_topic_that_is_made_anew_while_it_is_followed_loses_nothing(
    tmp_path: Path, broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = Follower(tmp_path, Calls(broker, 1))
    follower.calls.send(*range(3))
    with TopicReader(follower.source, str(follower.landing), follower.draft()) as reader:
        while reader.waiting < 3:
            reader.poll(1.0)
        reader.land(follower.now())
        admin = broker.admin()
        admin.delete_topics([follower.calls.topic])[follower.calls.topic].result()
        broker.create_topic(follower.calls.topic)
        follower.calls.send(*range(10, 15))  # the place that is reached lies inside the new topic, too
        monkeypatch.setattr(reader_module, "LOOK_SECONDS", 0.0)
        with pytest.raises(ExtractError, match="made anew"):
            reader.poll(1.0)
    follower.extract()
    assert numbers(follower.landing) == [0, 1, 2, *range(10, 15)]


def test_a_topic_made_anew_that_is_shorter_is_not_taken_for_a_restored_one(
    tmp_path: Path, broker: KafkaBroker
) -> None:
    follower = Follower(tmp_path, Calls(broker, 1))
    follower.calls.send(*range(3))
    follower.extract()
    with TopicPlaces(follower.source, str(follower.landing)) as places:
        client: Any = SimpleNamespace(
            get_watermark_offsets=lambda *_, **__: (0, 1), close=places.consumer.close
        )
        places.consumer = client
        with pytest.raises(ExtractError, match="restored from a backup"):
            places.bounds(0, 3)
        follower.calls.make_anew()
        follower.calls.send(10)
        with pytest.raises(ExtractError, match="made anew"):
            places.bounds(0, 3)


@pytest.mark.parametrize("where", ["messages", "finish", "rename", "told"])
def test_a_kill_neither_skips_nor_doubles(tmp_path: Path, broker: KafkaBroker, where: str) -> None:
    follower = Follower(tmp_path, Calls(broker))
    follower.calls.send(*range(50))
    follower.extract()
    follower.calls.send(*range(50, 100))
    command = [sys.executable, "-c", KILLED, str(tmp_path), broker.address, follower.calls.topic, where]
    done = subprocess.run([*command, follower.now().isoformat()], capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    held = 100 if where == "told" else 50
    assert numbers(follower.landing) == [*range(held)]
    follower.extract()
    assert numbers(follower.landing) == [*range(100)]
    assert not list(follower.landing.rglob(".*"))


def test_a_reader_goes_on_over_extracts_and_a_kill_of_the_broker(tmp_path: Path, broker: KafkaBroker) -> None:
    follower = Follower(tmp_path, Calls(broker))
    sent = 0
    with TopicReader(follower.source, str(follower.landing), follower.draft()) as reader:
        for round_ in range(3):
            if round_ == 1:
                broker.kill()
                broker.start()
            follower.calls.send(*range(sent, sent + 20))
            sent += 20
            for _ in range(60):
                reader.poll(1.0)
                if reader.waiting == 20:
                    break
            assert reader.land(follower.now()).extract.record.rows == 20
        assert (reader.waiting, reader.lag()) == (0, 0)
    assert numbers(follower.landing) == [*range(60)]
    assert len(records(str(follower.landing), follower.source)) == 3


class _OutOfRange:
    """What the client gives for a partition whose next message was deleted."""

    def error(self) -> Any:
        from confluent_kafka import KafkaError

        return KafkaError(KafkaError.OFFSET_OUT_OF_RANGE)

    def partition(self) -> int:
        return 0


class _Consumer:
    """A consumer whose first answer with messages also tells, in their middle, that a place is gone."""

    def __init__(self, own: Any) -> None:
        self._own, self._told = own, False

    def consume(self, most: int, seconds: float) -> list[Any]:
        found = self._own.consume(most, seconds)
        if len(found) > 1 and not self._told:
            self._told = True
            found.insert(1, _OutOfRange())
        return list(found)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)


def test_a_partition_that_begins_anew_doubles_no_message_of_another(
    tmp_path: Path, broker: KafkaBroker
) -> None:
    follower = Follower(tmp_path, Calls(broker, 2))
    follower.calls.send(*range(20), partition=1)
    with TopicReader(follower.source, str(follower.landing), follower.draft()) as reader:
        reader._consumer = _Consumer(reader._consumer)  # type: ignore[assignment]
        for _ in range(5):
            reader.poll(1.0)
        assert reader._consumer._told  # type: ignore[attr-defined]
        assert reader.land(follower.now()).extract.record.rows == 20
    assert numbers(follower.landing) == [*range(20)]


def test_two_extracts_of_one_moment_both_stay(tmp_path: Path, broker: KafkaBroker) -> None:
    follower = Follower(tmp_path, Calls(broker, 1))
    with TopicReader(follower.source, str(follower.landing), follower.draft()) as reader:
        for number in range(2):
            follower.calls.send(number)
            while not reader.waiting:
                reader.poll(1.0)
            reader.land(EVENING)
    assert numbers(follower.landing) == [0, 1]


def test_what_hinders_is_told_without_the_password(
    tmp_path: Path, broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("churn_assets.sources.topics.client.CONNECT_SECONDS", 2)
    monkeypatch.setattr("churn_assets.sources.topics.places.CONNECT_SECONDS", 2)
    nowhere = topic_contract(tmp_path, broker.address, "nowhere")
    with pytest.raises(ExtractError, match=r"The topic nowhere of .*nknown topic"):
        extract_topic(nowhere, str(tmp_path / "landing"), str(tmp_path / "a"), EVENING)
    own = {"protection": "sasl_plaintext", "mechanism": "PLAIN", "user": "reader", "password": "${PASS}"}
    secret = topic_contract(tmp_path, "127.0.0.1:9", "calls", **own)
    with pytest.raises(ExtractError, match="PASS is not set"):
        extract_topic(secret, str(tmp_path / "landing"), str(tmp_path / "b"), EVENING)
    with pytest.raises(ExtractError) as error:
        extract_topic(
            secret, str(tmp_path / "landing"), str(tmp_path / "c"), EVENING, {"PASS": "Kanarienvogel"}
        )
    assert "127.0.0.1:9" in str(error.value) and "Kanarienvogel" not in str(error.value)
    assert not (tmp_path / "landing").exists()
