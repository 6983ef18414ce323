"""A job of Spark lands what one process lands: each message once, whatever failed, was deleted or is no document."""

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from churn_assets.bronze.assets import bronze_assets
from churn_assets.contracts.loader import load_business
from churn_assets.extracts import topic_job
from churn_assets.extracts.assets import extract_assets
from churn_assets.extracts.topic_job import extract_by_spark
from churn_assets.graph.partitions import range_tags
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.engine.kafka_connector import add_connector
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.local_servers.kafka_broker import KafkaBroker
from churn_assets.months import month_of
from churn_assets.settings import Settings
from churn_assets.silver.conform import conform
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.records import records
from churn_assets.sources.topics.offsets import next_offsets
from churn_assets.sources.topics.reader import TopicExtract, extract_topic
from churn_assets_tests.checks import evaluations
from churn_assets_tests.extracts.test_topics_and_folders import tickets_from
from churn_assets_tests.sources.topics.events import Calls, lines, numbers, topic_contract

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EVENING = datetime(2026, 3, 10, 23, 15, tzinfo=UTC)
PLACED = """- {name: position, physicalName: _offset, logicalType: integer}
      - {name: sent, physicalName: _timestamp, logicalType: timestamp}
      - {name: label, physicalName: _key, logicalType: string}"""


class Jobs:
    """Makes extracts of a topic by Spark, a minute apart."""

    def __init__(self, session: "SparkSession", folder: Path, calls: Calls, **own: Any) -> None:
        add_connector(session, Settings())
        self.session, self.folder, self.calls = session, folder, calls
        self.source = topic_contract(folder, calls.broker.address, calls.topic, engine="spark", **own)
        self.landing = folder / "landing"
        self.minutes = count()

    def extract(self, now: datetime | None = None) -> list[TopicExtract]:
        minute = next(self.minutes)
        moment = now or EVENING + timedelta(minutes=minute)
        draft = self.folder / f"draft{minute}"
        draft.mkdir()
        return extract_by_spark(self.session, self.source, str(self.landing), str(draft), moment)

    def reach(self) -> dict[int, int]:
        [asked] = {record.asked for record in records(str(self.landing), self.source)}
        return next_offsets(records(str(self.landing), self.source), asked)


pytestmark = pytest.mark.jvm(reason="the job is of Spark")


def test_each_message_comes_once_in_files_of_batches(
    spark: "SparkSession", tmp_path: Path, broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_job, "MESSAGES", 8)
    jobs = Jobs(spark, tmp_path, Calls(broker))
    [nothing] = jobs.extract()
    assert (nothing.extract.record.rows, nothing.extract.record.offsets) == (0, {"0": (0, 0), "1": (0, 0)})
    jobs.calls.send(*range(20))
    first = jobs.extract()
    assert len(first) > 2 and sum(one.extract.record.rows for one in first) == 20
    jobs.calls.send(20, 21, partition=1)
    [second] = jobs.extract()
    assert second.extract.record.rows == 2 and {*second.extract.record.offsets} == {"1"}
    assert second.extract.name.startswith("calls/extract_date=2026-03-10/changes_20260310T23")
    jobs.extract()
    assert numbers(jobs.landing) == [*range(22)]
    assert sum(jobs.reach().values()) == 22
    # one process goes on where the job has stopped, and the other way round
    jobs.calls.send(22)
    extract_topic(jobs.source, str(jobs.landing), str(tmp_path / "own"), EVENING + timedelta(hours=0.5))
    jobs.calls.send(23)
    jobs.extract()
    assert numbers(jobs.landing) == [*range(24)]


def test_lines_and_record_are_those_of_one_process(
    spark: "SparkSession", tmp_path: Path, broker: KafkaBroker
) -> None:
    jobs = Jobs(spark, tmp_path, Calls(broker, 1), more=PLACED, deadLetters="broken")
    bad = [b"{broken", b"[1]", None, b" ", b"\xff\xfe", b'{"a":1,"a":2}', b"two\nlines"]
    jobs.calls.raw(*bad, b'{\n "call_id": 1.50,\r\n "a": {}}', partition=0)
    jobs.calls.producer.produce(
        jobs.calls.topic, b'{"call_id": 2}', partition=0, headers=[("trace", b"\xff"), ("none", None)]
    )
    jobs.calls.send(*range(3, 10), partition=0)
    [by_spark] = jobs.extract(EVENING)
    other = tmp_path / "other"
    alone = extract_topic(jobs.source, str(other), str(tmp_path / "own"), EVENING)
    assert lines(jobs.landing) == lines(other) and len(lines(other)) == 16
    assert by_spark.extract.record.to_json() == alone.extract.record.to_json()
    assert (by_spark.refused, by_spark.lost) == (alone.refused, alone.lost) == (7, {})


