"""Trees fitted by Spark MLlib, as plain arrays.

Spark 4.2's *classification* trees merge leaves that predict the same class. At a churn rate of 3 % every leaf predicts
"stays", and the whole tree or forest collapses to one leaf. The tree and the forest are therefore fitted as regressions
on the 0/1 label: variance is half the Gini impurity, so the splits are the same, and a leaf's mean is its churn share.
"""

from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.ml.candidates.candidate import Engine, TrainingPart
from churn_assets.ml.candidates.search_ranges import Space
from churn_assets.ml.portable.model import Scorer
from churn_assets.ml.portable.trees import LEAF, Trees


class DecisionTree:
    """One shallow tree: rarely the best candidate, but easy to read as a whole."""

    engines: ClassVar[tuple[Engine, ...]] = ("spark",)
    space: ClassVar[Space] = {}

    def fit(self, part: TrainingPart) -> Scorer:
        """Fit a tree of depth 5 with at least 200 rows per leaf."""
        from pyspark.ml import regression

        learner = regression.DecisionTreeRegressor(
            maxDepth=5, minInstancesPerNode=200, maxBins=16, seed=part.seed
        )
        nodes = part.spark.save_and_read(learner.fit(part.spark.frame()))
        return Scorer(trees_of(nodes, np.ones(1)), "probability")


class RandomForest:
    """The mean of 30 trees, each fitted on sampled rows and columns."""

    engines: ClassVar[tuple[Engine, ...]] = ("spark",)
    space: ClassVar[Space] = {}

    def fit(self, part: TrainingPart) -> Scorer:
        """Fit trees of depth 5 with at least 50 rows per leaf."""
        from pyspark.ml import regression

        trees = 30
        learner = regression.RandomForestRegressor(
            numTrees=trees,
            maxDepth=5,
            minInstancesPerNode=50,
            maxBins=16,
            subsamplingRate=0.7,
            featureSubsetStrategy="sqrt",
            seed=part.seed,
        )
        nodes = part.spark.save_and_read(learner.fit(part.spark.frame()))
        return Scorer(trees_of(nodes, np.full(trees, 1 / trees)), "probability")


class GradientBoostedTrees:
    """Spark's boosted trees: few trees with large steps, because each tree costs several Spark jobs."""

    engines: ClassVar[tuple[Engine, ...]] = ("spark",)
    space: ClassVar[Space] = {}

    def fit(self, part: TrainingPart) -> Scorer:
        """Fit 20 trees of depth 3."""
        from pyspark.ml import classification

        learner = classification.GBTClassifier(
            maxIter=20, maxDepth=3, stepSize=0.25, minInstancesPerNode=50, maxBins=16, seed=part.seed
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
