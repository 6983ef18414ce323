"""Follows a topic from where the extracts end, and lands what came as one file that tells its offsets."""

import logging
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Self

from churn_assets.contracts.source import Source
from churn_assets.progress import note
from churn_assets.sources.live.documents import DocumentDraft
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.extract import Extract
from churn_assets.sources.live.landing_files import publish, remove_unfinished
from churn_assets.sources.live.records import Record, changed_columns, digest_of, records
from churn_assets.sources.topics.client import (
    CONNECT_SECONDS,
    RIGHTS,
    refused,
    topic_address,
    topic_identity,
    topic_of,
)
from churn_assets.sources.topics.messages import PLACE, TopicMessage, line_of, message_of
from churn_assets.sources.topics.offsets import next_offsets

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message, TopicPartition

log = logging.getLogger(__name__)

SILENT_SECONDS = 60.0  # without a message before the end is reached
LOOK_SECONDS = 30.0  # between two looks for new partitions
BATCH = 2_000  # messages
LOST_LATELY = timedelta(days=1)


@dataclass(frozen=True)
class TopicExtract:
    """What a topic gave to an extract.

    Attributes:
        extract: its file.
        refused: number of messages that are no JSON objects; silver puts them in quarantine.
        lost: partition -> number of offsets that the topic had deleted before they were read.
    """

    extract: Extract
    refused: int
    lost: dict[int, int]


@dataclass
class _Pending:
    """What came since the last extract."""

    draft: DocumentDraft
    begin: dict[int, int]
    refused: int = 0
    runs: list[list[int]] = field(default_factory=list)
    lost: dict[int, int] = field(default_factory=dict)


