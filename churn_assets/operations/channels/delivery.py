"""Delivers what the outbox holds: each channel by itself, so that one that hangs or is closed delays no other."""

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from churn_assets.contracts.alerts import is_quiet
from churn_assets.contracts.channels import ChannelLine
from churn_assets.lakehouse.engine.processes import only_one
from churn_assets.operations.channels.channel import (
    Channel,
    DeliveryFailed,
    MessageRefused,
    Unavailable,
    Unreachable,
)
from churn_assets.operations.channels.message import Batch, Message
from churn_assets.operations.channels.outbox import ChannelState, Outbox, Waiting
from churn_assets.operations.channels.registry import channel_of
from churn_assets.settings import Settings

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 900.0  # seconds between attempts
MOST_REFUSALS = 5  # then a message is given up, until somebody asks for it again
IN_A_ROW = 3  # deliveries that a receiver cannot take now, until its channel pauses

# Asked right before messages go out: id -> why, of those that must not go out any more. Called by several threads.
Outdated = Callable[[Sequence[Message]], Mapping[str, str]]


@dataclass(frozen=True)
class Delivered:
    """What a round did for one channel: messages accepted, and the last failure in words."""

    messages: int
    why: str | None


def tell(
    outbox: Outbox, lines: Iterable[ChannelLine], messages: Iterable[Message], besides: str | None = None
) -> int:
    """Queues messages for all channels that are declared for their topic but `besides`; returns how many are new."""
    told, declared = list(messages), [line for line in lines if line.name != besides]
    new = 0
    for topic in dict.fromkeys(m.topic for m in told):
        takes = [(line.name, line.personal) for line in declared if topic in line.topics]
        new += outbox.put(takes, [m for m in told if m.topic == topic])
    return new


def deliver(
    outbox: Outbox,
    lines: Sequence[ChannelLine],
    settings: Settings,
    seconds: float = 20,
    outdated: Outdated = lambda _: {},
) -> dict[str, Delivered]:
    """Delivers what is due to all channels, for at most about `seconds`; a channel without messages is left out.

    What is `outdated` is withdrawn.
    """
    now = datetime.now(UTC)
    due = [line for line in lines if _is_due(outbox.state(line.name), now)]
    if not due:
        return {}
    deadline = time.monotonic() + seconds
    with ThreadPoolExecutor(len(due)) as threads:
        rounds = [threads.submit(_of_channel, outbox, line, settings, deadline, outdated) for line in due]
        return {line.name: done.result() for line, done in zip(due, rounds, strict=True)}


def _is_due(state: ChannelState, now: datetime) -> bool:
    return state.waiting > 0 and state.next_at <= now


def _of_channel(
    outbox: Outbox, line: ChannelLine, settings: Settings, deadline: float, outdated: Outdated
) -> Delivered:
    """One process of this home at a time delivers to a channel; another finds nothing to do."""
    try:
        with only_one(settings.home_path / f".outbox-{line.name}.lock", wait=False):
            if not _is_due(outbox.state(line.name), datetime.now(UTC)):
                return Delivered(0, None)
            return _Round(outbox, line.name, channel_of(line, settings), deadline, outdated).run()
    except BlockingIOError:
        return Delivered(0, None)


