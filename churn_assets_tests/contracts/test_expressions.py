"""Expressions that differ from run to run, or read what is not there, are found; others are left in peace."""

import pytest

from churn_assets.contracts.expressions import wrong_expression

NAMES = ["tenure_days", "closed_at", "Opened_At", "priority", "local_time", "current_user"]


@pytest.mark.parametrize(
    "sql",
    [
        "closed_at is null",
        "priority = 1 and opened_at > date '2025-01-01'",
        "`closed_at` - interval 1 day",
        "array_contains(array('current_date', \"some_word\"), 'no_column')",
        "date_diff(closed_at, opened_at) / nullif(tenure_days, 0)",
        "'it\\'s now()' = 'rand()'",
        "aggregate(from_json('[]', 'array<struct<the_item:int>>'), 0, (s, l) -> s + l.the_item)",
        "unix_timestamp(closed_at)",
        "local_time > 3 and `current_user` is null",
    ],
)
def test_what_can_be_computed_is_accepted(sql: str) -> None:
    assert wrong_expression(sql, NAMES) is None


@pytest.mark.parametrize(
    "word",
    [
        *(
            "current_date",
            "CURRENT_DATE()",
            "current_timestamp",
            "localtimestamp",
            "now()",
            "now ( )",
            "rand(7)",
        ),
        *("randn()", "random()", "uuid()", "unix_timestamp()", "curdate()", "monotonically_increasing_id()"),
    ],
)
def test_what_differs_from_run_to_run_is_named(word: str) -> None:
    told = wrong_expression(f"closed_at < {word}", NAMES)
    assert told is not None and told.startswith(f"{word.lower().rstrip('( )7')} differs from run to run")


def test_a_name_that_is_not_there_is_told_with_the_nearest() -> None:
    told = wrong_expression("closed_on is null", NAMES)
    assert told == "there is no closed_on to read; closed_at is meant, perhaps"
    assert wrong_expression("x_1 + 1", NAMES) == "there is no x_1 to read"
    assert wrong_expression("x_1 + 1") is None
