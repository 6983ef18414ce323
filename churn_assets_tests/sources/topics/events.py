"""A small source of events in a topic, for tests of extracts."""

import gzip
import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.contract import load_source
from churn_assets.contracts.source import Source
from churn_assets.local_servers.kafka_broker import KafkaBroker

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: test-calls
name: calls
version: 1.0.0
status: active
servers:
  - server: events
    type: kafka
    host: {host}
    customProperties: {own}
schema:
  - name: calls
    properties:
      - {{name: call_id, logicalType: integer, required: true, primaryKey: true}}
      - {{name: customer_id, logicalType: string, required: true, classification: personal}}
      - {{name: at, logicalType: timestamp, required: true}}
      {more}
customProperties:
  - {{property: role, value: event}}
  - {{property: delivery, value: {delivery}}}
  - {{property: customer, value: customer_id}}
  - {{property: eventTime, value: at}}
"""
if TYPE_CHECKING:
    from confluent_kafka import Message

_numbers = itertools.count()


def topic_contract(
    folder: Path, host: str, topic: str, delivery: str = "changes", more: str = "", **own: Any
) -> Source:
    """The source of calls; `own` are further properties of its server."""
    shown = [f"{{property: {name}, value: {value!r}}}" for name, value in ({"topic": topic} | own).items()]
    text = CONTRACT.format(host=host, own=f"[{', '.join(shown)}]", delivery=delivery, more=more)
    file = folder / "calls.yaml"
    file.write_text(text, encoding="utf-8")
    return load_source(file)


class Calls:
    """A topic of calls of its own."""

    def __init__(self, broker: KafkaBroker, partitions: int = 2, **own: str) -> None:
        from confluent_kafka import Producer

        self.broker, self.topic = broker, f"calls{next(_numbers)}"
        broker.create_topic(self.topic, partitions, **own)
        self.producer = Producer({"bootstrap.servers": broker.address, "log_level": 0})

    def send(self, *numbers: int, partition: int = -1) -> None:
        """Calls with these numbers."""
        self.raw(
            *(json.dumps({"call_id": n, "customer_id": f"C{n}"}).encode() for n in numbers),
            partition=partition,
        )

    def make_anew(self) -> None:
        """Deletes the topic, and makes one of its name."""
        admin = self.broker.admin()
        admin.delete_topics([self.topic])[self.topic].result()
        self.broker.create_topic(self.topic, 1)

    def raw(self, *values: bytes | None, partition: int = -1) -> None:
        """Messages with these values."""
        for number, value in enumerate(values):
            self.producer.produce(self.topic, value, key=b"%d" % number, partition=partition)
        assert self.producer.flush(30) == 0


def copies(broker: KafkaBroker, topic: str) -> "list[Message]":
    """The messages in the first partition of a topic, as readers of whole transactions see them."""
    from confluent_kafka import Consumer, TopicPartition

    own = {"group.id": "reader", "enable.partition.eof": True, "isolation.level": "read_committed"}
    consumer = Consumer({"bootstrap.servers": broker.address} | own)
    consumer.assign([TopicPartition(topic, 0, 0)])
    found = []
    while (message := consumer.poll(30)) is not None and message.error() is None:
        found.append(message)
    consumer.close()
    return found


def lines(landing: Path) -> list[bytes]:
    """The lines of all files that bronze would read."""
    files = sorted(f for f in landing.rglob("*.jsonl.gz") if not f.name.startswith("."))
    return [line for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]


def numbers(landing: Path) -> list[int]:
    """The numbers of all calls in the landing zone, repeats included."""
    return sorted(json.loads(line)["call_id"] for line in lines(landing))
