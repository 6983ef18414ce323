"""Messages that no producer should send."""

import json

import pytest

from churn_assets.sources.first_bytes import HEAD, unexpected
from churn_assets.sources.topics import messages
from churn_assets.sources.topics.messages import line_of, message_of


@pytest.mark.parametrize(
    ("stamp", "told"),
    [
        (1_772_359_200_123, "2026-03-01T10:00:00.123Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (1_772_359_200_123_000_000, 1_772_359_200_123_000_000),  # nanoseconds by mistake
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
    ],
)
def test_a_time_in_no_year_that_there_is_stays_a_number(stamp: int, told: object) -> None:
    message = message_of(0, 1, stamp, b"\xff", b'{"a": 1}')
    found = json.loads(line_of(message, ("_timestamp", "_key")))
    assert found == {"a": 1, "_timestamp": told, "_key": "\\xff"}


@pytest.mark.parametrize(
    "value",
    [
        b"\xff\xfe\x00{",
        "{}".encode("utf-16"),
        b'\xef\xbb\xbf{"a": 1}',
        b"PAR1",
        b"\x1f\x8b\x08",
        bytes(range(256)) * 20,
        b'[{"a": 1}]',
        b"{",
        b"<html>",
        b"http://example.com/a",
        b"\r\n",
        b"",
        None,
    ],
)
def test_a_message_that_stands_first_does_not_make_the_file_another_kind(value: bytes | None) -> None:
    """A reader refuses a file of another kind whole, with all its good messages."""
    message = message_of(0, 1, None, None, value)
    line = line_of(message)
    assert message.document is None and b"\n" not in line and b"\r" not in line
    assert json.loads(line) == (value or b"").decode(errors="backslashreplace")
    head = line + b"\n" + line_of(message_of(0, 2, None, None, b'{"a": 1}')) + b"\n"
    assert unexpected(head[:HEAD], "jsonl", "UTF-8") is None


def test_the_longest_text_fits_into_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "MOST", 100)
    assert len(line_of(message_of(0, 1, None, None, b"\0" * 1_000))) == 602
