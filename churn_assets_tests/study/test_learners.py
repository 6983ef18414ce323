"""Learners and blends: contributions add up, hinges bend, weights are found."""

import numpy as np
import pytest

from churn_assets.ml.metrics.classification import auc_interval
from churn_assets.ml.portable.calibration import sigmoid
from churn_assets.ml.portable.model import Blend
from churn_assets.ml.portable.trees import MOST_TREES, trees_for
from churn_assets.study.learners import LEARNERS, Boosting

pytestmark = pytest.mark.one_python(reason="fits models, mostly in scikit-learn")

RANDOM = np.random.default_rng(0)
MATRIX = np.column_stack(
    [RANDOM.normal(size=1500), RANDOM.integers(0, 3, 1500), np.ones(1500), RANDOM.random(1500)]
)
LABELS = (RANDOM.random(1500) < sigmoid(np.abs(MATRIX[:, 0]) * 1.5 - 1.5 + 0.3 * MATRIX[:, 1])).astype(float)
GROUP = np.array([0, 1, 1, 2])


@pytest.mark.parametrize("name", [*LEARNERS, "blend"])
def test_contributions_add_up_to_the_log_odds(name: str) -> None:
    if name == "blend":
        form = Blend(
            tuple(learner(MATRIX, LABELS, 1) for learner in LEARNERS.values()), (0.2,) * len(LEARNERS), -0.1
        )
    else:
        form = LEARNERS[name](MATRIX, LABELS, 1)
    parts = form.contributions(MATRIX, GROUP)
    assert parts.shape == (1500, 3)
    assert parts.sum(axis=1) + form.expected() == pytest.approx(form.predict(MATRIX), abs=1e-9)


@pytest.mark.parametrize(
    "name", [name for name, learner in LEARNERS.items() if isinstance(learner, Boosting)]
)
def test_the_first_trees_are_the_smaller_model(name: str) -> None:
    learner = LEARNERS[name]
    whole = learner(MATRIX, LABELS, 1)
    sizes = learner.sizes[-3:]
    for size, found in zip(sizes, learner.predictions(whole, MATRIX, LABELS, sizes), strict=True):
        small = learner(MATRIX, LABELS, 1, size)
        assert len(small.roots) == pytest.approx(len(whole.roots) * size, abs=1)
        assert found == pytest.approx(small.predict(MATRIX), abs=1e-9)
    assert np.array_equal(found, whole.predict(MATRIX))


def test_many_churners_do_not_mean_more_trees_than_help() -> None:
    boosting = LEARNERS["histogram_boosting"]
    labels = np.repeat([0.0, 1.0], 10_000)
    assert trees_for(labels, boosting._growth(labels)) == MOST_TREES


def test_the_linear_floor_is_scikit_learn_s() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    theirs = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, tol=1e-8)).fit(MATRIX, LABELS)
    ours = LEARNERS["ridge_logistic_regression"](MATRIX, LABELS, 1).predict(MATRIX)
    assert ours == pytest.approx(theirs.decision_function(MATRIX), abs=1e-4)


def test_what_bends_is_seen_by_hinges_and_trees_only() -> None:
    aucs = {
        name: auc_interval(LABELS, learn(MATRIX, LABELS, 1).predict(MATRIX))[0]
        for name, learn in LEARNERS.items()
    }
    assert aucs["ridge_logistic_regression"] < 0.62
    assert (
        min(aucs["additive_regression"], aucs["histogram_boosting"])
        > aucs["ridge_logistic_regression"] + 0.08
    )
