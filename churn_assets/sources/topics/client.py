"""The client of Kafka: its settings with secrets from the environment, and errors that tell none."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from churn_assets.contracts.source import Source
from churn_assets.contracts.topic import SourceTopic
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.secrets import hidden, long_enough, with_secrets

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

CONNECT_SECONDS = 30
OF_CONNECTION = ("bootstrap", "log", "sasl", "security", "socket", "ssl")
RIGHTS = "Look whether it runs, and whether this user may read the topic and describe its group."


@dataclass(frozen=True)
class TopicAddress:
    """A topic to connect to.

    Attributes:
        settings: of librdkafka.
        shown: the topic and its brokers, without secrets.
        secrets: texts that no message may hold.
    """

    settings: dict[str, Any] = field(repr=False)
    shown: str
    secrets: tuple[str, ...] = field(repr=False)

    @property
    def connection(self) -> dict[str, Any]:
        """The settings that a client of any kind needs."""
        return {name: value for name, value in self.settings.items() if name.startswith(OF_CONNECTION)}

    def error(self, said: object, remedy: str) -> ExtractError:
        """Returns the error for what the broker or its client has said, without a secret."""
        text = hidden(" ".join(str(said).split()), self.secrets)
        return ExtractError(f"{self.shown}: {text.rstrip('.')}. {remedy}")


class TopicConnection(ABC):
    """What is connected to a topic until the end of `with`, and hears what Kafka's client says of errors."""

    _said: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Ends the connection."""

    def _hear(self, error: "KafkaError") -> None:
        self._said = error.str()


def topic_of(source: Source) -> SourceTopic:
    """The topic of a source; ValueError if it has none."""
    if not isinstance(source.origin, SourceTopic):
        raise ValueError(f"{source.name} is no topic")
    return source.origin


def topic_address(topic: SourceTopic, source: str, environ: Mapping[str, str] = os.environ) -> TopicAddress:
    """Returns the topic to connect to; connects to nothing.

    Args:
        topic: what to read.
        source: the name of its source, for the consumer group.
        environ: where the secrets are.

    Raises:
        ExtractError: a variable is not set, or the client is not installed.
    """
    if find_spec("confluent_kafka") is None:
        raise ExtractError(
            "confluent-kafka, the client of Kafka, is not installed. Run `pip install 'churn-assets[kafka]'`."
        )
    hosts, secrets = with_secrets(topic.host, environ, is_url=False)
    settings: dict[str, Any] = {
        "bootstrap.servers": hosts,
        "group.id": topic.group or f"churn-assets-{source}",
        "security.protocol": topic.protection,
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "socket.connection.setup.timeout.ms": CONNECT_SECONDS * 1000,
        "log_level": 0,  # what it would say comes as an error
    }
    if topic.user is not None and topic.password is not None:
        user, _ = with_secrets(topic.user, environ, is_url=False)
        password, more = with_secrets(topic.password, environ, is_url=False)
        secrets += more
        settings |= {"sasl.mechanism": topic.mechanism, "sasl.username": user, "sasl.password": password}
    if topic.authority is not None:
        settings["ssl.ca.location"] = topic.authority
    return TopicAddress(settings, f"The topic {topic.topic} of {topic.host}", long_enough(secrets))


def topic_identity(address: TopicAddress, topic: SourceTopic) -> str:
    """Returns the id of the topic, which another one of the same name does not have.

    Raises:
        ExtractError: there is no such topic, or the broker does not answer.
    """
    from confluent_kafka import KafkaException, TopicCollection
    from confluent_kafka.admin import AdminClient

    said: list[str] = []
    settings = address.connection | {"error_cb": lambda error: said.append(error.str())}
    admin = AdminClient(settings)
    asked = admin.describe_topics(TopicCollection([topic.topic]), request_timeout=CONNECT_SECONDS)
    try:
        return str(asked[topic.topic].result().topic_id)
    except KafkaException as error:
        raise refused(address, error, said[-1] if said else None) from None


def refused(address: TopicAddress, error: Exception, said: str | None, remedy: str = RIGHTS) -> ExtractError:
    """Returns the error for what a call has raised; `said` is what the client has told besides, the true reason."""
    own = error.args[0]
    return address.error(said if said and own.code() < 0 else own.str(), remedy)
