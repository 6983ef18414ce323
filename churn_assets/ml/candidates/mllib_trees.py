"""Trees fitted by Spark MLlib, as plain arrays.

Spark 4.2's *classification* trees merge leaves that predict the same class. Where 3 % churn every leaf predicts
"stays", and the whole tree or forest collapses to one leaf. So the tree and the forest are fitted as regressions on the
0/1 label: variance is half the Gini impurity, hence the same splits, and a leaf's mean is the churn share.
"""

from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.ml.candidates.part import Engine, TrainingPart
from churn_assets.ml.candidates.space import Space
from churn_assets.ml.portable.model import Scorer
from churn_assets.ml.portable.trees import LEAF, Trees


class DecisionTree:
    """One shallow tree: rarely the best, always the one that can be read."""

    engines: ClassVar[tuple[Engine, ...]] = ("spark",)
    space: ClassVar[Space] = {}

    def fit(self, part: TrainingPart) -> Scorer:
        """Depth 5, at least 200 customers a leaf."""
        from pyspark.ml import regression

        learner = regression.DecisionTreeRegressor(
            maxDepth=5, minInstancesPerNode=200, maxBins=16, seed=part.seed
        )
        nodes = part.spark.save_and_read(learner.fit(part.spark.frame()))
        return Scorer(trees_of(nodes, np.ones(1)), "probability")


class RandomForest:
    """Mean of 30 trees on sampled rows and columns."""

    engines: ClassVar[tuple[Engine, ...]] = ("spark",)
    space: ClassVar[Space] = {}

    def fit(self, part: TrainingPart) -> Scorer:
        """Depth 5, at least 50 customers a leaf."""
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
    """Spark's boosted trees: few and with large steps, because each costs several Spark jobs."""

    engines: ClassVar[tuple[Engine, ...]] = ("spark",)
    space: ClassVar[Space] = {}

    def fit(self, part: TrainingPart) -> Scorer:
        """20 trees of depth 3."""
        from pyspark.ml import classification

        learner = classification.GBTClassifier(
            maxIter=20, maxDepth=3, stepSize=0.25, minInstancesPerNode=50, maxBins=16, seed=part.seed
        )
        fitted = learner.fit(part.spark.frame())
        nodes = part.spark.save_and_read(fitted)
        # MLlib's margin F is half the log-odds: p = 1 / (1 + exp(-2 F)).
        return Scorer(trees_of(nodes, 2 * np.asarray(fitted.treeWeights)), "log_odds")


def trees_of(nodes: pd.DataFrame, weights: NDArray[np.float64]) -> Trees:
    """Tree arrays from the node table of `SparkMatrix.save_and_read`.

    Args:
        nodes: node ids count from 0 within each tree; all splits numeric (`value <= threshold` goes left).
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
