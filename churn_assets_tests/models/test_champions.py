"""Who was in charge when: never a model of the future."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.models.champions import Champion, champion_at, provisional_since, timeline

DAYS = st.dates(date(2020, 1, 1), date(2030, 1, 1))
LINES = st.lists(DAYS, unique=True, max_size=8).map(
    lambda days: [Champion(d, str(i), d) for i, d in enumerate(days)]
)


@given(line=LINES, as_of=DAYS)
def test_the_champion_of_a_day_is_the_last_one_trained_by_then(line: list[Champion], as_of: date) -> None:
    found = champion_at(line, as_of)
    earlier = [c for c in line if c.in_charge_from <= as_of]
    if found is None:
        assert not earlier
    else:
        assert found.trained_as_of <= found.in_charge_from <= as_of
        assert all(c.in_charge_from <= found.in_charge_from for c in earlier)


@given(line=LINES, as_of=DAYS, later=st.integers(1, 400))
def test_a_later_training_never_changes_the_past(line: list[Champion], as_of: date, later: int) -> None:
    newcomer = Champion(as_of + timedelta(days=later), "new", as_of)
    assert champion_at([*line, newcomer], as_of) == champion_at(line, as_of)


def _row(
    trained: Any, version: str, hour: int, since: date | None = None, promoted: bool = True
) -> dict[str, Any]:
    return {
        "trained_as_of": trained,
        "in_charge_from": since or trained,
        "promoted": promoted,
        "model_version": version,
        "decided_at": datetime(2025, 7, 1, hour, tzinfo=UTC),
    }


def test_a_training_repeated_for_a_month_replaces_the_earlier_one() -> None:
    june, may = date(2025, 6, 30), date(2025, 5, 31)
    rows = [_row(june, "2", 9), _row(may, "1", 8), _row(june, "3", 10)]
    for order in (rows, rows[::-1]):
        assert timeline(order) == [Champion(may, "1", may), Champion(june, "3", june)]
    assert timeline([]) == []
    assert champion_at(timeline(rows), date(2025, 5, 30)) is None


def test_a_rejected_challenger_is_never_in_charge() -> None:
    june, may = date(2025, 6, 30), date(2025, 5, 31)
    assert timeline([_row(may, "1", 8), _row(june, "2", 9, promoted=False)]) == [Champion(may, "1", may)]


def test_an_earlier_model_can_come_back_from_a_later_date_on() -> None:
    may, june, july = date(2025, 5, 31), date(2025, 6, 30), date(2025, 7, 31)
    line = timeline([_row(may, "1", 8), _row(june, "2", 9), _row(may, "1", 10, since=july)])
    assert [champion_at(line, day).model_version for day in (may, june, july)] == ["1", "2", "1"]  # type: ignore[union-attr]


def test_nobody_is_in_charge_before_being_trained() -> None:
    with pytest.raises(ValueError, match="trained as of 2025-06-30, cannot be in charge from 2025-05-31"):
        timeline([_row(date(2025, 6, 30), "2", 9, since=date(2025, 5, 31))])


def test_a_row_without_a_date_is_refused() -> None:
    with pytest.raises(TypeError, match="model version 4 is in charge from None"):
        timeline([_row(None, "4", 1)])


@pytest.mark.parametrize(
    ("learned", "test", "enough", "provisional"),
    [
        (("2025-05-31", "2025-06-30"), "2025-06-30", 6, True),
        (("2025-05-31", "2025-06-30"), "2025-08-31", 6, False),  # tested out of time: not made in haste
        (("2025-01-31", "2025-06-30"), "2025-06-30", 6, False),
        (("2025-02-28", "2025-06-30"), "2025-06-30", 6, True),
        (("2025-05-31", "2025-06-30"), "2025-06-30", 2, False),
        ((None, None), "2025-06-30", 6, False),  # recorded before it was kept what a model has learned from
    ],
)
def test_a_champion_is_provisional_while_it_knows_little_of_a_changed_world(
    learned: tuple[str | None, str | None], test: str, enough: int, provisional: bool
) -> None:
    first, last = (day and date.fromisoformat(day) for day in learned)
    row = {"learned_from": first, "learned_until": last, "test_as_of_date": date.fromisoformat(test)}
    other = {"learned_from": date(2025, 6, 30), "learned_until": date(2025, 7, 31)}
    other |= {"model_version": "2", "test_as_of_date": date(2025, 7, 31)}
    found = provisional_since([other, row | {"model_version": "1"}], "1", enough)
    assert found == (first if provisional else None)


def test_a_training_of_an_older_release_is_not_provisional() -> None:
    assert provisional_since([{"model_version": "1", "test_as_of_date": date(2025, 6, 30)}], "1", 6) is None
    assert provisional_since([], "1", 6) is None
