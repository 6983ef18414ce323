"""The candidate models, in one registry: adding one is one class here and its name in CANDIDATES.

Hyper-parameters are fixed and cautious (shallow trees, large leaves, strong penalties): a business has hundreds of
churners a month, and searching on two validation cohorts would fit their noise.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from churn_assets.models.mllib import (
    DecisionTree,
    GradientBoostedTrees,
    LogisticRegression,
    RandomForest,
    SparkMatrix,
)
from churn_assets.models.portable import Scorer
from churn_assets.models.trees import LEAF, Trees

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

ROWS_FOR_THREADS = 200_000


@dataclass(frozen=True)
class TrainingPart:
    """What a candidate is fitted on.

    Attributes:
        matrix: (rows, columns), complete; see transformation.py.
        labels: 0/1 per row, both present.
        spark: the same rows as a Spark frame; built when first asked.
        seed: makes sampling inside the learner repeatable.
    """

    matrix: NDArray[np.float64]
    labels: NDArray[np.float64]
    spark: SparkMatrix
    seed: int


class Candidate(Protocol):
    """A learner with its settings.

    Attributes:
        needs_spark: whether fitting reads `TrainingPart.spark`.
    """

    needs_spark: bool

    def fit(self, part: TrainingPart) -> Scorer:
        """Fit on the training part and return plain arrays that predict exactly what the learner would."""
        ...


class HistogramBoosting:
    """scikit-learn's histogram gradient boosting: on one machine the cheapest of the boosted trees by far."""

    needs_spark = False

    def fit(self, part: TrainingPart) -> Scorer:
        """Fit 300 trees of at most two questions each.

        So shallow, because reasons to leave mostly add up, and a few hundred churners teach no more.
        """
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        learner = HistGradientBoostingClassifier(
            learning_rate=0.05,
            max_iter=300,
            max_leaf_nodes=4,
            max_depth=2,
            min_samples_leaf=100,
            l2_regularization=10.0,
            max_bins=63,
            early_stopping=False,  # it would hold out random rows, the split that this project forbids
            random_state=part.seed,
        )
        # Where the cores are taken (by Spark), the learner's threads burn time waiting for each other.
        threads = 1 if len(part.matrix) < ROWS_FOR_THREADS else None
        with threadpool_limits(limits=threads, user_api="openmp"):
            learner.fit(part.matrix, part.labels)
        return Scorer(trees_of(learner), "log_odds")


def trees_of(fitted: "HistGradientBoostingClassifier") -> Trees:
    """The ensemble of a fitted binary classifier.

    scikit-learn has no public accessor for these nodes; `_predictors` and `_baseline_prediction` are what its own
    prediction reads. A test compares the result with `decision_function`, so a change there cannot pass unseen.
    """
    trees = []
    for (predictor,) in fitted._predictors:
        nodes = predictor.nodes
        leaf = nodes["is_leaf"].astype(bool)
        trees.append(
            Trees(
                roots=np.array([0]),
                column=np.where(leaf, LEAF, nodes["feature_idx"].astype(np.int64)),
                threshold=np.where(leaf, 0.0, nodes["num_threshold"]),
                left=np.where(leaf, LEAF, nodes["left"].astype(np.int64)),
                right=np.where(leaf, LEAF, nodes["right"].astype(np.int64)),
                value=np.where(leaf, nodes["value"], 0.0),
                cover=nodes["count"].astype(np.float64),
            )
        )
    return Trees.join(trees, start=float(np.ravel(fitted._baseline_prediction)[0]))


CANDIDATES: dict[str, Candidate] = {
    "logistic_regression": LogisticRegression(),
    "decision_tree": DecisionTree(),
    "random_forest": RandomForest(),
    "gradient_boosted_trees": GradientBoostedTrees(),
    "histogram_boosting": HistogramBoosting(),
}
