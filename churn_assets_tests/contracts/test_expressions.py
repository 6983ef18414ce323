"""Expressions that differ from run to run, or read what is not there, are found; others are left in peace."""

import pytest

from churn_assets.contracts.expressions import compared_values, is_usual_condition, mistakes_in, no_condition

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
    assert mistakes_in(sql, NAMES) == []


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
    ((problem, remedy, _),) = mistakes_in(f"closed_at < {word}", NAMES)
    assert problem.startswith(f"{word.lower().rstrip('( )7')} differs from run to run")
    assert remedy.startswith("take it out")


def test_a_name_that_is_not_there_is_told_with_the_nearest() -> None:
    assert mistakes_in("closed_on is null", NAMES) == [("there is no closed_on to read", "", "closed_at")]
    assert mistakes_in("x_1 + 1", NAMES) == [("there is no x_1 to read", "", "")]
    assert mistakes_in("x_1 + 1") == []


def test_all_that_is_not_there_is_told() -> None:
    told = mistakes_in("closed_on > opened_on + x_1 and closed_on < now()", NAMES)
    assert [problem.split(" ")[:4] for problem, _, _ in told][1:] == [
        ["there", "is", "no", name] for name in ("closed_on", "opened_on", "x_1")
    ]
    assert told[0][0].startswith("now differs")


def test_texts_that_a_condition_compares_with_are_found() -> None:
    sql = "status = 'paid' and `arm` not in ('a', 'b') and priority = 1 and lower(word) like 'x' and t.kind <> 'k'"
    assert list(compared_values(sql)) == [("status", ["paid"]), ("arm", ["a", "b"])]


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("tickets_count_3m", "it compares nothing"),
        ("tickets_count_3m + 1", "it compares nothing"),
        ("'a = b'", "it compares nothing"),
        ("tickets_count_3m >= (3", "its parentheses do not match"),
        ("tickets_count_3m) >= (3", "its parentheses do not match"),
        ("case when tickets_count_3m > 3 then 1 else 0 end", "it is a CASE, which gives a value"),
        ("case when tickets_count_3m > 3 then 1 else 0 end = 1", None),
        ("tickets_count_3m >= 3", None),
        ("plan is null or plan in ('a)', 'b')", None),
        ("isnotnull(plan)", None),
        ("not (usage_sum_1m between 1 and 2)", None),
    ],
)
def test_an_expression_that_can_be_neither_true_nor_false_is_no_condition(sql: str, why: str | None) -> None:
    assert no_condition(sql) == why


@pytest.mark.parametrize(
    ("sql", "usual"),
    [
        ("tickets_count_3m >= 3", True),
        ("plan = 'a' or not_x < -1.5 and `days` <> 2", True),
        ("closed_at IS NOT NULL AND plan in ('a', 'b')", True),
        ("a_b > 3 and", False),
        ("a_b > 3 andd b_c < 3", False),
        ("a_b > c_d e", False),
        ("a_b > and and c_d > 3", False),
        ("`a_b > 3", False),
        ("a_b` > 3", False),
        ("not a_b > 3", False),
        ("coalesce(a_b, 0) > 3", False),
    ],
)
def test_the_usual_condition_is_known_without_a_parser(sql: str, usual: bool) -> None:
    assert is_usual_condition(sql) == usual
