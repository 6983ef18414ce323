"""Drafts from a topic: what its messages lack is added, and no group of consumers is touched."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.contracts.topic import SourceTopic
from churn_assets.local_servers.kafka_broker import KafkaBroker
from churn_assets.sources.topics.reader import extract_topic
from churn_assets_tests.drafting.commands import init, told
from churn_assets_tests.sources.topics.events import Calls

CANARY = "Kanarienvogel"
NOW = datetime.now(UTC)


def test_a_topic_becomes_a_contract_that_reads_it(broker: KafkaBroker, tmp_path: Path) -> None:
    calls = Calls(broker)
    documents = [
        {
            "customer_id": f"C{n % 40:03d}",
            "called_at": f"{NOW - timedelta(days=400 - n // 2):%Y-%m-%dT%H:%M:%SZ}",
        }
        for n in range(720)
    ]
    calls.raw(*(json.dumps(document).encode() for document in documents), b"no JSON")
    done = init(tmp_path / "b", f"kafka://{broker.address}/{calls.topic}")
    assert done.exit_code == 0, done.output
    said = told(done)
    assert "_offset, _partition are added" in said and "1 message is no JSON object" in said
    source = load_business(tmp_path / "b").source(calls.topic)
    assert isinstance(source.origin, SourceTopic)
    assert (source.origin.topic, source.delivery, source.role) == (calls.topic, "changes", "event")
    assert {"_partition", "_offset"} <= {column.field for column in source.columns}
    draft = tmp_path / "draft"
    assert extract_topic(source, str(tmp_path / "landing"), str(draft), NOW).extract.record.rows == 721
    wrong = init(tmp_path / "c", f"kafka://{broker.address}/{calls.topic}x")
    assert wrong.exit_code == 2 and f"Did you mean {calls.topic}?" in told(wrong)
    empty = Calls(broker)
    none = init(tmp_path / "c", f"kafka://{broker.address}/{empty.topic}")
    assert none.exit_code == 2 and "it holds no messages" in told(none)


def test_messages_without_an_id_are_told_apart_by_their_place(broker: KafkaBroker, tmp_path: Path) -> None:
    """Two calls of a client in one moment are two, and a single partition does not make the offset a key."""
    calls = Calls(broker)
    documents = [
        {
            "client_id": f"C{n // 2 % 40:03d}",
            "minutes": n % 7,
            "at": f"{NOW - timedelta(days=400 - n // 2):%Y-%m-%dT%H:%M:%SZ}",
        }
        for n in range(720)
    ]
    calls.raw(*(json.dumps(document).encode() for document in documents))
    done = init(tmp_path / "b", f"kafka://{broker.address}/{calls.topic}")
    assert done.exit_code == 0, done.output
    source = load_business(tmp_path / "b").source(calls.topic)
    fields = {column.name: column.field for column in source.columns}
    assert [fields[name] for name in source.key] == ["_partition", "_offset"]
    assert source.event_time == "at" and "_timestamp" not in fields.values()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (f"kafka://a:{CANARY}@host:9092/x?protection=ssl", "those with sasl log in"),
        (f"kafka://host:9092/x?token={CANARY}", "has no parameter token"),
        (f"mongodb://a:{CANARY}@host", "names no database"),
    ],
)
def test_an_address_that_cannot_be_used_is_told(tmp_path: Path, address: str, said: str) -> None:
    done = init(tmp_path / "b", address)
    assert done.exit_code == 2 and said in told(done) and CANARY not in done.output
