"""Copies messages that break their contract to the topic for dead letters, each once.

The copies and the position up to which there are copies are one transaction of Kafka, so a writer that was killed goes
on where the last one stopped. Who reads with `isolation.level=read_committed` sees each copy once; others may see some
twice.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from churn_assets.contracts.source import Source
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.records import digest_of
from churn_assets.sources.topics.client import (
    CONNECT_SECONDS,
    RIGHTS,
    TopicConnection,
    refused,
    topic_address,
    topic_identity,
    topic_of,
)

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message, Producer, TopicPartition

AT_ONCE = 500  # letters of a transaction
HELD = 32 * 2**20  # bytes that are sent before more are read
LARGEST = 1_000_000_000  # bytes of a message, the most that the client allows: the topic decides
FAR = 5_000  # offsets between two messages that are skipped rather than read
SILENT_SECONDS = 30.0


@dataclass(frozen=True, order=True)
class DeadLetter:
    """A message that breaks its contract: its place in the topic, and the rule."""

    partition: int
    offset: int
    rule: str


@dataclass(frozen=True)
class PutOut:
    """What became of letters; those that had a copy already count in neither.

    Attributes:
        copied: number of messages that were copied.
        gone: number of messages that the topic does not hold any more; they are in the quarantine alone.
        too_large: number of messages that the topic for dead letters does not take, for their size; they are in the
            quarantine alone.
    """

    copied: int
    gone: int
    too_large: int = 0


class _TooLarge(Exception):
    """The topic for dead letters has refused some copies of a transaction for their size; nothing was copied."""


class DeadLetterWriter(TopicConnection):
    """Reads messages again by their place, and copies them; the newest writer of a source bars earlier ones."""

    def __init__(self, source: Source, environ: Mapping[str, str] = os.environ) -> None:
        """Connects.

        Args:
            source: with a topic that names one for dead letters.
            environ: where the secrets are.

        Raises:
            ExtractError: the broker does not answer, a topic is missing, or this user may not write.
        """
        from confluent_kafka import Consumer, KafkaException

        self.source, self.topic = source, topic_of(source)
        self.address = topic_address(self.topic, source.name, environ)
        if self.topic.dead_letters is None:
            raise ValueError(f"{source.name} names no topic for dead letters")
        self._to = self.topic.dead_letters
        self._group = f"{self.address.settings['group.id']}-dead-letters"
        self.asked = digest_of(self.topic, topic_identity(self.address, self.topic))
        own = {"error_cb": self._hear, "group.id": self._group}
        self._consumer = Consumer({**self.address.settings, **own})
        try:
            if self._consumer.list_topics(self._to, timeout=CONNECT_SECONDS).topics[self._to].error:
                raise self.address.error(f"there is no topic {self._to}", "Create it.")
            self._producer = self._connected()
        except KafkaException as error:
            self.close()
            raise self._refused(error) from None
        except ExtractError:
            self.close()
            raise

    def close(self) -> None:
        """Ends the connection."""
        self._consumer.close()

    def check_same(self) -> None:
        """Checks that the topic is still the one that it was at the beginning.

        Raises:
            ExtractError: another one of its name was made, or the broker does not answer.
        """
        if self.asked != digest_of(self.topic, topic_identity(self.address, self.topic)):
            raise self.address.error(
                "the topic was deleted and made anew", "Its messages are copied from now on."
            )

    def put_out(self, letters: Iterable[DeadLetter]) -> PutOut:
        """Copies the messages of which there is no copy yet; use the writer no more after an error.

        A copy has key, value and headers of the message, and headers that begin with `churn_assets.`: topic, partition,
        offset, source, rule and contract_version.

        Raises:
            ExtractError: the broker refuses, or does not answer, or the topic was made anew.
        """
        from confluent_kafka import KafkaException

        by_place = {(one.partition, one.offset): one for one in sorted(letters)}
        try:
            done = self._positions({partition for partition, _ in by_place})
            left = [one for one in by_place.values() if one.offset >= done[one.partition]]
            if left:
                self.check_same()  # another topic has other messages at these places
            copied = too_large = 0
            for first in range(0, len(left), AT_ONCE):
                some = left[first : first + AT_ONCE]
                try:
                    copied += self._copy(some)
                except _TooLarge:
                    alone = [self._copy_alone(one) for one in some]
                    copied, too_large = copied + sum(n or 0 for n in alone), too_large + alone.count(None)
        except KafkaException as error:
            raise self._refused(error) from None
        return PutOut(copied, len(left) - copied - too_large, too_large)

    def _positions(self, partitions: Iterable[int]) -> dict[int, int]:
        """Partition -> offset up to which there are copies."""
        asked = [self._place(partition) for partition in sorted(partitions)]
        found = self._consumer.committed(asked, CONNECT_SECONDS) if asked else []
        for one in found:
            if one.error is not None:
                raise self.address.error(one.error.str(), RIGHTS)
        return {one.partition: max(one.offset, 0) for one in found}  # negative: none yet

    def _copy_alone(self, letter: DeadLetter) -> int | None:
        """Copies a message in a transaction of its own; as `_copy`, or None if it is too large."""
        try:
            return self._copy([letter])
        except _TooLarge:
            return None

    def _connected(self) -> "Producer":
        """A new producer; it breaks transactions off that earlier ones have begun."""
        from confluent_kafka import Producer

        own = {
            "error_cb": self._hear,
            "transactional.id": self._group,
            "compression.type": "zstd",
            "message.max.bytes": LARGEST,
            "max.in.flight": 1,  # what follows a message that is refused is not sent
        }
        found = Producer({**self.address.connection, **own})
        found.init_transactions(CONNECT_SECONDS)
        return found

    def _copy(self, letters: Sequence[DeadLetter]) -> int:
        """Copies these messages in a transaction; returns how many the topic still held.

        Raises:
            _TooLarge: a copy, or several that were sent together, are too large for the topic.
        """
        from confluent_kafka import KafkaError, KafkaException

        codes = set[int]()

        def note(error: "KafkaError | None", _: "Message") -> None:
            if error is not None:
                codes.add(error.code())

        self._producer.begin_transaction()
        copied = 0
        try:
            copied = self._send(letters, note)
        except KafkaException:  # also if a former message was refused meanwhile
            self._producer.flush(CONNECT_SECONDS)
            if KafkaError.MSG_SIZE_TOO_LARGE not in codes:
                raise
        if KafkaError.MSG_SIZE_TOO_LARGE in codes:
            self._producer = self._connected()  # the former one counts on what was refused
            raise _TooLarge
        reached = {one.partition: one.offset + 1 for one in letters}
        places = [self._place(*place) for place in reached.items()]
        self._producer.send_offsets_to_transaction(
            places, self._consumer.consumer_group_metadata(), CONNECT_SECONDS
        )
        self._producer.commit_transaction(CONNECT_SECONDS)
        return copied

    def _send(
        self, letters: Sequence[DeadLetter], note: "Callable[[KafkaError | None, Message], None]"
    ) -> int:
        """Sends these messages, and waits; returns how many the topic still held. `note` hears of each."""
        sent = held = 0
        for partition, some in groupby(letters, lambda one: one.partition):
            rules = {one.offset: one.rule for one in some}
            for message in self._read(partition, [*rules]):
                headers = [*(message.headers() or []), *self._headers(message, rules[message.offset() or 0])]
                self._producer.produce(
                    self._to, message.value(), message.key(), headers=headers, on_delivery=note
                )
                sent, held = sent + 1, held + len(message)
                if held > HELD:
                    self._producer.flush(CONNECT_SECONDS)
                    held = 0
        self._producer.flush(CONNECT_SECONDS)
        return sent

    def _headers(self, message: "Message", rule: str) -> list[tuple[str, str]]:
        told = {
            "topic": self.topic.topic,
            "partition": message.partition(),
            "offset": message.offset(),
            "source": self.source.name,
            "rule": rule,
            "contract_version": self.source.version,
        }
        return [(f"churn_assets.{name}", str(value)) for name, value in told.items()]

    def _read(self, partition: int, offsets: Sequence[int]) -> "Iterator[Message]":
        """The messages at these offsets, which ascend, of a partition; those that are gone are left out.

        Raises:
            ExtractError: nothing comes for a while, though there is more.
        """
        low, high = self._consumer.get_watermark_offsets(self._place(partition), timeout=CONNECT_SECONDS)
        at = -FAR - 1  # offset of the message that was read last
        for offset in offsets:
            if not max(low, at) <= offset < high:
                continue
            if offset - at > FAR:
                self._consumer.assign([self._place(partition, offset)])
            while at < offset:
                found = self._next()
                if found is None:
                    return
                at = found.offset() or 0
            if at == offset and found is not None:
                yield found

    def _next(self) -> "Message | None":
        """The next message of the partition; None at its end."""
        from confluent_kafka import KafkaError

        found = self._consumer.poll(SILENT_SECONDS)
        if found is None:
            raise self.address.error(f"nothing came for {SILENT_SECONDS:g} seconds", RIGHTS)
        error = found.error()
        if error is None:
            return found
        if error.code() == KafkaError._PARTITION_EOF:
            return None
        raise self.address.error(error.str(), RIGHTS)

    def _place(self, partition: int, offset: int = 0) -> "TopicPartition":
        from confluent_kafka import TopicPartition

        return TopicPartition(self.topic.topic, partition, offset)

    def _refused(self, error: Exception) -> ExtractError:
        return refused(
            self.address,
            error,
            self._said,
            f"Look whether this user may write to the topic {self._to}, and to the transactional id and group "
            f"{self._group}. Until then the messages are in the quarantine alone.",
        )
