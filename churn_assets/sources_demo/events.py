"""Sends the rows of simulated extracts to topics of Kafka, one by one, as if their day passed in a minute."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

PATIENCE_SECONDS = 120.0  # after the last event, until whoever follows has seen all
FLUSH_SECONDS = 30.0


class Event(NamedTuple):
    """A message to send: at which share of the day, to which topic, its bytes."""

    share: float
    topic: str
    value: bytes


class FeedError(RuntimeError):
    """Events did not get through; the message says how many."""


def events_of(files: Iterable[Path]) -> list[Event]:
    """The lines of extracts as events, those of each source spread evenly over the day, in the order of the day.

    Args:
        files: JSON lines in a folder of the source and the day; the name of the source is that of the topic.
    """
    by_topic: dict[str, list[bytes]] = {}
    for file in files:
        lines = by_topic.setdefault(file.parent.parent.name, [])
        lines += [line for line in file.read_bytes().split(b"\n") if line.strip()]
    return sorted(
        Event((place + 0.5) / len(lines), topic, line)
        for topic, lines in by_topic.items()
        for place, line in enumerate(lines)
    )


class Feeder(threading.Thread):
    """Sends events to a broker, waits until they have arrived, and sets `stop`; also when it fails.

    Attributes:
        failed: why it ended early; None if it did not.
    """

    def __init__(
        self,
        address: str,
        events: Sequence[Event],
        seconds: float,
        stop: threading.Event,
        arrived: Callable[[Mapping[str, int]], bool],
    ) -> None:
        """Prepares.

        Args:
            address: of the broker; the topics are there.
            events: in the order of their shares.
            seconds: how long the day takes.
            stop: ends it; it sets it itself when all has arrived.
            arrived: whether so many messages (topic -> number) have arrived, and all is done that follows from them.
        """
        super().__init__(name="feeder", daemon=True)
        self._address, self._events, self._seconds = address, events, seconds
        self._stopped, self._arrived = stop, arrived
        self.failed: BaseException | None = None

    def run(self) -> None:
        """Sends each event at its moment; then waits until all have arrived."""
        try:
            sent = self._send()
            end = time.monotonic() + PATIENCE_SECONDS
            while not self._stopped.is_set() and not self._arrived(sent):
                if time.monotonic() > end:
                    raise FeedError(
                        f"Not all of {sum(sent.values())} events arrived within {PATIENCE_SECONDS:g} s."
                    )
                self._stopped.wait(0.5)
        except BaseException as error:  # noqa: BLE001 (whoever started it raises it)
            self.failed = error
        finally:
            self._stopped.set()

    def _send(self) -> dict[str, int]:
        """Topic -> messages that the broker has taken."""
        from confluent_kafka import Producer

        taken: list[str] = []

        def heard(error: object, message: object) -> None:
            if error is None:
                taken.append(message.topic())  # type: ignore[attr-defined]

        producer = Producer({"bootstrap.servers": self._address, "log_level": 0, "linger.ms": 5})
        started, asked = time.monotonic(), 0
        for event in self._events:
            if self._stopped.wait(max(0.0, started + event.share * self._seconds - time.monotonic())):
                break
            producer.produce(event.topic, event.value, on_delivery=heard)
            asked += 1
            producer.poll(0)
        producer.flush(FLUSH_SECONDS)
        if len(taken) < asked and not self._stopped.is_set():
            raise FeedError(f"The broker took {len(taken)} of {asked} events.")
        return {name: taken.count(name) for name in sorted({*taken})}
