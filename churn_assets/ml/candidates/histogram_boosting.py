"""scikit-learn's histogram gradient boosting, single and bagged; returns its trees as plain arrays."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from churn_assets.ml.candidates.candidate import Engine, TrainingPart
from churn_assets.ml.candidates.search_range import Range, Space
from churn_assets.ml.portable.model import Blend, Scorer
from churn_assets.ml.portable.trees import LEAF, Trees, share_of_columns, tree_steps

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier


@dataclass(frozen=True)
class HistogramBoosting:
    """scikit-learn's histogram gradient boosting: on one machine by far the cheapest of the boosted trees.

    By default the trees are shallow, because reasons to leave are mostly additive. Deep trees, which grow leaf by leaf,
    see reasons that depend on each other. Their number grows with the number of churners, see `tree_steps`. Each split
    is chosen from a random share of the columns (`columns`), as in random forests (Breiman 2001), so that every one of
    several correlated features is used.

    Attributes:
        learning_rate: factor of each tree's values; see `tree_steps`.
        growth: see `trees_for`.
        columns: share of the columns from which a split is chosen.
        depth: levels of splits at the most; up to 6 keep reasons fast, see shapley_tables.py.
        leaves: leaves of a tree at the most; None: as many as the depth allows.
        leaf_rows: rows of a leaf at the least.
        penalty: L2 penalty on the values of leaves.
        bins: values of a column are sorted into this many bins.
    """

    engines: ClassVar[tuple[Engine, ...]] = ("local",)
    space: ClassVar[Space] = {
        "learning_rate": Range(0.01, 0.3, log=True),
        "growth": Range(2.0, 32.0, log=True),
        "columns": Range(0.05, 1.0, log=True),
        "depth": Range(1, 6),
        "leaf_rows": Range(5, 500, log=True),
        "penalty": Range(0.1, 100.0, log=True),
    }

    learning_rate: float = 0.05
    growth: float = 16.0
    columns: float = 0.2
    depth: int = 2
    leaf_rows: int = 100
    penalty: float = 10.0
    leaves: int | None = None
    bins: int = 63

    def learner(self, part: TrainingPart) -> "HistGradientBoostingClassifier":
        """Returns the unfitted scikit-learn classifier with its settings for these rows."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        trees, learning_rate = tree_steps(part.labels, self.growth, self.learning_rate)
        return HistGradientBoostingClassifier(
            learning_rate=learning_rate,
            max_iter=trees,
            max_leaf_nodes=self.leaves or 2**self.depth,
            max_depth=self.depth,
            min_samples_leaf=self.leaf_rows,
            l2_regularization=self.penalty,
            max_features=share_of_columns(part.matrix, self.columns),
            max_bins=self.bins,
            early_stopping=False,  # it would hold out random rows; this project splits by time only
            random_state=part.seed,
        )

    def fit(self, part: TrainingPart) -> Scorer:
        """Fit trees of at most `depth` levels of splits."""
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        learner = self.learner(part)
        with threadpool_limits(limits=part.threads, user_api="openmp"):
            learner.fit(part.matrix, part.labels)
        return Scorer(trees_of(learner), "log_odds")


@dataclass(frozen=True)
class BaggedBoosting:
    """Bagging (Breiman 1996): the mean log-odds of histogram boosting over bootstrap samples of the customers.

    A customer is drawn with the rows of all its cohorts, because rows of one customer are not independent. Fitting and
    scoring each cost `bags` times as much as with a single model.
    """

    engines: ClassVar[tuple[Engine, ...]] = ("local",)
    space: ClassVar[Space] = {}

    bags: int = 10

    def fit(self, part: TrainingPart) -> Scorer:
        """Fit one member per bag."""
        rows = len(part.labels)
        customers = np.arange(rows) if part.customers is None else part.customers
        numbers, of_row = np.unique(customers, return_inverse=True)
        by_customer = np.split(np.argsort(of_row, kind="stable"), np.cumsum(np.bincount(of_row))[:-1])
        random = np.random.default_rng(part.seed)
        members = []
        for bag in range(self.bags):
            drawn = random.integers(len(numbers), size=len(numbers))
            at = np.concatenate([by_customer[number] for number in drawn])
            sample = TrainingPart(part.matrix[at], part.labels[at], part.spark, part.seed + bag)
            members.append(HistogramBoosting().fit(sample))
        return Scorer(Blend(tuple(members), (1 / self.bags,) * self.bags), "log_odds")


def trees_of(fitted: "HistGradientBoostingClassifier") -> Trees:
    """Returns the ensemble of a fitted binary classifier.

    scikit-learn has no public accessor for these nodes; its own prediction reads `_predictors` and
    `_baseline_prediction`. A test compares the result with `decision_function` and fails if scikit-learn changes them.
    """
    every = [predictor.nodes for (predictor,) in fitted._predictors]
    sizes = [len(nodes) for nodes in every]
    roots = np.cumsum([0, *sizes[:-1]])
    nodes, first = np.concatenate(every), np.repeat(roots, sizes)  # nodes are numbered within their tree
    leaf = nodes["is_leaf"].astype(bool)
    return Trees(
        roots=roots,
        column=np.where(leaf, LEAF, nodes["feature_idx"].astype(np.int64)),
        threshold=np.where(leaf, 0.0, nodes["num_threshold"]),
        left=np.where(leaf, LEAF, nodes["left"].astype(np.int64) + first),
        right=np.where(leaf, LEAF, nodes["right"].astype(np.int64) + first),
        value=np.where(leaf, nodes["value"], 0.0),
        cover=nodes["count"].astype(np.float64),
        start=float(np.ravel(fitted._baseline_prediction)[0]),
    )