class TopicReader:
    """One consumer of all partitions of a topic; the caller lets nobody else extract the source meanwhile.

    Messages that were polled are kept in a draft until `land` makes a file of them. After a kill the next reader begins
    where the last file ends: nothing is skipped, and nothing is there twice.
    """

    def __init__(
        self, source: Source, landing: str, folder: str, environ: Mapping[str, str] = os.environ
    ) -> None:
        """Connects, and finds out where to begin.

        Args:
            source: with a topic.
            landing: landing zone.
            folder: an empty folder for drafts.
            environ: where the secrets are.

        Raises:
            ExtractError: the broker does not answer, there is no such topic, or it is behind the extracts.
        """
        from confluent_kafka import Consumer, KafkaException

        self.source, self.landing, self.folder = source, landing, folder
        self.topic = topic_of(source)
        self.address = topic_address(self.topic, source.name, environ)
        self._added = {c.field for c in source.columns} & {*PLACE}
        self._numbers = count(1)
        self._said: str | None = None
        self._next: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._at_end: set[int] = set()
        self._looked = time.monotonic()
        remove_unfinished(landing, source)
        try:
            self._consumer: Consumer = Consumer({**self.address.settings, "error_cb": self._hear})
        except KafkaException as error:
            raise self.address.error(error.args[0], "Correct the contract's server.") from None
        try:
            self.asked = digest_of(self.topic, topic_identity(self.address, self.topic))
            self._earlier = self._others = records(landing, source)
            self._reach = next_offsets(self._earlier, self.asked)
            self._pending = self._fresh()
            self._assign(self._partitions())
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection; what was polled and not landed is read again by the next reader."""
        if hasattr(self, "_pending"):
            self._pending.draft.close()
        self._consumer.close()

    @property
    def waiting(self) -> int:
        """Number of messages that were polled and not landed."""
        return self._pending.draft.rows

    @property
    def at_end(self) -> bool:
        """Whether all messages that were there at the last look were polled."""
        return all(p in self._at_end or self._next[p] >= self._ends[p] for p in self._next)

    def lag(self) -> int:
        """Number of messages that the topic holds beyond those polled, as the broker has told with the last answers."""
        from confluent_kafka import TopicPartition

        behind = 0
        for partition, reached in self._next.items():
            low, high = self._consumer.get_watermark_offsets(
                TopicPartition(self.topic.topic, partition), cached=True
            )
            behind += max(high - max(reached, low), 0) if high >= 0 else 0
        return behind

    def poll(self, seconds: float, most: int = BATCH) -> list[TopicMessage]:
        """Waits for messages, at most so long; keeps them for the next extract and returns them.

        Raises:
            ExtractError: the broker refuses, or another topic of this name was made.
        """
        from confluent_kafka import KafkaError

        found, gone = [], set[int]()
        for message in self._consumer.consume(most, seconds):
            error = message.error()
            if error is None:
                found.append(self._taken(message))
            elif error.code() == KafkaError._PARTITION_EOF:
                partition, offset = int(message.partition() or 0), int(message.offset() or 0)
                self._next[partition] = max(self._next[partition], offset)  # passes markers of transactions
                self._at_end.add(partition)
            elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
                gone.add(int(message.partition() or 0))
            else:
                raise self.address.error(error.str(), RIGHTS)
        # only now: each partition then goes on behind its last message in this answer
        self._assign(sorted(gone))
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            if self.asked != digest_of(self.topic, topic_identity(self.address, self.topic)):
                raise self.address.error(
                    "the topic was deleted and made anew", "It is read from its beginning."
                )
            self._assign(sorted({*self._partitions()} - {*self._next}))
        return found

    def lost_since(self, moment: datetime) -> Counter[int]:
        """Partition -> number of offsets that were lost, as the files tell that others have landed since then."""
        lost = Counter[int]()
        for record in self._others:
            if record.taken_at >= moment and record.asked == self.asked:
                lost.update({int(partition): number for partition, number in record.lost.items()})
        return lost

    def land(self, now: datetime) -> TopicExtract:
        """Makes one file of what was polled since the last one; it may hold no message.

        Args:
            now: moment of UTC; its day is the extract date.
        """
        started, pending = time.monotonic(), self._pending
        offsets = {str(p): (pending.begin[p], after) for p, after in sorted(self._next.items())}
        draft = pending.draft
        lost = {str(p): number for p, number in sorted(pending.lost.items())}
        record = Record(
            self.asked,
            now,
            draft.rows,
            None,
            None,
            draft.kinds(),
            offsets=offsets,
            runs=pending.runs,
            lost=lost,
        )
        # no extract has the offsets of another, so that no file takes the place of another, whatever the clock tells
        name = f"changes_{now:%Y%m%dT%H%M%S%fZ}_{sum(pending.begin.values())}{draft.ending}"
        drafted = draft.finish(record.to_json())
        size = publish(drafted, self.landing, self.source, now.date(), name)
        changes = tuple(changed_columns(self._earlier, record, sparse=True))
        kinds = {n: k for r in (*self._earlier, record) for n, k in r.kinds.items() if k != "nothing"}
        self._earlier = [replace(record, kinds=kinds)]
        self._reach |= self._next
        self._pending = self._fresh()
        self._tell()
        path = f"{self.source.path}/extract_date={now.date()}/{name}"
        extract = Extract(path, size, time.monotonic() - started, record, changes=changes)
        return TopicExtract(extract, pending.refused, pending.lost)

    def _taken(self, message: "Message") -> TopicMessage:
        partition, offset = int(message.partition() or 0), int(message.offset() or 0)
        stamped, stamp = message.timestamp()
        read = message_of(partition, offset, stamp if stamped else None, message.key(), message.value())
        self._pending.draft.add_line(line_of(read, self._added), read.document or {})
        self._pending.refused += read.document is None
        if self.topic.dead_letters:
            self._note(partition, offset)
        self._next[partition] = offset + 1
        self._at_end.discard(partition)
        return read

    def _note(self, partition: int, offset: int) -> None:
        """Keeps the place of a line."""
        runs = self._pending.runs
        if runs and runs[-1][0] == partition and sum(runs[-1][1:]) == offset:
            runs[-1][2] += 1
        else:
            runs.append([partition, offset, 1])

    def _fresh(self) -> _Pending:
        begin = {p: self._reach.get(p, 0) for p in self._next}
        return _Pending(DocumentDraft(f"{self.folder}/{next(self._numbers)}"), begin)

    def _partitions(self) -> list[int]:
        from confluent_kafka import KafkaException

        try:
            found = self._consumer.list_topics(self.topic.topic, timeout=CONNECT_SECONDS)
        except KafkaException as error:
            raise self._refused(error) from None
        return sorted(found.topics[self.topic.topic].partitions)

    def _assign(self, partitions: Sequence[int]) -> None:
        """Begins to read these partitions where the extracts end; counts what the topic no longer holds.

        Raises:
            ExtractError: a partition ends before the extracts do.
        """
        from confluent_kafka import KafkaException, TopicPartition

        for partition in partitions:
            place = TopicPartition(self.topic.topic, partition)
            try:
                low, high = self._consumer.get_watermark_offsets(place, timeout=CONNECT_SECONDS)
            except KafkaException as error:
                raise self._refused(error) from None
            known = max(self._reach.get(partition, 0), self._next.get(partition, 0))
            if known > high:
                raise ExtractError(
                    f"{self.address.shown} holds messages up to {high:,} in partition {partition}, and the extracts "
                    f"hold those up to {known:,}: was it restored from a backup? Delete the extracts made since then; "
                    "the next one reads their messages again."
                )
            if 0 < known < low:
                lost = self._pending.lost
                lost[partition] = lost.get(partition, 0) + low - known
            self._pending.begin.setdefault(partition, self._reach.get(partition, 0))
            self._next[partition], self._ends[partition] = max(known, low), high
            self._at_end.discard(partition)
        if partitions:
            self._consumer.assign([self._place(p) for p in self._next])

    def _place(self, partition: int) -> "TopicPartition":
        from confluent_kafka import TopicPartition

        return TopicPartition(self.topic.topic, partition, self._next[partition])

    def _tell(self) -> None:
        """Tells the broker how far the extracts reach; they do not depend on it."""
        from confluent_kafka import KafkaException

        try:
            self._consumer.commit(offsets=[self._place(p) for p in self._next], asynchronous=False)
        except KafkaException as error:
            said = self.address.error(error.args[0], "Its own pages show an older position; extracts go on.")
            log.warning("%s", said)

    def _hear(self, error: "KafkaError") -> None:
        self._said = error.str()

    def _refused(self, error: Exception) -> ExtractError:
        return refused(self.address, error, self._said)


def extract_topic(
    source: Source, landing: str, folder: str, now: datetime, environ: Mapping[str, str] = os.environ
) -> TopicExtract:
    """Lands all messages that the topic holds beyond the extracts, as one file.

    What was lost counts what others have found within the last day, such as the process that follows the topic.

    Args:
        source: with a topic.
        landing: landing zone.
        folder: an empty folder for the draft.
        now: moment of UTC; its day is the extract date.
        environ: where the secrets are.

    Raises:
        ExtractError: see `TopicReader`; or nothing came for a while, though there is more; nothing was published.
    """
    heard = told = time.monotonic()
    with TopicReader(source, landing, folder, environ) as reader:
        while not reader.at_end:
            if reader.poll(1.0):
                heard = time.monotonic()
            elif time.monotonic() - heard > SILENT_SECONDS:
                raise reader.address.error(f"nothing came for {SILENT_SECONDS:g} seconds", RIGHTS)
            if time.monotonic() - told > 1:
                told = time.monotonic()
                note(f"{source.name}: {reader.waiting:,} messages have come")
        lost = reader.lost_since(now - LOST_LATELY)
        done = reader.land(now)
        return replace(done, lost=dict(lost + Counter(done.lost)))
