"""Which days of scores are compared: after a source was silent for weeks, the day before its silence."""

from pathlib import Path
from typing import Any

import pytest

from churn_assets.alerts.store import alerts
from churn_assets.contracts.business import Business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets_tests.alerts.days import day, score
from churn_assets_tests.alerts.lake import RULES, business_of, lake, put_scores, raised, states

pytestmark = pytest.mark.one_python(
    reason="runs assets over a small lake, as tests of other modules do on each Python"
)

SILENT: dict[str, Any] = {"unknown_windows": "usage: recency, 7d"}


def _both(number: int, **of_b: Any) -> list[dict[str, Any]]:
    """Two customers on a day; a source is silent from the second day to the twelfth."""
    known: dict[str, Any] = {} if number in (0, 1) or number > 12 else SILENT
    return [score("a", number, **known), score("b", number, **known, **of_b)]


def test_what_changed_in_a_long_silence_is_told_when_the_source_is_back(tmp_path: Path) -> None:
    """It is held back on the first day of the silence, and must not stay so for ever."""
    high = {"risk_tier": "high", "value": 900.0}
    house = lake(tmp_path, [row for n in range(2) for row in _both(n)])
    business = business_of(tmp_path)
    raised(house, business)
    for number in range(2, 13):
        put_scores(house, _both(number, **high))
    raised(house, business)
    put_scores(house, _both(13, **high))
    assert raised(house, business).success
    assert states(house) == {("b", "high"): ("new", None)}


FALSE_ALARM, STILL = {"probability": 0.1, "risk_tier": "low"}, {"probability": 0.4, "risk_tier": "high"}


def _held_back(folder: Path) -> tuple[Lakehouse, Business]:
    """On day 60 a source is back after more than 35 days, and customer b has risen since the day before."""
    house = lake(folder, [row for n in range(2) for row in _both(n)])
    business = business_of(folder, alerts=RULES | {"cool_down_days": 0})
    for number in (58, 59):
        put_scores(house, [score("a", number, **SILENT), score("b", number, **SILENT)])
    put_scores(house, _both(60, **STILL))
    raised(house, business)
    return house, business


def test_after_a_silence_of_more_than_the_search_a_change_is_held_back(tmp_path: Path) -> None:
    house, _ = _held_back(tmp_path)
    assert {key: state for key, (state, _) in states(house).items()} == {
        ("b", "rose"): "suppressed",
        ("b", "high"): "suppressed",
    }
    assert all(str(why).startswith("sources differ") for _, why in states(house).values())


def test_what_was_held_back_is_told_when_no_day_can_settle_it_any_more(tmp_path: Path) -> None:
    house, business = _held_back(tmp_path)
    for number in (90, 95, 96, 97):
        put_scores(house, _both(number, **STILL))
        raised(house, business)
    told = [row for row in alerts(house) if row["state"] == "new"]
    assert sorted((row["rule"], row["as_of_date"], row["compared_with"]) for row in told) == [
        ("high", day(96), day(59)),
        ("rose", day(96), day(59)),
    ]


@pytest.mark.parametrize("later", [FALSE_ALARM, STILL | SILENT, STILL | {"model_version": "2"}])
def test_what_was_held_back_is_not_told_if_it_is_over_or_cannot_be_compared(
    tmp_path: Path, later: dict[str, Any]
) -> None:
    house, business = _held_back(tmp_path)
    for number in (95, 96):
        rows = [score("a", number), score("b", number)]
        put_scores(house, [row | later for row in rows])
        raised(house, business)
    assert {row["state"] for row in alerts(house) if row["customer_key"] == "b"} == {"suppressed"}


def test_what_is_due_is_told_although_the_same_change_of_today_is_held_back(tmp_path: Path) -> None:
    """On the day before, the source was silent and the customer seemed calm."""
    house, business = _held_back(tmp_path)
    for rows in (
        _both(94, **STILL),
        [score("a", 95, **SILENT), score("b", 95, **SILENT)],
        _both(96, **STILL),
    ):
        put_scores(house, rows)
        raised(house, business)
    told = [row for row in alerts(house) if row["state"] == "new"]
    assert sorted((row["rule"], row["as_of_date"], row["compared_with"]) for row in told) == [
        ("high", day(96), day(59)),
        ("rose", day(96), day(59)),
    ]
