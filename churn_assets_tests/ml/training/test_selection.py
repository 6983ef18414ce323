"""What is chosen on the selection cohorts."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from churn_assets.ml.portable.transformation import Transformation
from churn_assets.ml.training.learner import FittedCandidates, Learner
from churn_assets.ml.training.selection import JUDGE_OF_MEMORY, choose, remembered
from churn_assets.ml.training.split import Split, recent_split, temporal_split
from churn_assets_tests.ml.synthetic import COHORTS, FEATURES, no_spark, training_frame

pytestmark = pytest.mark.one_python(reason="fits models, mostly in scikit-learn")

LATER = [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31)]


@pytest.mark.parametrize(
    ("noise_of_simple", "chosen"), [(0.5, "simple"), (0.52, "simple"), (1.5, "rich"), (0.1, "simple")]
)
def test_the_simplest_within_one_standard_error_is_chosen(noise_of_simple: float, chosen: str) -> None:
    rng = np.random.default_rng(5)
    truth = rng.normal(-2, 1, 4000)
    labels = (rng.random(4000) < 1 / (1 + np.exp(-truth))).astype(float)
    scores = {
        "simple": truth + rng.normal(0, noise_of_simple, 4000),
        "rich": truth + rng.normal(0, 0.5, 4000),
    }
    assert choose(("simple", "rich"), scores, labels) == chosen
    assert choose(("rich", "simple"), {**scores, "simple": scores["rich"]}, labels) == "rich"


@pytest.mark.parametrize("positives", [0, 19, 20, 981, 1000])
def test_too_few_of_either_kind_choose_nothing(positives: int) -> None:
    """From 20 on, and until 20 of the other kind are left, the perfect second option is chosen."""
    labels = np.r_[np.ones(positives), np.zeros(1000 - positives)]
    chosen = choose(("a", "b"), {"a": np.random.default_rng(0).random(1000), "b": labels}, labels)
    assert chosen == ("b" if positives == 20 else "a")


BY_TIME = temporal_split([*COHORTS, *LATER], 7, 30)
RECENT = recent_split([*COHORTS, *LATER], 7, 30)
LEARNING_ON = recent_split([*COHORTS, *LATER], 7, 30, since=COHORTS[5])


@pytest.mark.parametrize(
    ("split", "customers", "changed_at", "kept"),
    [
        (BY_TIME, 600, None, 5),
        (BY_TIME, 600, 2, 3),
        (BY_TIME, 60, 2, 5),
        (RECENT, 600, None, 10),
        (RECENT, 600, 7, 3),
        (RECENT, 1500, 9, 1),
        (RECENT, 60, 7, 10),
        (LEARNING_ON, 600, None, 5),
        (LEARNING_ON, 600, 7, 3),
    ],
)
def test_how_far_back_to_learn_from(split: Split, customers: int, changed_at: int | None, kept: int) -> None:
    """By time, and where the old world is forgotten already, old cohorts are left out only when they mislead; after a
    degradation, when they do not help: all of them when only the newest is of the changed world.

    60 customers give fewer than 100 churners in three cohorts, which is too little to learn from.
    """
    days = [*COHORTS, *LATER]
    frame = training_frame(customers, days)
    if changed_at is not None:
        old = frame["as_of_date"] < days[changed_at]
        frame.loc[old, "label"] = 1 - frame.loc[old, "label"]
    train, selection = (frame[frame["as_of_date"].isin(d)] for d in (split.train, split.selection))
    found, _ = remembered(train, selection, split, (3, 1), Learner(FEATURES, 1, no_spark))
    assert found.train == split.train[-kept:]
    assert (found.validation, found.test) == (split.validation, split.test)


@pytest.mark.parametrize("customers", [400, 500])
def test_after_a_degradation_the_new_world_is_learned_from_as_a_whole(customers: int) -> None:
    """Two of its three cohorts are worse by less than one standard error: no reason to forget the third."""
    days = [*COHORTS, *LATER]
    frame = training_frame(customers, days)
    old = frame["as_of_date"] < days[-3]
    frame.loc[old, "label"] = 1 - frame.loc[old, "label"]
    train, selection = (frame[frame["as_of_date"].isin(d)] for d in (RECENT.train, RECENT.selection))
    found, _ = remembered(train, selection, RECENT, (3, 2, 1), Learner(FEATURES, 1, no_spark))
    assert found.train == tuple(days[-3:])


def test_luck_on_one_selection_part_forgets_nothing() -> None:
    """In this quiet world the newest three cohorts are better by more than one standard error, and less than two."""
    frame = training_frame(600, [*COHORTS, *LATER], seed=9)
    train, selection = (frame[frame["as_of_date"].isin(d)] for d in (BY_TIME.train, BY_TIME.selection))
    learner = Learner(FEATURES, 1, no_spark)
    scores = {}
    for count in (5, 3):
        newest = train[train["as_of_date"].isin(BY_TIME.train[-count:])]
        scores[str(count)] = FittedCandidates(newest, learner).scores([JUDGE_OF_MEMORY], selection)[
            JUDGE_OF_MEMORY
        ]
    labels = selection["label"].to_numpy(float)
    assert [choose(("5", "3"), scores, labels, errors) for errors in (1.0, 2.0)] == ["3", "5"]
    assert remembered(train, selection, BY_TIME, (3,), learner)[0].train == BY_TIME.train

    again = pd.concat([selection] * 3, ignore_index=True)
    by_row = choose(
        ("5", "3"), {name: np.tile(values, 3) for name, values in scores.items()}, np.tile(labels, 3), 2.0
    )
    assert by_row == "3"  # three times the rows, of which nothing new is learned: the customers are the same
    assert remembered(train, again, BY_TIME, (3,), learner)[0].train == BY_TIME.train


def test_days_between_cohorts_are_forgotten_with_the_cohorts_before_them() -> None:
    """The days of the old world mislead as its cohorts do; what is kept begins after the first cohort that is kept."""
    days = [*COHORTS, *LATER]
    between = [date(2025, month, 10) for month in range(7, 12)]
    frame = training_frame(600, [*days, *between])
    old = frame["as_of_date"] < days[2]
    frame.loc[old, "label"] = 1 - frame.loc[old, "label"]
    split = BY_TIME.with_midmonth(between)
    train, selection = (frame[frame["as_of_date"].isin(d)] for d in (split.learned, split.selection))
    found, learning = remembered(train, selection, split, (3, 1), Learner(FEATURES, 1, no_spark))
    assert found.train == split.train[-3:]
    assert found.learned_midmonth == tuple(between[2:])
    assert learning.model(JUDGE_OF_MEMORY)[0] == Transformation.fit(
        frame[frame["as_of_date"].isin(found.learned)], FEATURES
    )


def test_a_short_history_is_kept_whole() -> None:
    frame = training_frame()
    split = temporal_split(COHORTS, 0, 150)
    assert split.short_history and len(split.train) == 2
    train = frame[frame["as_of_date"].isin(split.train)]
    assert remembered(train, train, split, (1,), Learner(FEATURES, 1, no_spark))[0] == split
