"""Trees fitted by Spark MLlib, as plain arrays.

Spark 4.2's *classification* trees merge leaves that predict the same class. At a churn rate of 3 % every leaf predicts
"stays", and the whole tree or forest collapses to one leaf. The tree and the forest are therefore fitted as regressions
on the 0/1 label: variance is half the Gini impurity, so the splits are the same, and a leaf's mean is its churn share.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.ml.candidates.candidate import TrainingPart
from churn_assets.ml.portable.model import Scorer
from churn_assets.ml.portable.trees import LEAF, Trees

BINS = 16  # per column at the most


def _size(part: TrainingPart, depth: int, leaf_rows: int) -> dict[str, Any]:
    """How large each tree may grow, and the seed, as all of MLlib's tree learners name them."""
    return {"maxDepth": depth, "minInstancesPerNode": leaf_rows, "maxBins": BINS, "seed": part.seed}


def decision_tree(part: TrainingPart, depth: int, leaf_rows: int) -> Scorer:
    """Fit one tree; see `DecisionTree`."""
    from pyspark.ml import regression

    learner = regression.DecisionTreeRegressor(**_size(part, depth, leaf_rows))
    nodes = part.spark.save_and_read(learner.fit(part.spark.frame()))
    return Scorer(trees_of(nodes, np.ones(1)), "probability")


def random_forest(part: TrainingPart, trees: int, depth: int, leaf_rows: int, rows: float) -> Scorer:
    """Fit a forest; see `RandomForest`."""
    from pyspark.ml import regression

    learner = regression.RandomForestRegressor(
        numTrees=trees, subsamplingRate=rows, featureSubsetStrategy="sqrt", **_size(part, depth, leaf_rows)
    )
    nodes = part.spark.save_and_read(learner.fit(part.spark.frame()))
    return Scorer(trees_of(nodes, np.full(trees, 1 / trees)), "probability")


def boosted_trees(part: TrainingPart, trees: int, depth: int, leaf_rows: int, learning_rate: float) -> Scorer:
    """Fit boosted trees; see `GradientBoostedTrees`."""
    from pyspark.ml import classification

    learner = classification.GBTClassifier(
        maxIter=trees, stepSize=learning_rate, **_size(part, depth, leaf_rows)
    )
    fitted = learner.fit(part.spark.frame())
    nodes = part.spark.save_and_read(fitted)
    # MLlib's margin F is half the log-odds: p = 1 / (1 + exp(-2 F)).
    return Scorer(trees_of(nodes, 2 * np.asarray(fitted.treeWeights)), "log_odds")


def trees_of(nodes: pd.DataFrame, weights: NDArray[np.float64]) -> Trees:
    """Returns the tree arrays of the node table from `SparkMatrix.save_and_read`.

    Args:
        nodes: node ids count from 0 within each tree; all splits are numeric (`value <= threshold` goes left).
        weights: factor of each tree's leaf values, by tree number.
    """
    trees = []
    for number, tree in nodes.groupby("tree", sort=True):
        leaf = tree["left"].to_numpy() < 0
        trees.append(
            Trees(
                roots=np.array([0]),
                column=np.where(leaf, LEAF, tree["column"].to_numpy(np.int64)),
                threshold=np.where(leaf, 0.0, tree["threshold"].to_numpy(np.float64)),
                left=np.where(leaf, LEAF, tree["left"].to_numpy(np.int64)),
                right=np.where(leaf, LEAF, tree["right"].to_numpy(np.int64)),
                value=np.where(
                    leaf, tree["prediction"].to_numpy(np.float64) * weights[int(str(number))], 0.0
                ),
                cover=tree["count"].to_numpy(np.float64),
            )
        )
    return Trees.join(trees)
