"""What is chosen on the selection cohorts."""

import numpy as np
import pytest

from churn_assets.models.choice import choose, remembered
from churn_assets.models.learning import Learner
from churn_assets.models.split import recent_split, temporal_split
from churn_assets_tests.models.synthetic import COHORTS, FEATURES, training_frame
from churn_assets_tests.models.test_training import no_spark


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


@pytest.mark.parametrize(("customers", "changed", "kept"), [(600, True, 3), (600, False, 7), (60, True, 7)])
def test_old_cohorts_are_forgotten_only_when_they_mislead_and_enough_is_left(
    customers: int, changed: bool, kept: int
) -> None:
    """60 customers give fewer than 100 churners in three cohorts."""
    frame = training_frame(customers)
    if changed:
        old = frame["as_of_date"] < COHORTS[4]
        frame.loc[old, "label"] = 1 - frame.loc[old, "label"]
    split = recent_split(COHORTS, 7, 30)
    selection = frame[frame["as_of_date"] == split.selection[0]]
    found = remembered(frame, selection, split, (3,), Learner(FEATURES, 1, no_spark))
    assert found.train == tuple(COHORTS[-kept:])
    assert (found.validation, found.test) == (split.validation, split.test)


def test_a_short_history_is_kept_whole() -> None:
    frame = training_frame()
    split = temporal_split(COHORTS, 0, 150)
    assert split.short_history and len(split.train) == 2
    train = frame[frame["as_of_date"].isin(split.train)]
    assert remembered(train, train, split, (1,), Learner(FEATURES, 1, no_spark)) == split
