"""Folds: every row judged once, groups whole, time in one direction."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.study.errors import StudyError
from churn_assets.study.folds import Rows, folds, group_codes

pytestmark = pytest.mark.one_python(reason="counts in NumPy")


@settings(max_examples=30)
@given(st.integers(0, 1000), st.booleans())
def test_every_row_is_judged_once_and_groups_stay_whole(seed: int, grouped: bool) -> None:
    random = np.random.default_rng(seed)
    labels = (random.random(400) < 0.4).astype(float)
    groups = random.integers(0, 150, 400) if grouped else None
    cut = folds(Rows(labels, groups), seed=seed)
    assert len(cut) == 5
    assert sorted(np.concatenate([judge for _, judge in cut])) == list(range(400))
    for learn, judge in cut:
        assert len(learn) + len(judge) == 400 and not set(learn) & set(judge)
        if groups is not None:
            assert not set(groups[learn]) & set(groups[judge])


def test_without_groups_it_is_the_field_s_own_cut() -> None:
    from sklearn.model_selection import StratifiedKFold

    labels = (np.random.default_rng(1).random(300) < 0.3).astype(float)
    theirs = StratifiedKFold(5, shuffle=True, random_state=42).split(labels, labels)
    for (_, ours), (_, judge) in zip(folds(Rows(labels)), theirs, strict=True):
        assert np.array_equal(ours, judge)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.sampled_from([2, 30]))
def test_groups_of_any_size_are_spread_evenly(seed: int, largest: int) -> None:
    """Each fold gets its share of the rows of both outcomes, but for a few rows."""
    random = np.random.default_rng(seed)
    groups = np.repeat(np.arange(900), random.integers(1, largest + 1, 900))
    labels = (random.random(len(groups)) < 0.1).astype(float)
    cut = folds(Rows(labels, groups), seed=seed)
    for label in (0, 1):
        held = [int((labels[judge] == label).sum()) for _, judge in cut]
        assert max(held) - min(held) <= 5


@settings(max_examples=30)
@given(st.integers(0, 1000), st.sampled_from([4, 12, 400]))
def test_later_rows_are_judged_by_earlier_ones(seed: int, moments: int) -> None:
    random = np.random.default_rng(seed)
    labels = (random.random(400) < 0.4).astype(float)
    times = np.datetime64("2024-01-01", "ns") + random.integers(0, moments, 400) * np.timedelta64(1, "D")
    cut = folds(Rows(labels, None, times))
    judged = np.concatenate([judge for _, judge in cut])
    assert len(set(judged)) == len(judged)
    for learn, judge in cut:
        assert times[learn].max() < times[judge].min()
        assert set(learn) == set(np.flatnonzero(times < times[judge].min()))
    assert set(judged) == set(np.flatnonzero(times >= times[judged].min()))


def test_what_cannot_be_cut_is_said() -> None:
    labels = np.array([0.0, 1.0] * 50)
    day = np.full(100, np.datetime64("2024-01-01", "ns"))
    with pytest.raises(StudyError, match="1 different times"):
        folds(Rows(labels, None, day))
    with pytest.raises(StudyError, match="--groups makes 5 groups"):
        folds(Rows(labels, np.arange(100) % 5))
    rising = np.arange(100).astype("datetime64[D]").astype("datetime64[ns]")
    with pytest.raises(StudyError, match="only customers who left"):
        folds(Rows(np.sort(labels), None, rising))


def test_a_fold_with_a_single_churner_is_not_judged() -> None:
    """One churner has no variance: the interval would be NaN."""
    days = np.repeat(np.arange(60), 10).astype("datetime64[D]").astype("datetime64[ns]")
    labels = np.tile([0.0, 1.0], 300)
    labels[500:] = 0
    labels[550] = 1
    with pytest.raises(StudyError, match="but for one at most"):
        folds(Rows(labels, None, days))
    labels[560] = 1
    assert len(folds(Rows(labels, None, days))) == 5


def test_rows_that_share_any_key_are_one_group() -> None:
    customer = pd.Series(["a", "a", "b", "c", None, None, "d"])
    household = pd.Series(["x", "y", "y", "z", None, None, None])
    codes = group_codes(customer, household)
    assert codes is not None
    assert len({codes[0], codes[1], codes[2]}) == 1
    assert len({codes[at] for at in (0, 3, 4, 5, 6)}) == 5
    assert group_codes(pd.Series(["a", "b", None, None]), None) is None
