"""Reads a topic by a job of Spark, for topics that one process cannot follow, and lands what one process would land.

A stream with the trigger `availableNow` reads what the topic held when it began, in batches. In each, the tasks write a
draft for their partition of the topic, and this process puts the whole drafts into the landing zone. Their records are
the only state: the stream begins where they end, and its checkpoint is thrown away with the run.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.source import Source
from churn_assets.contracts.topic import SourceTopic
from churn_assets.progress import note
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.extract import Extract
from churn_assets.sources.live.landing_files import publish
from churn_assets.sources.live.records import Record, changed_columns
from churn_assets.sources.topics.client import TopicAddress
from churn_assets.sources.topics.drafts import MessageDraft
from churn_assets.sources.topics.messages import message_of
from churn_assets.sources.topics.places import TopicPlaces
from churn_assets.sources.topics.reader import LOST_LATELY, TopicExtract

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

MESSAGES = 1_000_000  # of a batch, from all partitions: so large do files become
COLUMNS = (
    "partition",
    "offset",
    "CASE WHEN timestampType >= 0 THEN unix_millis(timestamp) END AS stamp",
    "key",
    "value",
)
DRAFTED = "partition int, drafted string, record binary, refused bigint"
AGAIN = "What has landed stays. Run it again: it goes on where the files end, and counts what the topic has deleted."
SHOWN = 500  # characters of what Spark has said


@dataclass(frozen=True)
class _Task:
    """What the tasks of a batch must know.

    Attributes:
        begin: partition -> offset of the first message that no file holds.
        lost: partition -> number of offsets that were lost before.
    """

    source: Source
    folder: str
    asked: str
    now: datetime
    begin: Mapping[int, int]
    lost: Mapping[int, int]


class _Landing:
    """What a run has landed, and where it stands."""

    def __init__(self, places: TopicPlaces, landing: str, folder: str, now: datetime) -> None:
        self.places, self.landing, self.folder, self.now = places, landing, folder, now
        self.earlier, self.files = places.records, list[TopicExtract]()
        self.failed: BaseException | None = None
        self.began = time.monotonic()
        known = {partition: places.reach.get(partition, 0) for partition in places.partitions()}
        low = {p: places.bounds(p, offset)[0] for p, offset in known.items()}
        self.reach = known
        self.start = {p: max(offset, low[p]) for p, offset in known.items()}
        self.lost = {p: low[p] - offset for p, offset in known.items() if 0 < offset < low[p]}

    def batch(self, frame: "DataFrame", number: int) -> None:
        """Lands the messages of a batch: a file for each partition of the topic that has some."""
        try:
            task = _Task(
                self.places.source,
                f"{self.folder}/drafts",
                self.places.asked,
                self.now,
                self.reach,
                self.lost,
            )
            drafted = frame.selectExpr(*COLUMNS).mapInArrow(_drafting(task), DRAFTED).collect()
            if len({row.partition for row in drafted}) < len(drafted):
                raise RuntimeError("Spark has divided a partition of the topic among tasks")
            self.places.check_same()  # offsets of another topic would count as read
            for row in sorted(drafted, key=lambda row: int(row.partition)):
                self._land(
                    row.drafted,
                    Record.of(bytes(row.record)),
                    row.refused,
                    f"{number:06d}_{row.partition:05d}",
                )
        except BaseException as error:
            self.failed = error  # Spark makes an error of its own of it, with all that it knows
            raise
        note(
            f"{self.places.source.name}: {sum(f.extract.record.rows for f in self.files):,} messages have landed"
        )

    def finish(self, ends: Mapping[int, int]) -> None:
        """Lands an empty file where no file tells the end: behind what are no messages, or if nothing came at all."""
        reached = {p: max(offset, ends.get(p, 0)) for p, offset in self.reach.items()}
        if reached != self.reach or not self.files:
            draft = MessageDraft(self.places.source, f"{self.folder}/end")
            offsets = {p: (self.reach[p], after) for p, after in reached.items()}
            record = draft.record(self.places.asked, self.now, offsets, self.lost)
            self._land(draft.lines.finish(record.to_json()), record, 0, "end")

    def _land(self, drafted: str, record: Record, refused: int, name: str) -> None:
        source, day = self.places.source, self.now.date()
        # in the order of the batches: of a key, the row of the later file counts
        file = f"changes_{self.now:%Y%m%dT%H%M%S%fZ}_{name}{MessageDraft.ending}"
        size = publish(drafted, self.landing, source, day, file)
        changes = tuple(changed_columns(self.earlier, record, sparse=True))
        kinds = {n: k for r in (*self.earlier, record) for n, k in r.kinds.items() if k != "nothing"}
        self.earlier = [replace(record, kinds=kinds)]
        now = time.monotonic()
        extract = Extract(
            f"{source.path}/extract_date={day}/{file}", size, now - self.began, record, changes=changes
        )
        self.began = now
        lost = {int(partition): number for partition, number in record.lost.items()}
        self.files.append(TopicExtract(extract, refused, lost))
        self.reach = self.reach | {int(p): after for p, (_, after) in record.offsets.items()}
        self.lost = {p: number for p, number in self.lost.items() if p not in lost}


def extract_by_spark(
    session: "SparkSession", source: Source, landing: str, folder: str, now: datetime
) -> list[TopicExtract]:
    """Lands all messages that the topic holds beyond the extracts: a file for each partition and batch.

    Args:
        session: of Spark, with the connector of Kafka.
        source: with a topic.
        landing: landing zone.
        folder: an empty folder for drafts, which the executors can write.
        now: moment of UTC; its day is the extract date.

    Returns:
        The files in their order, at least one. What was lost counts what others have found within the last day.

    Raises:
        ExtractError: the broker does not answer, there is no such topic, it is behind the extracts, or the job failed.
    """
    with TopicPlaces(source, landing) as places:
        run = _Landing(places, landing, folder, now)
        lately = places.lost_since(now - LOST_LATELY)
        run.finish(_streamed(session, run))
        places.tell(run.reach)
    first = run.files[0]
    lately.update(first.lost)
    return [replace(first, lost=dict(lately)), *run.files[1:]]


def _streamed(session: "SparkSession", run: _Landing) -> dict[int, int]:
    """Reads to the end; returns partition -> the offset behind all that was read."""
    from pyspark.errors import PySparkException

    topic = run.places.topic.topic
    options = connector_settings(run.places.address, run.places.topic) | {
        "assign": json.dumps(
            {topic: sorted(run.start)}
        ),  # a partition that is added meanwhile is for the next run
        "startingOffsets": json.dumps({topic: {str(p): offset for p, offset in run.start.items()}}),
        "maxOffsetsPerTrigger": str(MESSAGES),
    }
    query = None
    try:
        frame = session.readStream.format("kafka").options(**options).load()
        writer = frame.writeStream.trigger(availableNow=True).foreachBatch(run.batch)
        query = writer.option("checkpointLocation", f"{run.folder}/checkpoint").start()
        query.awaitTermination()
        progress = query.lastProgress
    except PySparkException as error:
        if run.failed is not None and not isinstance(run.failed, PySparkException):
            raise run.failed from None
        raise run.places.address.error(_reason(run.failed or error), AGAIN) from None
    finally:
        if query is not None:
            query.stop()
    if progress is None:
        return run.start
    return {int(p): offset for p, offset in json.loads(progress.sources[0].endOffset)[topic].items()}


def _reason(error: BaseException) -> str:
    """What Spark says in its first line; its plan and stack follow."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:SHOWN]


