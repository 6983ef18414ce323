"""Trees fitted by scikit-learn, as plain arrays."""

import math
from typing import TYPE_CHECKING

import numpy as np

from churn_assets.ml.candidates import histogram_boosting
from churn_assets.ml.candidates.candidate import TrainingPart
from churn_assets.ml.candidates.single_precision import last_that_rounds_to, rounded_down
from churn_assets.ml.portable.model import Scorer
from churn_assets.ml.portable.trees import LEAF, Trees

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier


def decision_tree(part: TrainingPart, depth: int, leaf_rows: int) -> Scorer:
    """Fit one tree by Gini impurity; see `DecisionTree`."""
    from sklearn.tree import DecisionTreeClassifier

    learner = DecisionTreeClassifier(max_depth=depth, min_samples_leaf=leaf_rows, random_state=part.seed)
    return Scorer(trees_of(learner.fit(part.matrix, part.labels)), "probability")


def random_forest(part: TrainingPart, trees: int, depth: int, leaf_rows: int, rows: float) -> Scorer:
    """Fit a forest by Gini impurity; see `RandomForest`."""
    from sklearn.ensemble import RandomForestClassifier

    draws = max(1, round(rows * len(part.labels)))
    learner = RandomForestClassifier(
        n_estimators=trees,
        max_depth=depth,
        # min_samples_leaf would count a row that is drawn twice once; MLlib counts draws.
        min_weight_fraction_leaf=min(0.5, leaf_rows / draws),
        max_samples=draws,
        max_features=math.ceil(math.sqrt(part.matrix.shape[1])),  # rounded up as in MLlib
        n_jobs=part.threads or -1,
        random_state=part.seed,
    )
    return Scorer(trees_of(learner.fit(part.matrix, part.labels)), "probability")


def boosted_trees(part: TrainingPart, trees: int, depth: int, leaf_rows: int, learning_rate: float) -> Scorer:
    """Fit boosted trees; see `GradientBoostedTrees`.

    As in MLlib, splits lie between bins of values. scikit-learn's boosting without bins takes 13 times as long and is
    no better.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    learner = HistGradientBoostingClassifier(
        learning_rate=learning_rate,
        max_iter=trees,
        max_depth=depth,
        max_leaf_nodes=None,
        min_samples_leaf=leaf_rows,
        max_bins=63,
        early_stopping=False,  # it would hold out random rows; this project splits by time only
        random_state=part.seed,
    )
    with threadpool_limits(limits=part.threads, user_api="openmp"):
        learner.fit(part.matrix, part.labels)
    return Scorer(histogram_boosting.trees_of(learner), "log_odds")


def trees_of(fitted: "DecisionTreeClassifier | RandomForestClassifier") -> Trees:
    """Returns a fitted tree or forest for the classes 0 and 1; the prediction is the mean probability of class 1.

    scikit-learn tests `value <= threshold` on values rounded to float32, `Trees` on float64.
    """
    members = getattr(fitted, "estimators_", [fitted])
    trees = []
    for member in members:
        nodes = member.tree_
        leaf = nodes.children_left == LEAF
        trees.append(
            Trees(
                roots=np.array([0]),
                column=np.where(leaf, LEAF, nodes.feature.astype(np.int64)),
                threshold=np.where(leaf, 0.0, last_that_rounds_to(rounded_down(nodes.threshold))),
                left=nodes.children_left.astype(np.int64),
                right=nodes.children_right.astype(np.int64),
                value=np.where(leaf, nodes.value[:, 0, 1] / len(members), 0.0),
                cover=nodes.weighted_n_node_samples.astype(np.float64),
            )
        )
    return Trees.join(trees)
