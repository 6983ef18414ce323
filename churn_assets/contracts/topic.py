"""Reads the server of a contract whose source is a topic of Kafka: where it lies, and how one logs in."""

from dataclasses import dataclass

from churn_assets.contracts.channels import FROM_ENVIRONMENT
from churn_assets.contracts.custom_properties import KafkaProperties, Mechanism, Protection, TopicEngine
from churn_assets.contracts.odcs import KafkaServer
from churn_assets.contracts.place import Place
from churn_assets.contracts.validation import own_properties, peek, property_place


@dataclass(frozen=True)
class SourceTopic:
    """A topic of Kafka.

    Attributes:
        host: brokers to begin with, as host:port, with commas between them; `${NAME}` stands for a variable.
        topic: its name.
        protection: how the connection is protected; `sasl_` ones log in.
        mechanism: how one logs in.
        user, password: variables of the environment as `${NAME}`; None without a login.
        authority: PEM file of the authorities that are trusted; None: those of the system.
        dead_letters: the topic for messages that break their contract; None: they are in the quarantine alone.
        group: under which the broker is told how far the topic was read; None: `churn-assets-` and the source.
        engine: what reads it: one process of this machine, or a job of Spark.
    """

    host: str
    topic: str
    protection: Protection
    mechanism: Mechanism
    user: str | None
    password: str | None
    authority: str | None
    group: str | None
    dead_letters: str | None = None
    engine: TopicEngine = "local"

    kind = "kafka"
    cursor = None  # the position in each partition takes its place

    @property
    def what(self) -> str:
        """What is asked, in words."""
        return f"the topic {self.topic}"

    @property
    def asked(self) -> tuple[str | None, ...]:
        """What tells this question from others, apart from the place."""
        return (self.topic,)


def read_topic(place: Place) -> SourceTopic | None:
    """Reads a server of Kafka; None if it is not one, or cannot be read."""
    server = peek(KafkaServer, place)
    if server is None:
        return None
    here = place.at("customProperties")
    own = own_properties(KafkaProperties, here)
    if "@" in server.host or "://" in server.host:
        place.at("host").refuse(
            "the host is an address", "write host:port, and user and password as properties"
        )
    if own is None:
        return None
    if own.deadLetters == own.topic:
        property_place(here, "deadLetters").refuse(
            "dead letters in the topic itself would be read again", "name another topic"
        )
    logs_in = own.protection.startswith("sasl")
    for name, value in (("user", own.user), ("password", own.password)):
        if logs_in and value is None:
            here.refuse(f"`{own.protection}` needs a {name}", f"add the property {name}: ${{NAME}}")
        elif not logs_in and value is not None:
            property_place(here, name).refuse(
                f"nobody logs in with `{own.protection}`", "remove it, or write `protection: sasl_ssl`"
            )
    if own.password is not None and not FROM_ENVIRONMENT.fullmatch(own.password):
        property_place(here, "password").refuse(
            "a secret does not stand in a file",
            "write ${NAME}, and set the environment variable NAME",
        )
    return SourceTopic(
        server.host,
        own.topic,
        own.protection,
        own.mechanism,
        own.user,
        own.password,
        own.authority,
        own.group,
        own.deadLetters,
        own.engine,
    )
