"""Messages of a topic as lines of an extract. What is no JSON object becomes a string, and goes to the quarantine."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from churn_assets.sources.json_text import LONGEST_LINE, json_text, parsed

# Members that a contract may name to have them added to each document.
PLACE = ("_partition", "_offset", "_timestamp", "_key")
MOST = LONGEST_LINE // 8  # characters of a text that are kept; as JSON, each takes at most 6 bytes


@dataclass(frozen=True)
class TopicMessage:
    """One message.

    Attributes:
        partition, offset: its place in the topic.
        timestamp_ms: when it was made or stored, as the topic has it, in milliseconds since 1970; None without one.
        key, value: its bytes.
        document: the object that the value is; None if it is none.
        refused: why it is none, without a word of the value.
    """

    partition: int
    offset: int
    timestamp_ms: int | None
    key: bytes | None
    value: bytes | None
    document: dict[str, Any] | None
    refused: str | None


def message_of(
    partition: int, offset: int, timestamp_ms: int | None, key: bytes | None, value: bytes | None
) -> TopicMessage:
    """Returns a message with its document, or with the reason why it has none."""
    document, refused = None, None
    try:
        found = parsed((value or b"").decode())
        if isinstance(found, dict):
            json_text(found).encode()  # raises for an unpaired surrogate
            document = found
        else:
            refused = "it is JSON, but no object"
    except UnicodeDecodeError:
        refused = "it is not UTF-8"
    except (ValueError, RecursionError):
        refused = "it is not JSON" if value else "it is empty"
    return TopicMessage(partition, offset, timestamp_ms, key, value, document, refused)


def line_of(message: TopicMessage, added: Collection[str] = ()) -> bytes:
    """Returns a message as a line of JSON lines, without its end.

    A document keeps its text. `added` are members of `PLACE` that it gets, unless it has them. What is no document
    becomes a string of JSON; bytes that are no UTF-8 are written as `\\xff`.
    """
    if message.document is None:
        # as it is, it could stand first in the file and make it look like another kind, which no reader takes
        return json_text((message.value or b"").decode(errors="backslashreplace")[:MOST]).encode()
    text = (message.value or b"").replace(b"\r", b" ").replace(b"\n", b" ").strip()
    place = {name: _place(message, name) for name in PLACE if name in added and name not in message.document}
    if not place:
        return text
    comma = b"," if message.document else b""
    return text[:-1] + comma + json_text(place).encode()[1:]


def _place(message: TopicMessage, name: str) -> Any:
    match name:
        case "_partition":
            return message.partition
        case "_offset":
            return message.offset
        case "_key":
            return None if message.key is None else message.key.decode(errors="backslashreplace")
    if message.timestamp_ms is None:
        return None
    try:
        moment = datetime.fromtimestamp(message.timestamp_ms // 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return (
            message.timestamp_ms
        )  # in no year that there is: a number is no time, so the contract refuses it
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{message.timestamp_ms % 1000:03d}Z"
