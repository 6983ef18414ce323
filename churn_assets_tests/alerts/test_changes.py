"""Rules find changes, each once, and never compare two models."""

from typing import Any

import pandas as pd
import pytest

from churn_assets.alerts.changes import changes
from churn_assets.contracts.alerts import AlertRule
from churn_assets_tests.alerts.days import day, days, rule, score

ROSE = rule(rose=0.15, within_days=7)
HIGH = rule(entered="high")


def found(
    rows: list[dict[str, Any]], number: int, *rules: AlertRule, **true: dict[str, int]
) -> list[tuple[Any, ...]]:
    """customer, old and new value, and how many days ago, of each change that is not held back.

    `true`: of an SQL rule, the customers for whom it became true, with the number of the day on which it was false.
    """
    told = _changes(rows, number, *rules, **true)
    return [
        (r.customer_key, r.old_value, r.new_value, (day(number) - r.compared_with).days)
        for r in told.itertuples()
        if r.held is None
    ]


def held(rows: list[dict[str, Any]], number: int, *rules: AlertRule) -> dict[str, str]:
    """customer -> why a change is held back."""
    return {r.customer_key: r.held for r in _changes(rows, number, *rules).itertuples() if r.held is not None}


def _changes(
    rows: list[dict[str, Any]], number: int, *rules: AlertRule, **true: dict[str, int]
) -> pd.DataFrame:
    became = {name: {key: day(n) for key, n in keys.items()} for name, keys in true.items()}
    return changes(days(rows, number), rules, became)


def test_nothing_has_changed_on_the_first_day() -> None:
    rows = [score("a", 0, 0.9, risk_tier="high", probability_week_before=0.1)]
    assert found(rows, 0, ROSE, HIGH, rule(driver="usage"), rule("s", sql="x > 1"), s={"a": 0}) == []


def test_a_rise_is_told_once_and_by_its_lowest_day() -> None:
    path = [0.30, 0.20, 0.25, 0.34, 0.36, 0.36, 0.36, 0.36, 0.36, 0.36]
    rows = [score("a", number, p) for number, p in enumerate(path)]
    told = {number: found(rows, number, ROSE) for number in range(1, len(path))}
    assert {number: one for number, one in told.items() if one} == {4: [("a", "20.0%", "36.0%", 3)]}


def test_a_rise_of_exactly_the_limit_counts_and_a_slow_one_does_not() -> None:
    assert found([score("a", 0, 0.1), score("a", 1, 0.25)], 1, ROSE)
    slow = [score("a", number, 0.1 + 0.02 * number) for number in range(20)]
    assert not any(found(slow, number, ROSE) for number in range(1, 20))


def test_a_second_rise_after_a_fall_is_told_again() -> None:
    path = [0.1, 0.3, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.3]
    rows = [score("a", number, p) for number, p in enumerate(path)]
    told = [number for number in range(1, len(path)) if found(rows, number, ROSE)]
    assert told == [1, 10]


def test_a_rise_looks_at_what_the_model_gives_earlier_snapshots() -> None:
    rows = [score("a", 9, 0.3, probability_week_before=0.1), score("a", 10, 0.3, probability_week_before=0.1)]
    # the 9th was the first day of all, on which nothing was told
    assert found(rows, 10, ROSE) == [("a", "10.0%", "30.0%", 7)]
    assert found(rows, 10, rule(rose=0.15, within_days=6)) == []
    month_end = [score("a", 24, 0.3), score("a", 25, 0.3, probability_month_end=0.1)]  # 2026-07-05
    assert found(month_end, 25, ROSE) == [("a", "10.0%", "30.0%", 5)]
    late = [score("a", 29, 0.3), score("a", 30, 0.3, probability_month_end=0.1)]  # 2026-07-10
    assert found(late, 30, ROSE) == []


def test_a_changed_model_is_no_change_of_a_customer() -> None:
    old = [score("a", 0, 0.1), score("a", 1, 0.1)]
    new = score("a", 2, 0.6, model_version="2", risk_tier="high", driver="price", probability_week_before=0.6)
    rules = (ROSE, HIGH, rule("d", driver="price"), rule("s", sql="x"))
    assert found([*old, new], 2, *rules, s={"a": 1}) == [
        ("a", "false", "true", 1)
    ]  # a condition reads no score
    next_day = score("a", 3, 0.6, model_version="2", risk_tier="high", driver="price")
    assert found([*old, new, next_day], 3, *rules) == []


def test_a_rise_on_the_day_of_a_new_model_is_told_the_day_after() -> None:
    rows = [score("a", 0, 0.3)]
    rows += [score("a", n, 0.6, model_version="2", probability_week_before=0.2) for n in (1, 2, 3)]
    assert [n for n in (1, 2, 3) if found(rows, n, ROSE)] == [2]


@pytest.mark.parametrize(
    ("entered", "before", "now", "is_change"),
    [
        ("high", "low", "high", True),
        ("high", "elevated", "high", True),
        ("high", "high", "high", False),
        ("high", "low", "elevated", False),
        ("elevated", "low", "elevated", True),
        ("elevated", "low", "high", True),
        ("elevated", "elevated", "high", False),
        ("elevated", "high", "elevated", False),
    ],
)
def test_entering_a_tier_comes_from_below(entered: str, before: str, now: str, is_change: bool) -> None:
    rows = [score("a", 0, risk_tier=before), score("a", 1, risk_tier=now)]
    expected = [("a", before, now, 1)] if is_change else []
    assert found(rows, 1, rule(entered=entered)) == expected


