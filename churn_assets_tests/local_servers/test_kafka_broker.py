"""A broker of Kafka on this machine: what it holds outlives a kill, and what hinders it is told."""

import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from churn_assets.local_servers import kafka_broker
from churn_assets.local_servers.kafka_broker import BrokerError, KafkaBroker
from churn_assets.settings import Settings
from churn_assets_tests.killed import ended, killed_after_its_first_line


@pytest.mark.one_python(reason="a broker that is killed is the same for each Python")
def test_what_a_broker_holds_outlives_a_kill(broker: KafkaBroker) -> None:
    from confluent_kafka import Producer

    broker.create_topic("calls", 2)
    producer = Producer({"bootstrap.servers": broker.address, "compression.type": "zstd"})
    for number in range(100):
        producer.produce("calls", b"%d" % number, key=b"%d" % number)
    assert producer.flush(30) == 0
    before = broker.address
    broker.kill()
    broker.start()
    assert broker.address == before
    assert sorted(_held(broker, "calls")) == sorted(b"%d" % n for n in range(100))


def _held(broker: KafkaBroker, topic: str) -> list[bytes]:
    from confluent_kafka import Consumer

    consumer = Consumer(
        {"bootstrap.servers": broker.address, "group.id": "t", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    found: list[bytes] = []
    while len(found) < 100 and (some := consumer.consume(100, timeout=20)):
        found += [message.value() for message in some if message.error() is None]
    consumer.close()
    return found


def test_what_a_broker_lacks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offline = Settings(home=str(tmp_path), jars=str(tmp_path / "kept"), maven=str(tmp_path / "none"))
    monkeypatch.setattr(kafka_broker, "why_not", lambda: None)
    with pytest.raises(BrokerError) as error:
        KafkaBroker(tmp_path / "broker", offline).start()
    assert "No Kafka jars: " in str(error.value) and "that holds its 34 jars" in str(error.value)
    monkeypatch.setattr(kafka_broker, "why_not", lambda: "There is no Java.")
    with pytest.raises(BrokerError, match=r"There is no Java\."):
        KafkaBroker(tmp_path / "broker", offline).start()
    assert not (tmp_path / "broker").exists()


def test_a_broker_that_is_interrupted_while_it_starts_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\nexec sleep 600\n")
    java.chmod(0o755)
    monkeypatch.setattr(kafka_broker, "why_not", lambda: None)
    monkeypatch.setattr(kafka_broker, "verified_jars", lambda *_: [])
    monkeypatch.setattr(kafka_broker, "find_java", lambda: SimpleNamespace(home=tmp_path))
    started: list[subprocess.Popen[bytes]] = []

    def interrupted(broker: KafkaBroker) -> bool:
        assert broker._process is not None
        started.append(broker._process)
        raise KeyboardInterrupt

    monkeypatch.setattr(KafkaBroker, "_answers", interrupted)
    with pytest.raises(KeyboardInterrupt):
        KafkaBroker(tmp_path, Settings()).start()
    assert [process.poll() for process in started] == [-signal.SIGKILL]


STARTS_AND_WAITS = """
import sys, time
from pathlib import Path
from types import SimpleNamespace
from churn_assets.local_servers import kafka_broker
from churn_assets.settings import Settings

folder = Path(sys.argv[1])
kafka_broker.why_not = lambda: None
kafka_broker.verified_jars = lambda *_: []
kafka_broker.find_java = lambda: SimpleNamespace(home=folder)
kafka_broker.KafkaBroker._answers = lambda _: True
broker = kafka_broker.KafkaBroker(folder, Settings()).start()
print(broker._process.pid, flush=True)
time.sleep(600)
"""


def test_a_broker_does_not_outlive_the_process_that_started_it(tmp_path: Path) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\nexec sleep 600\n")
    java.chmod(0o755)
    with killed_after_its_first_line(STARTS_AND_WAITS, str(tmp_path)) as broker:
        assert ended(int(broker))