def _drafting(task: _Task) -> "Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]":
    """What each task does: writes the messages of one partition of the topic as a file, and tells of it.

    Drafts of attempts have names of their own, so that only that of the attempt which counts is landed.
    """

    def draft_of(batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        import pyarrow as pa
        from pyspark import TaskContext

        context = TaskContext.get()
        attempt = context.taskAttemptId() if context is not None else 0
        draft, partition, offset = None, -1, -1
        for batch in batches:
            for partition, offset, stamp, key, value in zip(*batch.to_pydict().values(), strict=True):
                if draft is None:
                    draft = MessageDraft(task.source, f"{task.folder}/{partition}-{attempt}")
                draft.add(message_of(partition, offset, stamp, key, value))
        if draft is None:
            return
        lost = {p: number for p, number in task.lost.items() if p == partition}
        offsets = {partition: (task.begin[partition], offset + 1)}
        record = draft.record(task.asked, task.now, offsets, lost).to_json()
        told: list[list[Any]] = [[partition], [draft.lines.finish(record)], [record], [draft.refused]]
        types = pa.int32(), pa.string(), pa.binary(), pa.int64()
        names = ["partition", "drafted", "record", "refused"]
        yield pa.RecordBatch.from_arrays(
            [pa.array(value, kind) for value, kind in zip(told, types, strict=True)], names
        )

    return draft_of


def connector_settings(address: TopicAddress, topic: SourceTopic) -> dict[str, str]:
    """The settings of Spark's connector for a topic: those of the client in the words of Kafka's client of Java.

    Raises:
        ExtractError: the file of the authority cannot be read.
    """
    own = address.settings
    found = {
        "kafka.bootstrap.servers": own["bootstrap.servers"],
        "kafka.security.protocol": topic.protection.upper(),
        "kafka.isolation.level": own["isolation.level"],
    }
    if topic.protection.startswith("sasl"):
        kind = "plain.Plain" if topic.mechanism == "PLAIN" else "scram.Scram"
        user, password = (_quoted(own[f"sasl.{name}"]) for name in ("username", "password"))
        found |= {
            "kafka.sasl.mechanism": topic.mechanism,
            "kafka.sasl.jaas.config": f"org.apache.kafka.common.security.{kind}LoginModule required "
            f"username={user} password={password};",
        }
    if topic.authority is not None:
        try:
            pem = Path(topic.authority).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise ExtractError(
                f"The file of the authority, {topic.authority}, cannot be read: {type(error).__name__}. Correct the "
                "contract's server."
            ) from None
        found |= {"kafka.ssl.truststore.type": "PEM", "kafka.ssl.truststore.certificates": pem}
    return found


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
