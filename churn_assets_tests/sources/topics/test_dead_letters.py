"""Dead letters: messages that break their contract are copied once, whoever was killed or tries again."""

import os
from pathlib import Path
from typing import Any

import pytest

from churn_assets.contracts.mistakes import DeclarationErrors
from churn_assets.contracts.source import Source
from churn_assets.local_servers.kafka_broker import KafkaBroker
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.topics import dead_letters
from churn_assets.sources.topics.client import topic_address, topic_of
from churn_assets.sources.topics.dead_letters import DeadLetter, DeadLetterWriter, PutOut
from churn_assets_tests.sources.topics.events import Calls, copies, topic_contract

pytestmark = pytest.mark.one_python(
    reason="a broker of Kafka answers; drafting/test_topics reads one on each Python"
)


@pytest.fixture
def calls(broker: KafkaBroker) -> Calls:
    """Ten messages in one partition, and a topic for dead letters."""
    made = Calls(broker, partitions=1)
    broker.create_topic(f"{made.topic}_dead")
    made.raw(*(b'{"call_id": %d}' % number for number in range(10)))
    return made


def _source(folder: Path, calls: Calls, **own: Any) -> Source:
    return topic_contract(
        folder, calls.broker.address, calls.topic, **{"deadLetters": f"{calls.topic}_dead"} | own
    )


def test_a_copy_is_the_message_with_its_place_and_rule(tmp_path: Path, calls: Calls) -> None:
    calls.producer.produce(calls.topic, b"{", key=b"k", headers=[("trace", b"1")])
    calls.producer.flush(30)
    with DeadLetterWriter(_source(tmp_path, calls)) as writer:
        letters = [DeadLetter(0, 10, "unreadable"), DeadLetter(0, 3, "required:customer_id")]
        assert writer.put_out(letters) == PutOut(2, 0)
    first, second = copies(calls.broker, f"{calls.topic}_dead")
    assert (first.value(), second.value(), second.key()) == (b'{"call_id": 3}', b"{", b"k")
    assert dict(second.headers() or []) == {
        "trace": b"1",
        "churn_assets.topic": calls.topic.encode(),
        "churn_assets.partition": b"0",
        "churn_assets.offset": b"10",
        "churn_assets.source": b"calls",
        "churn_assets.rule": b"unreadable",
        "churn_assets.contract_version": b"1.0.0",
    }


def test_each_message_is_copied_once_also_after_a_kill(tmp_path: Path, calls: Calls) -> None:
    source, letters = _source(tmp_path, calls), [DeadLetter(0, n, "range:at") for n in range(10)]
    with DeadLetterWriter(source) as writer:
        assert writer.put_out(letters[:4]) == PutOut(4, 0)
        assert writer.put_out(letters[:4]) == PutOut(0, 0)
    killed = DeadLetterWriter(source)
    killed._producer.begin_transaction()  # and wrote, but did not come to the end of its transaction
    killed._producer.produce(f"{calls.topic}_dead", b"half")
    killed._producer.flush(30)
    with DeadLetterWriter(source) as later:
        assert later.put_out(letters) == PutOut(6, 0)
    killed.close()
    assert [message.value() for message in copies(calls.broker, f"{calls.topic}_dead")] == [
        b'{"call_id": %d}' % n for n in range(10)
    ]


def test_what_the_topic_has_deleted_is_told(tmp_path: Path, calls: Calls) -> None:
    from confluent_kafka import TopicPartition

    admin = calls.broker.admin()  # kept: a client that nobody holds any more breaks its calls off
    for deleted in admin.delete_records([TopicPartition(calls.topic, 0, 5)]).values():
        deleted.result(30)
    with DeadLetterWriter(_source(tmp_path, calls)) as writer:
        assert writer.put_out([DeadLetter(0, n, "range:at") for n in (2, 4, 7)]) == PutOut(1, 2)


@pytest.mark.parametrize("held", [dead_letters.HELD, 1_000_000], ids=["refused last", "refused midway"])
def test_a_message_that_is_too_large_does_not_hold_the_others_up(
    tmp_path: Path, broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    from confluent_kafka import Producer

    monkeypatch.setattr(dead_letters, "HELD", held)
    calls, large = Calls(broker, partitions=1, max_message_bytes="9000000"), os.urandom(3_000_000)
    calls.producer = Producer({"bootstrap.servers": broker.address, "message.max.bytes": 9_000_000})
    calls.raw(b"{", large, None, b"[]")
    letters = [DeadLetter(0, n, "unreadable") for n in range(4)]
    for name, size, done in (("wide", "9000000", PutOut(4, 0)), ("narrow", "1000000", PutOut(3, 0, 1))):
        broker.create_topic(f"{calls.topic}_{name}", max_message_bytes=size)
        with DeadLetterWriter(
            _source(tmp_path, calls, deadLetters=f"{calls.topic}_{name}", group=name)
        ) as writer:
            assert writer.put_out(letters) == done
        taken = [message.value() for message in copies(broker, f"{calls.topic}_{name}")]
        assert taken == [b"{", *([large] if name == "wide" else []), None, b"[]"]


def test_a_missing_topic_is_named(tmp_path: Path, calls: Calls) -> None:
    with pytest.raises(ExtractError, match="there is no topic nowhere"):
        DeadLetterWriter(_source(tmp_path, calls, deadLetters="nowhere"))


def test_the_reason_that_the_client_has_told_besides_is_told(tmp_path: Path) -> None:
    from confluent_kafka import KafkaError, KafkaException

    source = topic_contract(tmp_path, "127.0.0.1:1", "calls", deadLetters="dead")
    writer = DeadLetterWriter.__new__(DeadLetterWriter)
    writer.address, writer._to, writer._group = topic_address(topic_of(source), "calls"), "dead", "group"
    writer._said = "SASL authentication failed"
    told = str(writer._refused(KafkaException(KafkaError(KafkaError._TIMED_OUT))))
    assert "SASL authentication failed" in told and "write to the topic dead" in told


def test_dead_letters_do_not_go_into_the_topic_itself(tmp_path: Path) -> None:
    with pytest.raises(DeclarationErrors, match="would be read again"):
        topic_contract(tmp_path, "127.0.0.1:1", "calls", deadLetters="calls")
