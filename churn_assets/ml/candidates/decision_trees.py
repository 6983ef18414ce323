"""A decision tree, a random forest and gradient boosted trees, on one machine (scikit-learn) or on Spark (MLlib).

The hyper-parameters mean the same on both.
"""

from dataclasses import dataclass
from typing import ClassVar

from churn_assets.ml.candidates import mllib_trees, sklearn_trees
from churn_assets.ml.candidates.candidate import Engine, TrainingPart
from churn_assets.ml.candidates.search_range import Space
from churn_assets.ml.portable.model import Scorer


@dataclass(frozen=True)
class DecisionTree:
    """One shallow tree: rarely the best candidate, but easy to read as a whole.

    Attributes:
        depth: levels of splits at the most.
        leaf_rows: rows of a leaf at the least.
    """

    engines: ClassVar[tuple[Engine, ...]] = ("local", "spark")
    space: ClassVar[Space] = {}

    depth: int = 5
    leaf_rows: int = 200

    def fit(self, part: TrainingPart) -> Scorer:
        """Fit one tree, on the engine `part.engine`."""
        fit = mllib_trees.decision_tree if part.engine == "spark" else sklearn_trees.decision_tree
        return fit(part, self.depth, self.leaf_rows)


@dataclass(frozen=True)
class RandomForest:
    """The mean of trees that are fitted on sampled rows and columns (Breiman 2001).

    Each split is chosen from the square root of the number of columns.

    Attributes:
        trees: number of trees.
        depth: levels of splits at the most.
        leaf_rows: draws in a leaf at the least; a row that is drawn twice counts twice.
        rows: draws per tree, with replacement, as a share of the rows.
    """

    engines: ClassVar[tuple[Engine, ...]] = ("local", "spark")
    space: ClassVar[Space] = {}

    trees: int = 30
    depth: int = 5
    leaf_rows: int = 50
    rows: float = 0.7

    def fit(self, part: TrainingPart) -> Scorer:
        """Fit all trees, on the engine `part.engine`."""
        fit = mllib_trees.random_forest if part.engine == "spark" else sklearn_trees.random_forest
        return fit(part, self.trees, self.depth, self.leaf_rows, self.rows)


@dataclass(frozen=True)
class GradientBoostedTrees:
    """Boosted trees: few trees with large steps, because on Spark each tree costs several jobs.

    Attributes:
        trees: number of trees.
        depth: levels of splits at the most.
        leaf_rows: rows of a leaf at the least.
        learning_rate: factor of each tree's values.
    """

    engines: ClassVar[tuple[Engine, ...]] = ("local", "spark")
    space: ClassVar[Space] = {}

    trees: int = 20
    depth: int = 3
    leaf_rows: int = 50
    learning_rate: float = 0.25

    def fit(self, part: TrainingPart) -> Scorer:
        """Fit all trees, on the engine `part.engine`."""
        fit = mllib_trees.boosted_trees if part.engine == "spark" else sklearn_trees.boosted_trees
        return fit(part, self.trees, self.depth, self.leaf_rows, self.learning_rate)
