"""Cool-down, caps and order decide what is told; the same day again adds nothing."""

from typing import Any

import pandas as pd
import pytest

from churn_assets.alerts.importance import importance
from churn_assets.alerts.judging import alert_id, judged
from churn_assets.contracts.alerts import NEW, SUPPRESSED, Alerts
from churn_assets.contracts.economics import Economics
from churn_assets_tests.alerts.days import day, rule, section

A, B = rule("a", rose=0.1), rule("b", entered="high")


def change(customer: str, importance: float = 1.0, by: str = "a") -> dict[str, Any]:
    return {"customer_key": customer, "rule": by, "importance": importance, "held": None}


def judge(
    rows: list[dict[str, Any]], alerts: Alerts, number: int = 0, former: list[dict[str, Any]] | None = None
) -> dict[tuple[str, str], str | None]:
    """(customer, rule) -> why it was suppressed, in the order of the alerts; "known" of those that were there."""
    compared = [{"compared_with": day(number - 1), **row} for row in rows]
    new = judged(pd.DataFrame(compared), alerts, day(number), former or [])
    assert all((row["state"] == SUPPRESSED) is bool(row["why"]) for row in new)
    return {(row["customer_key"], row["rule"]): row["why"] for row in new}


def past(customer: str, number: int, by: str = "a", state: str = "delivered") -> dict[str, Any]:
    return {
        "alert_id": alert_id(day(number), by, customer),
        "customer_key": customer,
        "rule": by,
        "as_of_date": day(number),
        "state": state,
        "why": "cap: 1 is told a day" if state == SUPPRESSED else None,
    }


def test_the_most_important_are_told_and_the_cap_suppresses_the_others() -> None:
    rows = [change("x", 1.0), change("y", 3.0), change("z", 2.0)]
    assert judge(rows, section(A, cap=2)) == {
        ("y", "a"): None,
        ("z", "a"): None,
        ("x", "a"): "cap: 2 are told a day",
    }


def test_a_rule_has_a_cap_of_its_own() -> None:
    rows = [change("x", 3), change("y", 2), change("z", 1, "b")]
    capped = rule("a", rose=0.1, cap=1)
    told = judge(rows, section(capped, B))
    assert told == {("x", "a"): None, ("y", "a"): "cap: a tells 1 a day", ("z", "b"): None}


def test_one_customer_is_told_once_by_the_first_rule() -> None:
    told = judge([change("x", 1, "b"), change("x", 1, "a")], section(A, B))
    assert told == {("x", "a"): None, ("x", "b"): f"cool-down: a told of the customer on {day(0)}"}


@pytest.mark.parametrize(("days_later", "told"), [(1, False), (13, False), (14, True), (15, True)])
def test_a_customer_is_not_told_again_before_the_cool_down_is_over(days_later: int, told: bool) -> None:
    found = judge([change("x")], section(A, cool_down_days=14), days_later, [past("x", 0, "b")])
    assert (found["x", "a"] is None) is told


def test_a_suppressed_alert_starts_no_cool_down_and_a_rule_may_have_its_own() -> None:
    assert judge([change("x")], section(A), 1, [past("x", 0, state=SUPPRESSED)])["x", "a"] is None
    eager = rule("a", rose=0.1, cool_down_days=0)
    assert judge([change("x")], section(eager), 1, [past("x", 0)])["x", "a"] is None
    assert judge([change("x"), change("x", by="b")], section(B, eager))["x", "a"] is None


def test_the_same_day_again_adds_only_what_is_new_and_keeps_within_the_cap() -> None:
    alerts = section(A, cap=2)
    first = judged(pd.DataFrame([change("x") | {"compared_with": day(-1)}]), alerts, day(0), [])
    former = [past("x", 0, state=NEW)]
    assert [row["alert_id"] for row in first] == [former[0]["alert_id"]]
    again = judge([change("x"), change("y", 2), change("z", 3)], alerts, 0, former)
    assert again == {("z", "a"): None, ("y", "a"): "cap: 2 are told a day"}
    assert judge([change("x")], alerts, 0, former) == {}


def test_importance_is_probability_times_margin() -> None:
    economics = Economics(lifetime_value=400, offer=100)
    rows = pd.DataFrame({"probability": [0.5, 0.5, 0.5, 0.5, 0.5], "value": [30.0, 10.0, None, 5.0, -20.0]})
    # the mean of 30, 10, 5 and 0 is 11.25; an unknown value counts as the mean, and no margin is below 0
    expected = [
        0.5 * (400 * 30 / 11.25 - 100),
        0.5 * (400 * 10 / 11.25 - 100),
        150.0,
        0.5 * (400 * 5 / 11.25 - 100),
    ]
    assert list(importance(rows, economics)) == pytest.approx([*expected, 0.0])


@pytest.mark.parametrize("values", [[None, None], [0.0, 0.0]])
def test_without_any_value_all_are_worth_the_same(values: list[float | None]) -> None:
    rows = pd.DataFrame({"probability": [0.1, 0.2], "value": values})
    assert list(importance(rows, Economics(lifetime_value=110, offer=10))) == pytest.approx([10.0, 20.0])


def test_what_is_held_back_takes_no_place_and_starts_no_cool_down() -> None:
    held = change("x", 3) | {"held": "sources differ: some"}
    told = judge([held, change("x", 1, "b"), change("y", 1)], section(A, B, cap=2))
    assert told == {("x", "a"): "sources differ: some", ("x", "b"): None, ("y", "a"): None}


@pytest.mark.parametrize(
    ("why", "again"), [(None, False), ("cap: 1 is told a day", False), ("sources differ: x", True)]
)
def test_a_change_that_was_found_since_the_day_compared_with_is_the_same_change(
    why: str | None, again: bool
) -> None:
    """Days are compared with one a week ago while a source is silent."""
    eager = section(rule("a", rose=0.1, cool_down_days=0))
    former = [past("x", 3, state=SUPPRESSED if why else "delivered") | {"why": why}]
    week_ago = change("x") | {"compared_with": day(0)}
    assert (("x", "a") in judge([week_ago], eager, 7, former)) is again
    later = change("x") | {"compared_with": day(3)}
    assert ("x", "a") in judge([later], eager, 7, former)