class _Round:
    """One round of deliveries to one channel."""

    def __init__(
        self, outbox: Outbox, name: str, channel: Channel, deadline: float, outdated: Outdated
    ) -> None:
        self._outbox, self._name, self._channel, self._deadline = outbox, name, channel, deadline
        self._outdated = outdated
        self._accepted, self._in_a_row = 0, 0
        self._why: str | None = None

    def run(self) -> Delivered:
        while self._once():
            pass
        if self._in_a_row and not self._accepted:
            self._pause(self._why or "", None)
        return Delivered(self._accepted, self._why)

    def _once(self) -> bool:
        """Goes through what is due; whether it is worth to look again."""
        now = datetime.now(UTC)
        groups = due(self._outbox.waiting(self._name), self._channel.collects, self._channel.digest_hour, now)
        groups = self._without_outdated(groups, now)
        held: set[str] = set()
        before = self._accepted
        for group in groups:
            if time.monotonic() > self._deadline:
                return False
            subjects = {w.message.subject for w in group}
            batch = None if held & subjects else self._begun(group, now)
            if batch is None:
                held |= subjects
                continue
            try:
                self._channel.deliver(batch)
            except Unreachable as error:
                self._why = str(error)
                self._pause(str(error), None)
                return False
            except DeliveryFailed as error:
                held |= subjects
                if self._not_taken(group, batch, error):
                    return False
            else:
                self._outbox.delivered(self._name, batch, datetime.now(UTC))
                self._accepted, self._in_a_row = self._accepted + len(group), 0
        return self._accepted > before

    def _without_outdated(self, groups: list[list[Waiting]], now: datetime) -> list[list[Waiting]]:
        """What still is to go out; the rest is withdrawn."""
        reasons = self._outdated([w.message for group in groups for w in group]) if groups else {}
        if not reasons:
            return groups
        self._outbox.withdraw(self._name, reasons, now)
        kept = ([w for w in group if w.message.id not in reasons] for group in groups)
        return [group for group in kept if group]

    def _begun(self, group: Sequence[Waiting], now: datetime) -> Batch | None:
        """The delivery of a group; None if it is a digest and this day's was begun already."""
        first, messages = group[0], [w.message for w in group]
        if first.batch:
            return Batch(first.batch, messages)
        if not self._gathers(first.message):
            return Batch(first.message.id, messages)
        if self._channel.digest_hour is None:
            batch = Batch(f"{first.message.rule}-{first.queued_at:%Y-%m-%d}-{first.position}", messages)
            return batch if self._outbox.begin(self._name, batch) else None
        day = f"{now:%Y-%m-%d}"
        batch = Batch(f"{self._name}-{first.message.rule}-{day}", messages)
        return batch if self._outbox.begin(self._name, batch, (first.message.rule, day)) else None

    def _gathers(self, message: Message) -> bool:
        return gathers(message, self._channel.collects, self._channel.digest_hour)

    def _not_taken(self, group: Sequence[Waiting], batch: Batch, error: DeliveryFailed) -> bool:
        """Notes that the receiver did not take a delivery; whether the channel pauses."""
        self._why = str(error)
        refusals = max(w.refusals for w in group) + 1
        delivered_at = self._outbox.state(self._name).delivered_at
        alive = delivered_at is not None and delivered_at > group[0].queued_at  # so it is about the message
        gives_up = refusals >= MOST_REFUSALS and (isinstance(error, MessageRefused) or alive)
        next_at = None if gives_up else datetime.now(UTC) + timedelta(seconds=pause(refusals - 1))
        self._outbox.refused(self._name, batch, str(error), next_at)
        if not isinstance(error, Unavailable):
            return False
        self._in_a_row += 1
        if self._in_a_row < IN_A_ROW and error.after is None:
            return False
        self._pause(str(error), error.after)
        self._in_a_row = 0
        return True

    def _pause(self, why: str, after: float | None) -> None:
        failures = self._outbox.state(self._name).failures
        now = datetime.now(UTC)
        wait = max(pause(failures), min(after or 0, LONGEST_PAUSE))
        self._outbox.failed(self._name, why, now, now + timedelta(seconds=wait))


def pause(failures: int) -> float:
    """Seconds until the next attempt: doubled with each failure, and half of it by chance."""
    full = min(FIRST_PAUSE * 2.0 ** min(failures, 16), LONGEST_PAUSE)
    return full * random.uniform(0.5, 1)  # noqa: S311 (spreads attempts; no secret)


def gathers(message: Message, collects: bool, digest_hour: int | None) -> bool:
    """Whether a channel delivers the message together with others of its rule."""
    return collects and (digest_hour is None or not message.at_once)


def due(
    waiting: Sequence[Waiting], collects: bool, digest_hour: int | None, now: datetime
) -> list[list[Waiting]]:
    """The messages that may be delivered now, a group for each delivery, in order.

    A message waits behind an earlier one about its subject that is not due or goes with another delivery. In its quiet
    hours it is not due, nor is a delivery that it belongs to.
    """
    asleep = {one.batch for one in waiting if one.batch and is_quiet(one.message.quiet, now)}
    groups: dict[str, list[Waiting]] = {}
    of_subject: dict[str, str] = {}
    for one in waiting:
        message = one.message
        digest = gathers(message, collects, digest_hour)
        key = one.batch or (f"rule {message.rule}" if digest else f"message {message.id}")
        early = digest and not one.batch and digest_hour is not None and now.hour < digest_hour
        earlier = of_subject.setdefault(message.subject, key)
        quiet = one.batch in asleep or is_quiet(message.quiet, now)
        if one.next_at > now or quiet or (not one.batch and (early or earlier != key)):
            of_subject[message.subject] = ""  # nothing about it any more in this round
        else:
            groups.setdefault(key, []).append(one)
    return list(groups.values())
