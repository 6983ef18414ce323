"""Which days of scores are compared: after a source was silent for weeks, the day before its silence."""

from pathlib import Path
from typing import Any

from churn_assets_tests.alerts.days import score
from churn_assets_tests.alerts.lake import business_of, lake, put_scores, raised, states

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


def test_after_a_silence_of_more_than_the_search_a_change_is_held_back(tmp_path: Path) -> None:
    house = lake(tmp_path, [row for n in range(2) for row in _both(n)])
    business = business_of(tmp_path)
    for number in (58, 59):
        put_scores(house, [score("a", number, **SILENT), score("b", number, **SILENT)])
    put_scores(house, _both(60, risk_tier="high"))
    raised(house, business)
    [(state, why)] = states(house).values()
    assert state == "suppressed" and str(why).startswith("sources differ")
