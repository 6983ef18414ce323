"""What is no expression is told with the place where the parser stops; what Spark alone reads is left to it."""

import pytest

from churn_assets.contracts.sql.parsing import why_unparsed


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("a_b >= 3 andd c_d > 1", "it cannot be parsed at `c_d`"),
        ("a_b >= 3 3", "it cannot be parsed at `3`"),
        ("a_b > 3 or or c_d > 2", "it cannot be parsed at `or`"),
        ("a_b in (1, 2", "it cannot be parsed at `2`"),
        ("a_b > 'x", "it cannot be parsed"),
        ("", "it cannot be parsed"),
        ("a_b > 3 c_d", "it is no single expression"),
        ("a_b > 3; c_d > 2", "it is no single expression"),
        ("select a_b > 3", "it is no single expression"),
        ("if a_b > 3 then 1", "it is no single expression"),
    ],
)
def test_what_cannot_be_parsed_is_told(sql: str, why: str, caplog: pytest.LogCaptureFixture) -> None:
    assert why_unparsed(sql) == why
    assert caplog.text == ""


@pytest.mark.parametrize(
    "sql",
    [
        "!(a_b == 3)",
        "a_b <=> 1.0BD",
        "`a b` rlike 'x'",
        "trim(both 'x' from a_b) = 'it\\'s'",
        "filter(a_b, x -> x > 3)[0] = 1",
        "a_b || 'x' = r'\\d' -- as Spark reads it",
        "d > timestamp_ntz '2025-01-01 00:00:00' - interval 3 days",
    ],
)
def test_what_spark_reads_is_accepted(sql: str) -> None:
    assert why_unparsed(sql) is None
