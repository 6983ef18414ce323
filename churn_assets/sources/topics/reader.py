"""Follows a topic from where the extracts end, and lands what came as one file that tells its offsets."""

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

from churn_assets.contracts.source import Source
from churn_assets.progress import note
from churn_assets.sources.live.extract import Extract
from churn_assets.sources.live.landing_files import publish
from churn_assets.sources.live.records import changed_columns
from churn_assets.sources.topics.client import RIGHTS, TopicConnection
from churn_assets.sources.topics.drafts import MessageDraft
from churn_assets.sources.topics.messages import TopicMessage, message_of
from churn_assets.sources.topics.places import TopicPlaces

if TYPE_CHECKING:
    from confluent_kafka import Message

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

    draft: MessageDraft
    begin: dict[int, int]
    lost: dict[int, int] = field(default_factory=dict)


class TopicReader(TopicConnection):
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
        self.source, self.landing, self.folder = source, landing, folder
        self._numbers = count(1)
        self._next: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._at_end: set[int] = set()
        self._looked = time.monotonic()
        self._places = TopicPlaces(source, landing, environ)
        self.topic, self.address, self.asked = self._places.topic, self._places.address, self._places.asked
        self._consumer, self._reach = self._places.consumer, self._places.reach
        self._earlier = self._places.records
        try:
            self._pending = self._fresh()
            self._assign(self._places.partitions())
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the connection; what was polled and not landed is read again by the next reader."""
        if hasattr(self, "_pending"):
            self._pending.draft.lines.close()
        self._places.close()

    @property
    def waiting(self) -> int:
        """Number of messages that were polled and not landed."""
        return self._pending.draft.lines.rows

    @property
    def at_end(self) -> bool:
        """Whether all messages that were there at the last look were polled."""
        return all(p in self._at_end or self._next[p] >= self._ends[p] for p in self._next)

    def lag(self) -> int:
        """Number of messages that the topic holds beyond those polled, as the broker has told with the last answers."""
        behind = 0
        for partition, reached in self._next.items():
            low, high = self._consumer.get_watermark_offsets(self._places.place(partition, 0), cached=True)
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
            self._places.check_same()
            self._assign(sorted({*self._places.partitions()} - {*self._next}))
        return found

    def lost_since(self, moment: datetime) -> Counter[int]:
        """Partition -> number of offsets that were lost, as the files tell that others have landed since then."""
        return self._places.lost_since(moment)

    def land(self, now: datetime) -> TopicExtract:
        """Makes one file of what was polled since the last one; it may hold no message.

        Args:
            now: moment of UTC; its day is the extract date.
        """
        started, pending = time.monotonic(), self._pending
        offsets = {p: (pending.begin[p], after) for p, after in self._next.items()}
        record = pending.draft.record(self.asked, now, offsets, pending.lost)
        lines = pending.draft.lines
        # no extract has the offsets of another, so that no file takes the place of another, whatever the clock tells
        name = f"changes_{now:%Y%m%dT%H%M%S%fZ}_{sum(pending.begin.values())}{lines.ending}"
        drafted = lines.finish(record.to_json())
        size = publish(drafted, self.landing, self.source, now.date(), name)
        changes = tuple(changed_columns(self._earlier, record, sparse=True))
        kinds = {n: k for r in (*self._earlier, record) for n, k in r.kinds.items() if k != "nothing"}
        self._earlier = [replace(record, kinds=kinds)]
        self._reach |= self._next
        self._pending = self._fresh()
        self._tell()
        path = f"{self.source.path}/extract_date={now.date()}/{name}"
        extract = Extract(path, size, time.monotonic() - started, record, changes=changes)
        return TopicExtract(extract, pending.draft.refused, pending.lost)

    def _taken(self, message: "Message") -> TopicMessage:
        partition, offset = int(message.partition() or 0), int(message.offset() or 0)
        stamped, stamp = message.timestamp()
        read = message_of(partition, offset, stamp if stamped else None, message.key(), message.value())
        self._pending.draft.add(read)
        self._next[partition] = offset + 1
        self._at_end.discard(partition)
        return read

    def _fresh(self) -> _Pending:
        begin = {p: self._reach.get(p, 0) for p in self._next}
        return _Pending(MessageDraft(self.source, f"{self.folder}/{next(self._numbers)}"), begin)

    def _assign(self, partitions: Sequence[int]) -> None:
        """Begins to read these partitions where the extracts end; counts what the topic no longer holds.

        Raises:
            ExtractError: a partition ends before the extracts do.
        """
        for partition in partitions:
            known = max(self._reach.get(partition, 0), self._next.get(partition, 0))
            low, high = self._places.bounds(partition, known)
            if 0 < known < low:
                lost = self._pending.lost
                lost[partition] = lost.get(partition, 0) + low - known
            self._pending.begin.setdefault(partition, self._reach.get(partition, 0))
            self._next[partition], self._ends[partition] = max(known, low), high
            self._at_end.discard(partition)
        if partitions:
            self._consumer.assign([self._places.place(*one) for one in self._next.items()])

    def _tell(self) -> None:
        """Tells the broker how far the extracts reach."""
        self._places.tell(self._next)


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