def test_what_a_failed_batch_left_is_read_again_and_nothing_else(
    spark: "SparkSession", tmp_path: Path, broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_job, "MESSAGES", 8)
    jobs, published = Jobs(spark, tmp_path, Calls(broker)), count(1)
    for partition in (0, 1):
        jobs.calls.send(*range(partition * 10, partition * 10 + 10), partition=partition)
    publish = topic_job.publish

    def third_fails(*given: Any) -> int:
        if next(published) == 3:  # the first file of the second batch
            raise OSError("the disk is full")
        return publish(*given)

    monkeypatch.setattr(topic_job, "publish", third_fails)
    with pytest.raises(OSError, match="the disk is full"):
        jobs.extract()
    assert len(numbers(jobs.landing)) == 8 and sum(jobs.reach().values()) == 8
    jobs.extract()
    assert numbers(jobs.landing) == [*range(20)]


def test_what_the_topic_has_deleted_is_counted_once(
    spark: "SparkSession", tmp_path: Path, broker: KafkaBroker
) -> None:
    from confluent_kafka import TopicPartition

    jobs, admin = Jobs(spark, tmp_path, Calls(broker, 2)), broker.admin()
    jobs.calls.send(*range(3), partition=0)
    jobs.extract()
    jobs.calls.send(*range(3, 10), partition=0)
    jobs.calls.send(10, partition=1)
    place = TopicPartition(jobs.calls.topic, 0, 10)
    admin.delete_records([place])[place].result()  # all that is new in this partition
    done = jobs.extract()
    assert sum(sum(one.lost.values()) for one in done) == 7
    assert [record.lost for record in records(str(jobs.landing), jobs.source) if record.lost] == [{"0": 7}]
    assert [one.lost for one in jobs.extract()] == [{0: 7}], "also what others have found within a day"
    assert [one.lost for one in jobs.extract(EVENING + timedelta(days=2))] == [{}]
    assert numbers(jobs.landing) == [0, 1, 2, 10]


def test_open_transactions_wait_and_broken_ones_are_left_out(
    spark: "SparkSession", tmp_path: Path, broker: KafkaBroker
) -> None:
    from confluent_kafka import Producer

    jobs = Jobs(spark, tmp_path, Calls(broker, 1))
    writer = Producer({"bootstrap.servers": broker.address, "transactional.id": jobs.calls.topic})
    writer.init_transactions(30)

    def write(number: int) -> None:
        writer.begin_transaction()
        writer.produce(jobs.calls.topic, json.dumps({"call_id": number}).encode())
        writer.flush(30)

    write(1)
    writer.commit_transaction(30)
    write(2)
    writer.abort_transaction(30)
    write(3)
    jobs.extract()
    assert numbers(jobs.landing) == [1]
    writer.commit_transaction(30)
    jobs.extract()
    assert numbers(jobs.landing) == [1, 3]
    assert jobs.reach() == {0: 6}, "the marks of transactions are read, too"


def test_what_hinders_is_told(spark: "SparkSession", tmp_path: Path, broker: KafkaBroker) -> None:
    jobs = Jobs(spark, tmp_path, Calls(broker, 1))
    jobs.calls.send(1)

    with pytest.MonkeyPatch.context() as patch:
        settings = {"kafka.bootstrap.servers": broker.address, "kafka.security.protocol": "NONE"}
        patch.setattr(topic_job, "connector_settings", lambda *_: settings)
        with pytest.raises(ExtractError, match=r"The topic calls\d+ of .*NONE.* Run it again") as error:
            jobs.extract()
    assert "\n" not in str(error.value) and len(str(error.value)) < 1000
    jobs.extract()
    assert numbers(jobs.landing) == [1]


def test_the_job_extract_asks_spark(spark: "SparkSession", tmp_path: Path, broker: KafkaBroker) -> None:
    calls, today = Calls(broker, 2), datetime.now(UTC)
    at = f"{today:%Y-%m-%dT00:00:00Z}"
    issue = {"category": "billing", "priority": 1}
    tickets = [{"ticket_id": f"T{n}", "customer_id": "C1", "opened_at": at, "issue": issue} for n in range(3)]
    calls.raw(*(json.dumps(ticket).encode() for ticket in tickets), b"no object")
    settings = tickets_from(
        tmp_path, "kafka", host=broker.address, own={"topic": calls.topic, "engine": "spark"}
    )
    business = load_business(settings.business_path)
    bronze = tables.bronze(business.source("tickets"))
    done = dg.materialize(
        [*extract_assets(business), *bronze_assets(business)],
        selection=dg.AssetSelection.assets(["extracts", "tickets"], bronze.key),
        resources={"lakehouse": Lakehouse(settings)},
        tags=range_tags([month_of(today.date())] * 2),
    )
    found = evaluations(done)["extracts/tickets:messages_are_objects"]
    assert "1 of 4 messages are no JSON objects" in str(found.description)
    rows = conform(Lakehouse(settings).read(bronze), business.source("tickets"))
    kept = rows.where("refused_rule IS NULL").select("ticket_id").collect()
    assert sorted(row[0] for row in kept) == ["T0", "T1", "T2"] and rows.count() == 4
