"""Drafts from a topic of Kafka: a sample of its messages stands in for files. No group of consumers is touched."""

import re
import time
from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from churn_assets.contracts.custom_properties import Mechanism, Protection
from churn_assets.contracts.topic import SourceTopic
from churn_assets.contracts.words import closest, listed
from churn_assets.counts import counted
from churn_assets.drafting.documents import group_of
from churn_assets.drafting.doubt import Doubt, DraftError
from churn_assets.drafting.file_names import FoundOrigins
from churn_assets.drafting.given_address import GivenAddress
from churn_assets.drafting.names import EVENT, ID, names_customer, plain, source_name
from churn_assets.drafting.origin import SampledOrigin
from churn_assets.drafting.roles import OFFSET
from churn_assets.sources.json_text import parsed
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.topics.client import CONNECT_SECONDS, TopicAddress, topic_address
from churn_assets.sources.topics.messages import TopicMessage, line_of, message_of

if TYPE_CHECKING:
    from confluent_kafka import Consumer, TopicPartition

MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
MOST_MESSAGES, SECONDS = 20_000, 60.0
RIGHTS = "Look whether it runs, and whether this user may read and describe the topic."
PROTECTIONS = ("plaintext", "ssl", "sasl_plaintext", "sasl_ssl")


def find_messages(address: GivenAddress, folder: Path, today: date) -> FoundOrigins:
    """Reads the first messages of a topic, kafka://host:9092/topic, into a folder.

    Raises:
        DraftError: the broker does not answer, there is no such topic, or it holds no JSON objects.
    """
    topic = _topic(address)
    try:
        reached = topic_address(topic, "draft", address.environ)
        messages, complete = _read(reached, topic)
    except ExtractError as error:
        raise DraftError(str(error)) from None
    usable = [message for message in messages if message.document is not None]
    if not usable:
        why = (
            f"its {counted(len(messages), 'message')} are no JSON objects"
            if messages
            else "it holds no messages"
        )
        raise DraftError(f"{reached.shown} cannot be drafted from: {why}.")
    added = _added(usable)
    documents = [parsed(line_of(message, added).decode()) for message in usable]
    name = source_name(topic.topic)
    place = f"contracts/{name}.yaml, servers"
    doubts = [*address.doubts]
    if added:
        said = f"{', '.join(sorted(added))} are added to the messages, because they have no id or time of their own"
        doubts.append(Doubt(2, place, said))
    if refused := len(messages) - len(usable):
        doubts.append(
            Doubt(
                2, place, f"{counted(refused, 'message is no JSON object', 'messages are no JSON objects')}"
            )
        )
    own: dict[str, Any] = {"topic": topic.topic}
    own |= {"protection": topic.protection} if topic.protection != "plaintext" else {}
    own |= {"mechanism": topic.mechanism} if "mechanism" in address.parameters else {}
    own |= {key: value for key in ("user", "password") if (value := getattr(topic, key)) is not None}
    server = {"server": "broker", "type": "kafka", "host": topic.host}
    origin = SampledOrigin("messages", server, own, f"the topic {topic.topic}", complete)
    return FoundOrigins([group_of(name, documents, origin, folder, today)], doubts)


def _topic(address: GivenAddress) -> SourceTopic:
    if address.variable is not None:
        raise DraftError(
            "Write kafka://${HOSTS}/topic with a variable for the hosts: the contract names the topic."
        )
    if unknown := sorted({*address.parameters} - {"protection", "mechanism"}):
        raise DraftError(f"The address of a topic has no parameter {unknown[0]}. Leave it out.")
    protection = address.parameters.get("protection", "sasl_ssl" if address.login else "plaintext")
    if protection not in PROTECTIONS or protection.startswith("sasl") != (address.login is not None):
        raise DraftError(
            f"A topic has ?protection= {listed(PROTECTIONS)}; those with sasl log in: "
            "kafka://${USER}:${PASSWORD}@host:9093/topic."
        )
    mechanism = address.parameters.get("mechanism", "SCRAM-SHA-512")
    user, password = address.login or (None, None)
    return SourceTopic(
        address.hosts,
        address.path.strip("/"),
        cast(Protection, protection),
        cast(Mechanism, mechanism),
        user,
        password,
        None,
        None,
    )


