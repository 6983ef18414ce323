"""The split by time keeps outcomes of one part out of the next."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.ml.training.split import NotEnoughHistory, recent_split, temporal_split


def month_ends(first: tuple[int, int], count: int) -> list[date]:
    months = [(first[0] + (first[1] - 1 + i) // 12, (first[1] - 1 + i) % 12 + 1) for i in range(count + 1)]
    return [date(*month, 1) - timedelta(days=1) for month in months[1:]]


def test_default_windows_on_the_demo_calendar() -> None:
    split = temporal_split(month_ends((2025, 6), 11), gap_days=7, outcome_days=30)
    assert split.test == date(2026, 4, 30)
    assert split.validation == (date(2026, 1, 31), date(2026, 2, 28))
    assert split.train == tuple(month_ends((2025, 6), 6))
    assert split.selection == (date(2026, 1, 31),)
    assert split.calibration == (date(2026, 2, 28),)
    assert split.as_dict()["test"] == ["2026-04-30"]


def test_short_history_shrinks_validation_first() -> None:
    split = temporal_split(month_ends((2025, 6), 6), gap_days=7, outcome_days=30)
    assert len(split.validation) == 1 and len(split.train) == 2
    assert split.selection == split.calibration == split.validation


def test_half_a_year_of_outcome_in_the_second_half_year_leaves_no_validation_of_its_own() -> None:
    """Cohorts of June to December with an outcome of 180 days: only June is decided before December begins."""
    split = temporal_split(month_ends((2025, 6), 7), gap_days=0, outcome_days=180)
    assert (split.train, split.test) == ((date(2025, 6, 30),), date(2025, 12, 31))
    assert split.short_history and split.out_of_time
    assert split.selection == split.calibration == split.train


@given(
    start=st.integers(1, 12),
    count=st.integers(1, 20),
    gap=st.integers(0, 40),
    outcome=st.integers(1, 100),
    validation=st.integers(1, 4),
    minimum=st.integers(1, 6),
)
def test_no_outcome_window_reaches_into_a_later_part(
    start: int, count: int, gap: int, outcome: int, validation: int, minimum: int
) -> None:
    days = month_ends((2025, start), count)
    horizon = timedelta(days=gap + outcome)
    try:
        split = temporal_split(days[::-1], gap, outcome, validation, minimum)
    except NotEnoughHistory as error:
        assert error.more_months >= 1
        # The promise of the message holds: with that many more months there is a split, with one less there is none.
        temporal_split(
            month_ends((2025, start), count + error.more_months), gap, outcome, validation, minimum
        )
        with pytest.raises(NotEnoughHistory):
            temporal_split(month_ends((2025, start), count + error.more_months - 1), gap, outcome, 1, minimum)
        return
    assert split.test == days[-1]
    assert max(split.train) + horizon <= split.test
    assert split.out_of_time
    if split.short_history:
        return
    assert len(split.train) >= minimum and 1 <= len(split.validation) <= validation
    assert max(split.train) + horizon <= min(split.validation)
    assert max(split.validation) + horizon <= split.test
    refitted = split.refitted()
    assert refitted.train == tuple(day for day in sorted(set(days)) if day + horizon <= split.test)
    assert refitted.compared == (() if refitted.train == split.train else split.train)
    assert (refitted.validation, refitted.test, refitted.refitted()) == (
        split.validation,
        split.test,
        refitted,
    )
    assert set(split.selection) | set(split.calibration) == set(split.validation)


def test_too_little_history_names_the_missing_months() -> None:
    with pytest.raises(NotEnoughHistory, match=r"2 mature cohorts .* 1 more monthly cohorts") as caught:
        temporal_split(month_ends((2025, 6), 2), 7, 30)
    assert caught.value.more_months == 1
    with pytest.raises(NotEnoughHistory, match="no mature cohort"):
        temporal_split([], 7, 30)


def test_nonsense_windows_are_refused() -> None:
    with pytest.raises(ValueError, match="outcome_days=0"):
        temporal_split(month_ends((2025, 6), 9), 7, 0)


def test_a_recent_split_learns_up_to_the_newest_mature_cohort() -> None:
    days = month_ends((2025, 6), 4)
    split = recent_split(days[::-1], 7, 30)
    assert (split.train, split.validation, split.test) == (tuple(days), (days[3],), days[3])
    assert split.selection == split.calibration == (days[3],)
    assert split.refitted() == split
    assert split.halved and not split.out_of_time and not split.short_history and split.forget
    with pytest.raises(NotEnoughHistory, match="no mature cohort"):
        recent_split([], 7, 30)


def test_who_has_forgotten_the_old_world_learns_on_from_where_it_began() -> None:
    days = month_ends((2025, 6), 5)
    split = recent_split(days, 7, 30, since=days[2])
    assert (split.train, split.validation, split.test) == (tuple(days[2:]), (days[3],), days[4])
    assert not split.forget and not split.halved
    alone = recent_split(days, 7, 30, since=days[4])
    assert (alone.train, alone.validation, alone.test, alone.halved) == (
        (days[4],),
        (days[4],),
        days[4],
        True,
    )
    with pytest.raises(NotEnoughHistory, match="no mature cohort"):
        recent_split(days[:4], 7, 30, since=days[4])


def within(days: list[date], wanted: tuple[int, ...] = (10, 20)) -> list[date]:
    """Those days of the month, in the months of these month ends."""
    return [date(end.year, end.month, day) for end in days for day in wanted]


def test_days_between_cohorts_train_as_soon_as_their_outcome_is_known() -> None:
    """Validation begins on 31 January: 37 days before it, on 25 December, the last day that may train."""
    days = month_ends((2025, 6), 11)
    split = temporal_split(days, 7, 30).with_midmonth(within(days))
    between = [day for day in within(days) if day > days[0]]
    assert split.train[-1] == date(2025, 11, 30) and split.validation[0] == date(2026, 1, 31)
    assert split.learned_midmonth == tuple(day for day in between if day <= date(2025, 12, 25))
    assert split.learned == tuple(sorted([*split.train, *split.learned_midmonth]))
    refitted = split.refitted()
    assert refitted.learned_midmonth == tuple(day for day in between if day <= date(2026, 3, 24))
    assert split.midmonth == refitted.learned_midmonth
    assert split.as_dict()["midmonth"] == [str(day) for day in split.learned_midmonth]
    assert split.as_dict()["train"] == [str(day) for day in split.train]


def test_only_days_later_than_all_that_was_learned_judge() -> None:
    split = temporal_split(month_ends((2025, 6), 11), 7, 30).refitted()
    last, day = max(split.learned), timedelta(days=1)
    later = [split.test + day, split.test + 20 * day]
    assert last + split.horizon <= split.test
    assert split.judging([*later, split.test, split.test - day]) == later
    crosswise = recent_split(month_ends((2025, 6), 4), 7, 30)
    over = crosswise.test + crosswise.horizon
    assert crosswise.judging([crosswise.test + day, over]) == [over]


def test_a_training_without_such_days_says_nothing_of_them() -> None:
    split = temporal_split(month_ends((2025, 6), 11), 7, 30)
    assert split.with_midmonth([]) == split
    assert split.learned == split.train and "midmonth" not in split.as_dict()


def test_a_shorter_memory_forgets_the_days_before_its_first_cohort() -> None:
    days = month_ends((2025, 6), 11)
    split = temporal_split(days, 7, 30).with_midmonth(within(days))
    short = replace(split, train=split.train[-2:])
    assert short.learned_midmonth == tuple(day for day in split.learned_midmonth if day > date(2025, 10, 31))


def test_after_a_degradation_the_days_before_the_newest_cohort_train() -> None:
    days = month_ends((2025, 6), 4)
    split = recent_split(days, 7, 30).with_midmonth([*within(days), date(2025, 10, 10)])
    assert split.learned_midmonth == tuple(day for day in within(days) if days[0] < day < days[-1])


@given(
    count=st.integers(3, 20),
    gap=st.integers(0, 40),
    outcome=st.integers(1, 100),
    wanted=st.lists(st.integers(1, 28), min_size=1, max_size=4, unique=True),
)
def test_no_outcome_of_a_day_between_cohorts_reaches_into_a_later_part(
    count: int, gap: int, outcome: int, wanted: list[int]
) -> None:
    days = month_ends((2025, 3), count)
    try:
        split = temporal_split(days, gap, outcome)
    except NotEnoughHistory:
        return
    split, horizon = split.with_midmonth(within(days, tuple(wanted))), timedelta(days=gap + outcome)
    later = split.test if split.short_history else split.validation[0]
    assert all(split.train[0] < day and day + horizon <= later for day in split.learned_midmonth)
    refitted = split.refitted()
    assert all(day + horizon <= split.test for day in refitted.learned)
    assert set(split.learned) <= set(refitted.learned)
    assert set(refitted.learned_midmonth) == set(split.midmonth)
