"""Nobody is scored by a model that has learned from them."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from joblib import cpu_count

from churn_assets.ml.candidates.candidate import ROWS_FOR_THREADS, TrainingPart
from churn_assets.ml.candidates.registry import CANDIDATES
from churn_assets.ml.portable.model import Scorer
from churn_assets.ml.training import learner as learning
from churn_assets.ml.training.learner import FOLDS, FittedCandidates, Learner, fits_at_once, fold_of
from churn_assets_tests.ml.synthetic import COHORTS, FEATURES, no_spark, training_frame

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_python(reason="fits models, mostly in scikit-learn")

NAME = "histogram_boosting"
LEARNER = Learner(FEATURES, 1, no_spark)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return training_frame(customers=400)


def test_folds_are_of_customers_and_about_even(frame: pd.DataFrame) -> None:
    folds = pd.Series(fold_of(frame["customer_key"]))
    assert (folds.groupby(frame["customer_key"].to_numpy()).nunique() == 1).all()
    shares = folds.value_counts(normalize=True)
    assert len(shares) == FOLDS and shares.between(0.15, 0.35).all()
    assert np.array_equal(fold_of(frame["customer_key"][::-1]), folds.to_numpy()[::-1])


def test_the_label_of_a_scored_customer_changes_nothing_about_its_score(frame: pd.DataFrame) -> None:
    """Turn all labels of one customer in every train cohort: its own scores stay, others' move."""
    rows = frame[frame["as_of_date"] == COHORTS[-1]]
    who = frame["customer_key"][0]
    turned = frame.copy()
    turned.loc[turned["customer_key"] == who, "label"] = 1 - turned["label"]
    before = FittedCandidates(frame, LEARNER).scores([NAME], rows)[NAME]
    after = FittedCandidates(turned, LEARNER).scores([NAME], rows)[NAME]
    own = (rows["customer_key"] == who).to_numpy()
    assert before[own] == after[own]
    assert (before[~own] != after[~own]).any()


def test_later_cohorts_are_scored_by_the_model_of_everybody(frame: pd.DataFrame) -> None:
    train = frame[frame["as_of_date"] < COHORTS[-1]]
    later = frame[frame["as_of_date"] == COHORTS[-1]]
    learned = FittedCandidates(train, LEARNER)
    transformation, scorer = learned.model(NAME)
    expected = scorer.probability(transformation.transform(later))
    assert np.array_equal(learned.scores([NAME], later)[NAME], expected)
    both = learned.scores([NAME], frame)[NAME]
    assert np.array_equal(both[(frame["as_of_date"] == COHORTS[-1]).to_numpy()], expected)


def test_fits_that_use_all_cores_run_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fits_at_once(ROWS_FOR_THREADS - 1) == cpu_count(), "affinity and the limits of a container count"
    assert fits_at_once(ROWS_FOR_THREADS) == 1
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    assert fits_at_once(ROWS_FOR_THREADS - 1) == 1


def test_a_candidate_is_fitted_once_per_fold(frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    fits: list[int] = []

    class Counting:
        engines = ("local",)

        def fit(self, part: TrainingPart) -> Scorer:
            fits.append(len(part.labels))
            return CANDIDATES[NAME].fit(part)

    monkeypatch.setitem(learning.CANDIDATES, "counting", Counting())
    learned = FittedCandidates(frame, LEARNER)
    for _ in range(2):
        learned.scores(["counting"], frame)
        learned.model("counting")
    assert len(fits) == FOLDS + 1 and max(fits) == len(frame)
    assert learned.seconds["counting"] > 0


def test_fitting_side_by_side_changes_no_score(frame: pd.DataFrame, spark: "SparkSession") -> None:
    train, later = frame[frame["as_of_date"] < COHORTS[-1]], frame[frame["as_of_date"] == COHORTS[-1]]
    learner = Learner(FEATURES, 1, lambda: spark)
    names = ["decision_tree", "random_forest", "gradient_boosted_trees", NAME]
    together = FittedCandidates(train, learner).scores(names, later)
    for name in names:
        alone = FittedCandidates(train, learner).scores([name], later)[name]
        assert np.array_equal(together[name], alone) and np.unique(alone).size > 3