def _read(reached: TopicAddress, topic: SourceTopic) -> tuple[list[TopicMessage], bool]:
    """The first messages of each partition, and whether they are all."""
    from confluent_kafka import Consumer, KafkaException

    heard: list[str] = []
    try:
        consumer = Consumer({**reached.settings, "error_cb": lambda error: heard.append(error.str())})
    except KafkaException as error:
        raise reached.error(error.args[0], "Correct the address.") from None
    try:
        places, waiting = _places(consumer, reached, topic)
        consumer.assign(places)
        return _polled(consumer, reached, waiting)
    except KafkaException as error:
        raise reached.error(heard[-1] if heard else error.args[0].str(), RIGHTS) from None
    finally:
        consumer.close()


def _places(
    consumer: "Consumer", reached: TopicAddress, topic: SourceTopic
) -> tuple[list["TopicPartition"], dict[int, int]]:
    """Where each partition begins, and the end of each one that holds something."""
    from confluent_kafka import TopicPartition

    known = consumer.list_topics(timeout=CONNECT_SECONDS).topics
    if topic.topic not in known:
        names = sorted(name for name in known if not name.startswith("_"))
        meant = closest(topic.topic, names)
        there = f"There are {listed(names)}." if names else "This user sees none: see its rights."
        raise ExtractError(
            f"{reached.shown}: there is no such topic. "
            + (f"Did you mean {meant}? " if meant else "")
            + there
        )
    places, ends = [], {}
    for partition in sorted(known[topic.topic].partitions):
        low, high = consumer.get_watermark_offsets(
            TopicPartition(topic.topic, partition), timeout=CONNECT_SECONDS
        )
        places.append(TopicPartition(topic.topic, partition, low))
        if high > low:
            ends[partition] = high
    return places, ends


def _polled(
    consumer: "Consumer", reached: TopicAddress, waiting: dict[int, int]
) -> tuple[list[TopicMessage], bool]:
    from confluent_kafka import KafkaError

    messages: list[TopicMessage] = []
    started = time.monotonic()
    while waiting and len(messages) < MOST_MESSAGES and time.monotonic() - started < SECONDS:
        for message in consumer.consume(1000, 1.0):
            partition, offset = int(message.partition() or 0), int(message.offset() or 0)
            error = message.error()
            if error is None:
                stamped, stamp = message.timestamp()
                at = stamp if stamped else None
                messages.append(message_of(partition, offset, at, message.key(), message.value()))
            elif error.code() != KafkaError._PARTITION_EOF:
                raise reached.error(error.str(), RIGHTS)
            if error is not None or offset + 1 >= waiting.get(partition, 0):
                waiting.pop(partition, None)
    return messages, not waiting


def _added(messages: Collection[TopicMessage]) -> set[str]:
    """The place of a message where its document has no id, and its time where it has none."""
    documents = [message.document for message in messages if message.document is not None]
    names = {name for document in documents for name in document}
    # a sample may hold each customer once
    ids = [name for name in names if ID.search(plain(name)) and not names_customer(plain(name))]
    has_id = any(len({str(d.get(name)) for d in documents}) == len(documents) for name in ids)
    has_time = any(EVENT.search(plain(name)) or _are_times(documents, name) for name in names)
    return (set() if has_id else {*OFFSET}) | (set() if has_time else {"_timestamp"})


def _are_times(documents: Collection[Mapping[str, Any]], name: str) -> bool:
    values = [value for document in documents if (value := document.get(name)) is not None]
    return bool(values) and all(isinstance(value, str) and MOMENT.match(value) for value in values)