def test_a_driver_becomes_the_main_one() -> None:
    rows = [score("a", 0), score("a", 1, driver="price"), score("a", 2, driver="price")]
    assert found(rows, 1, rule(driver="price")) == [("a", "usage", "price", 1)]
    assert found(rows, 2, rule(driver="price")) == []
    assert found(rows, 1, rule(driver="network")) == []


def test_a_customer_of_the_first_day_has_not_changed_and_one_who_is_gone_is_not_told() -> None:
    rows = [score("gone", 0), score("new", 1, 0.9, risk_tier="high", driver="price")]
    assert found(rows, 1, HIGH, ROSE, rule("d", driver="price"), rule("s", sql="x"), s={"gone": 0}) == []


def test_a_missed_day_is_bridged() -> None:
    rows = [score("a", 0), score("a", 4, 0.3, risk_tier="high")]
    assert found(rows, 4, HIGH, ROSE) == [("a", "low", "high", 4), ("a", "10.0%", "30.0%", 4)]


def test_when_narrows_a_rule_to_customers_as_they_are_now() -> None:
    rows = [score("a", 0), score("b", 0, value_tier="high")]
    rows += [score("a", 1, risk_tier="high"), score("b", 1, risk_tier="high", value_tier="high")]
    assert [c for c, *_ in found(rows, 1, rule(entered="high", when={"value": ["high"]}))] == ["b"]
    assert found(rows, 1, rule(entered="high", when={"driver": ["price"]})) == []


SILENT = {"unknown_windows": "usage: recency, 7d"}


def weekly(probability: dict[int, float], **of: dict[int, Any]) -> list[dict[str, Any]]:
    """Scores of a customer of whom usage is known on every seventh day only."""
    return [
        score("a", n, p, **({} if n % 7 == 0 else SILENT), **{name: by.get(n) for name, by in of.items()})
        for n, p in probability.items()
    ]


def test_a_rise_on_the_day_of_a_delivery_is_held_back_with_the_reason() -> None:
    """The probability fell while a source was silent, and rose when it came."""
    rows = weekly({0: 0.3} | dict.fromkeys(range(1, 7), 0.1) | {7: 0.3})
    assert found(rows, 7, ROSE) == []
    assert held(rows, 7, ROSE) == {
        "a": f"sources differ: not known on {day(7)} is nothing, on {day(6)} usage: recency, 7d"
    }
    assert held([*rows, score("a", 8, 0.3, **SILENT)], 8, ROSE) == {}, "it was held back on the day before"


def test_like_is_compared_with_like_so_that_news_of_a_week_are_told() -> None:
    rows = weekly({0: 0.1} | dict.fromkeys(range(1, 7), 0.1) | {7: 0.3})
    assert found(rows, 7, ROSE) == [("a", "10.0%", "30.0%", 7)]
    assert held(rows, 7, ROSE) == {}


def test_after_a_silence_longer_than_its_days_a_rise_is_seen_from_the_last_like_day() -> None:
    silent = [score("a", n, 0.05, **SILENT) for n in range(1, 13)]
    rows = [score("a", 0, 0.1), *silent, score("a", 13, 0.3), score("a", 14, 0.3)]
    assert found(rows, 13, ROSE) == [("a", "10.0%", "30.0%", 13)]
    assert found(rows, 14, ROSE) == [] and held(rows, 14, ROSE) == {}
    only_silent = [score("a", 0, 0.3), *silent, score("a", 13, 0.3)]
    assert found(only_silent, 13, ROSE) == [] and list(held(only_silent, 13, ROSE)) == ["a"]


def test_while_a_source_is_silent_days_of_the_same_silence_are_compared() -> None:
    rows = weekly({0: 0.1, 1: 0.1, 2: 0.1, 7: 0.1, 8: 0.3})
    assert found(rows, 8, ROSE) == [("a", "10.0%", "30.0%", 6)]


def test_what_the_model_gives_earlier_snapshots_counts_on_like_days_only() -> None:
    rows = [score("a", 6, 0.3, **SILENT), score("a", 7, 0.3, probability_day_before=0.1)]
    rows = [score("a", 0, 0.3), *rows]
    assert found(rows, 7, ROSE) == []
    assert list(held(rows, 7, ROSE)) == ["a"]


@pytest.mark.parametrize(
    ("of", "one"),
    [
        ({"risk_tier": {0: "high", 6: "low", 7: "high"}}, HIGH),
        ({"driver": {0: "price", 6: "usage", 7: "price"}}, rule(driver="price")),
    ],
)
def test_a_tier_or_a_driver_is_compared_with_a_like_day(
    of: dict[str, dict[int, str]], one: AlertRule
) -> None:
    rows = weekly({0: 0.1, 6: 0.1, 7: 0.1}, **of)
    assert found(rows, 7, one) == []
    assert list(held(rows, 7, one)) == ["a"], "only the silent day before says that it changed"
    [column] = of
    changed = [
        row | {column: {"high": "low", "price": "usage"}.get(row[column], row[column])} for row in rows[:1]
    ]
    [(_, old, new, ago)] = found([*changed, *rows[1:]], 7, one)
    assert (old, new, ago) == (changed[0][column], of[column][7], 7)


def test_without_a_like_day_a_change_is_held_back() -> None:
    rows = [score("a", 6, 0.1, **SILENT), score("a", 7, 0.3, risk_tier="high")]
    assert found(rows, 7, ROSE, HIGH) == []
    assert list(held(rows, 7, HIGH)) == list(held(rows, 7, ROSE)) == ["a"]
