"""Where the extracts of a topic end, and what the topic holds beyond them."""

import logging
import os
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from churn_assets.contracts.source import Source
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.landing_files import remove_unfinished
from churn_assets.sources.live.records import digest_of, records
from churn_assets.sources.topics.client import (
    CONNECT_SECONDS,
    TopicConnection,
    refused,
    topic_address,
    topic_identity,
    topic_of,
)
from churn_assets.sources.topics.offsets import next_offsets

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, TopicPartition

log = logging.getLogger(__name__)


class TopicPlaces(TopicConnection):
    """A topic and its extracts; the caller lets nobody else extract the source meanwhile.

    Attributes:
        asked: digest of the topic, see `Record`.
        records: of the extracts that lie in the landing zone, oldest first.
        reach: partition -> offset of the first message that no extract holds; partitions without extracts are left out.
        consumer: a client that reads nothing yet.
    """

    def __init__(self, source: Source, landing: str, environ: Mapping[str, str] = os.environ) -> None:
        """Connects, and reads the records; removes what a killed extract has left.

        Raises:
            ExtractError: the broker does not answer, or there is no such topic.
        """
        from confluent_kafka import Consumer, KafkaException

        self.source, self.topic = source, topic_of(source)
        self.address = topic_address(self.topic, source.name, environ)
        remove_unfinished(landing, source)
        try:
            own = {"error_cb": self._hear, "on_commit": self._told}
            self.consumer: Consumer = Consumer({**self.address.settings, **own})
        except KafkaException as error:
            raise self.address.error(error.args[0], "Correct the contract's server.") from None
        try:
            self.asked = digest_of(self.topic, topic_identity(self.address, self.topic))
        except BaseException:
            self.close()
            raise
        self.records = records(landing, source)
        self.reach = next_offsets(self.records, self.asked)

    def close(self) -> None:
        """Ends the connection."""
        self.consumer.close()

    def partitions(self) -> list[int]:
        """The partitions that the topic has now.

        Raises:
            ExtractError: the broker does not answer.
        """
        from confluent_kafka import KafkaException

        try:
            found = self.consumer.list_topics(self.topic.topic, timeout=CONNECT_SECONDS)
        except KafkaException as error:
            raise refused(self.address, error, self._said) from None
        return sorted(found.topics[self.topic.topic].partitions)

    def check_same(self) -> None:
        """Checks that the topic is still the one that it was at the beginning.

        Raises:
            ExtractError: another one of its name was made, or the broker does not answer.
        """
        if self.asked != digest_of(self.topic, topic_identity(self.address, self.topic)):
            raise self.address.error("the topic was deleted and made anew", "It is read from its beginning.")

    def bounds(self, partition: int, known: int) -> tuple[int, int]:
        """The offsets of the first message that a partition still holds, and of the one after its last.

        Args:
            partition: of the topic.
            known: offset of the first message that was not read.

        Raises:
            ExtractError: the broker does not answer, or the partition ends before `known`, as in a topic made anew.
        """
        from confluent_kafka import KafkaException

        try:
            low, high = self.consumer.get_watermark_offsets(self.place(partition, 0), timeout=CONNECT_SECONDS)
        except KafkaException as error:
            raise refused(self.address, error, self._said) from None
        if known > high:
            self.check_same()
            raise ExtractError(
                f"{self.address.shown} holds messages up to {high:,} in partition {partition}, and the extracts "
                f"hold those up to {known:,}: was it restored from a backup? Delete the extracts made since then; "
                "the next one reads their messages again."
            )
        return low, high

    def place(self, partition: int, offset: int) -> "TopicPartition":
        """A place as the client has it."""
        from confluent_kafka import TopicPartition

        return TopicPartition(self.topic.topic, partition, offset)

    def tell(self, reached: Mapping[int, int]) -> None:
        """Tells the broker how far the extracts reach (partition -> offset); they do not depend on it.

        Waits for no answer: a broker that is slow would hold up the messages.
        """
        from confluent_kafka import KafkaException

        try:
            self.consumer.commit(offsets=[self.place(*one) for one in reached.items()], asynchronous=True)
        except KafkaException as error:
            self._told(error.args[0], [])

    def _told(self, error: "KafkaError | None", _: "list[TopicPartition]") -> None:
        """Hears what became of `tell`."""
        if error is not None:
            said = self.address.error(error.str(), "Its own pages show an older position; extracts go on.")
            log.warning("%s", said)

    def lost_since(self, moment: datetime) -> Counter[int]:
        """Partition -> number of offsets that were lost, as the files tell that others have landed since then."""
        lost = Counter[int]()
        for record in self.records:
            if record.taken_at >= moment and record.asked == self.asked:
                lost.update({int(partition): number for partition, number in record.lost.items()})
        return lost
