"""Messages that no producer should send."""

import json

import pytest

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
