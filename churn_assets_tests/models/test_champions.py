"""Who was in charge when: never a model of the future."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.models.champions import (
    Champion,
    Provisional,
    champion_at,
    learned_up_to,
    lineage,
    provisional,
    timeline,
)

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


def test_who_was_put_back_is_no_part_of_the_line() -> None:
    may, june, july = date(2025, 5, 31), date(2025, 6, 30), date(2025, 7, 31)
    rows = [_row(may, "1", 1), _row(june, "2", 2), _row(july, "3", 3), _row(july, "4", 4, promoted=False)]
    assert lineage(rows) == ["1", "2", "3"]
    back = [*rows, _row(june, "2", 5, since=july)]
    assert lineage(back) == ["1", "2"]  # so that who goes back again arrives at 1
    assert lineage([*back, _row(july, "3", 6)]) == ["1", "2", "3"]
    # a training repeated for a month that is over
    assert lineage([*rows, _row(may, "5", 7)]) == ["1", "2", "3"]
    assert lineage([]) == []


def test_nobody_is_in_charge_before_being_trained() -> None:
    with pytest.raises(ValueError, match="trained as of 2025-06-30, cannot be in charge from 2025-05-31"):
        timeline([_row(date(2025, 6, 30), "2", 9, since=date(2025, 5, 31))])


def test_a_row_without_a_date_is_refused() -> None:
    with pytest.raises(TypeError, match="model version 4 is in charge from None"):
        timeline([_row(None, "4", 1)])


@pytest.mark.parametrize(
    ("learned", "test", "enough", "unsure"),
    [
        (("2025-05-31", "2025-06-30"), "2025-06-30", 6, True),
        (("2025-05-31", "2025-06-30"), "2025-08-31", 6, False),  # tested out of time: not made in haste
        (("2025-02-28", "2025-06-30"), "2025-06-30", 6, True),
        ((None, None), "2025-06-30", 6, False),  # recorded before it was kept what a model has learned from
    ],
)
def test_a_champion_is_provisional_while_it_knows_little_of_a_changed_world(
    learned: tuple[str | None, str | None], test: str, enough: int, unsure: bool
) -> None:
    other = _training("2", "2025-06-30", "2025-07-31", "2025-07-31", month=9)
    found = provisional([other, _training("1", *learned, test)], "1", enough)
    assert found == (Provisional(date.fromisoformat(str(learned[0]))) if unsure else None)


@pytest.mark.parametrize(
    ("before", "unsure"),
    [
        ([], True),  # the alarm has just been
        ([("2024-10-31", "2025-03-31", "2025-06-30")], True),  # by time, as ever; then the alarm
        ([("2024-10-31", "2025-05-31", "2025-05-31")], True),
        ([("2024-10-31", "2025-02-28", "2025-02-28"), ("2024-10-31", "2025-05-31", "2025-05-31")], True),
        ([("2024-10-31", "2025-01-31", "2025-01-31"), ("2024-10-31", "2025-05-31", "2025-05-31")], False),
        # a model made in peace ends the count of an alarm before
        ([("2024-10-31", "2025-01-31", "2025-01-31"), ("2024-10-31", "2025-02-28", "2025-05-31")], True),
    ],
)
def test_a_champion_that_has_not_forgotten_is_provisional_for_some_cohorts_after_the_alarm(
    before: list[tuple[str, str, str]], unsure: bool
) -> None:
    """It took over in June with nine cohorts to learn from: its successors look anew for what to forget."""
    trainings = [_training(str(at), *dates, month=at) for at, dates in enumerate(before, 1)]
    champion = _training("9", "2024-10-31", "2025-06-30", "2025-06-30", month=9)
    assert provisional([champion, *trainings], "9", 6) == (Provisional(None) if unsure else None)


def _training(
    version: str, first: str | None, last: str | None, test: str, month: int = 8
) -> dict[str, object]:
    days = {"learned_from": first, "learned_until": last, "test_as_of_date": test}
    dates = {name: day and date.fromisoformat(day) for name, day in days.items()}
    trained = {"trained_as_of": date(2025, month, 1), "trained_at": datetime(2026, 1, month, tzinfo=UTC)}
    return {"model_version": version, **dates, **trained}


@pytest.mark.parametrize(
    ("until", "test", "learned"),
    [
        ("2025-06-30", "2025-05-31", True),
        ("2025-06-30", "2025-06-30", True),
        ("2025-06-30", "2025-07-31", False),
    ],
)
def test_a_model_is_not_tested_on_a_cohort_that_it_learned_from(until: str, test: str, learned: bool) -> None:
    other = _training("2", "2024-01-31", "2025-12-31", "2025-12-31")
    rows = [other, _training("1", "2025-01-31", until, until)]
    assert learned_up_to(rows, "1", date.fromisoformat(test)) is learned


def test_a_training_of_an_older_release_is_not_provisional() -> None:
    row = _training("1", None, None, "2025-06-30")
    del row["learned_from"], row["learned_until"]
    assert provisional([row], "1", 6) is None
    assert not learned_up_to([row, _training("1", None, None, "2025-06-30")], "1", date(2025, 6, 30))
    assert provisional([], "1", 6) is None
