"""What is told: a message, and the batch of messages that one delivery carries."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Literal

Severity = Literal["info", "warning", "critical"]


@dataclass(frozen=True)
class Message:
    """Something that a channel tells people or programs.

    Attributes:
        id: names the message for ever: the same id is told once, and a receiver knows a repetition by it.
        topic: `incidents` or `alerts`; a channel declares which of them it tells. `test` goes to a named channel only.
        rule: the rule that caused it; a digest collects the messages of one rule.
        subject: what it is about, such as an incident or a customer key; messages about one subject arrive in order.
        title, text: for people. They hold no personal value.
        severity: how serious it is.
        occurred_at: when it happened, UTC.
        facts: more about it, by name, without personal values.
        customer_key: of the customer it is about.
        link: where to read more.
        personal: values that identify a person; only for channels that are declared for personal data.
        at_once: whether it goes alone and at once, also where others wait for a digest.
        quiet: hours (UTC) in which it waits: the first of them and the first one after; None: it never does.
    """

    id: str
    topic: str
    rule: str
    subject: str
    title: str
    text: str
    severity: Severity
    occurred_at: datetime
    facts: Mapping[str, str] = field(default_factory=dict)
    customer_key: str | None = None
    link: str | None = None
    personal: Mapping[str, str] = field(default_factory=dict)
    at_once: bool = True
    quiet: tuple[int, int] | None = None

    def for_channel(self, personal: bool) -> "Message":
        """The message as a channel may tell it."""
        return self if personal else replace(self, personal={})

    def to_json(self) -> str:
        """The message as text; the same message is always the same text."""
        content = asdict(self) | {"occurred_at": self.occurred_at.isoformat()}
        return json.dumps(content, sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Message":
        """The inverse of `to_json`."""
        content = json.loads(text)
        quiet = content.get("quiet")
        restored = {
            "occurred_at": datetime.fromisoformat(content["occurred_at"]),
            "quiet": (quiet[0], quiet[1]) if quiet else None,
        }
        return cls(**content | restored)


@dataclass(frozen=True)
class Batch:
    """The messages of one delivery, in order.

    Attributes:
        id: the idempotency key: a repeated delivery has the same id and the same messages.
        messages: one, or for a digest those of one rule.
    """

    id: str
    messages: Sequence[Message]
