"""The candidate models, in one registry: adding one is one class here and its name in CANDIDATES.

Default hyper-parameters are cautious (shallow trees, large leaves, strong penalties): a business has hundreds of
churners a month, and searching on two validation cohorts would fit their noise. A search uses earlier ones (search.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from churn_assets.models.extreme import ExtremeBoosting
from churn_assets.models.logistic import LogisticRegression
from churn_assets.models.mllib import (
    DecisionTree,
    GradientBoostedTrees,
    RandomForest,
    SparkMatrix,
)
from churn_assets.models.neural import NeuralAdditive
from churn_assets.models.portable import Blend, Scorer
from churn_assets.models.space import Range, Space
from churn_assets.models.trees import LEAF, Trees, share_of_columns, trees_for

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

ROWS_FOR_THREADS = 200_000
# On one machine Spark takes twice the time for the same boosting (800,000 rows); it pays where rows outgrow it.
ROWS_FOR_SPARK = 1_000_000

Engine = Literal["local", "spark"]
EngineChoice = Literal["auto", "local", "spark"]  # auto: by the number of rows


@dataclass(frozen=True)
class TrainingPart:
    """What a candidate is fitted on.

    Attributes:
        matrix: (rows, columns), complete; see transformation.py.
        labels: 0/1 per row, both present.
        spark: the same rows as a Spark frame; built when first asked.
        seed: makes sampling inside the learner repeatable.
        customers: whose row it is, as a number; None: every row is a customer of its own.
        engine: where to fit, of those that the candidate knows.
    """

    matrix: NDArray[np.float64]
    labels: NDArray[np.float64]
    spark: SparkMatrix
    seed: int
    customers: NDArray[np.int64] | None = None
    engine: Engine = "local"

    @property
    def threads(self) -> int | None:
        """For learners on one machine: where the cores are taken (by Spark), threads burn time waiting for each other.

        None: as many as there are.
        """
        return 1 if len(self.matrix) < ROWS_FOR_THREADS else None


class Candidate(Protocol):
    """A learner with its settings.

    Attributes:
        engines: where it can be fitted.
        space: which of its fields a search may set, and within which ranges; its defaults lie inside.
    """

    engines: ClassVar[tuple[Engine, ...]]
    space: ClassVar[Space]

    def fit(self, part: TrainingPart) -> Scorer:
        """Fit on the training part and return plain arrays that predict exactly what the learner would."""
        ...


def engine_of(candidate: Candidate, wanted: EngineChoice, rows: int) -> Engine:
    """Where a candidate is fitted: as wanted if it can, by the number of rows for "auto"."""
    if len(candidate.engines) == 1:
        return candidate.engines[0]
    if wanted == "auto":
        return "local" if rows < ROWS_FOR_SPARK else "spark"
    return wanted


@dataclass(frozen=True)
class HistogramBoosting:
    """scikit-learn's histogram gradient boosting: on one machine the cheapest of the boosted trees by far.

    So shallow, because reasons to leave mostly add up; as many trees as the churners can teach, see `trees_for`. Each
    question is chosen among a random share of the columns (`columns`), as in random forests (Breiman 2001): features
    that tell much the same all have their say.
    """

    engines: ClassVar[tuple[Engine, ...]] = ("local",)
    space: ClassVar[Space] = {
        "learning_rate": Range(0.01, 0.3, log=True),
        "growth": Range(2.0, 32.0, log=True),
        "columns": Range(0.05, 1.0, log=True),
        "depth": Range(1, 5),
        "leaf_rows": Range(20, 500, log=True),
        "penalty": Range(0.1, 100.0, log=True),
    }

    learning_rate: float = 0.05
    growth: float = 16.0
    columns: float = 0.2
    depth: int = 2
    leaf_rows: int = 100
    penalty: float = 10.0

    def learner(self, part: TrainingPart) -> "HistGradientBoostingClassifier":
        """scikit-learn's, for these rows, not yet fitted."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(
            learning_rate=self.learning_rate,
            max_iter=trees_for(part.labels, self.growth),
            max_leaf_nodes=2**self.depth,
            max_depth=self.depth,
            min_samples_leaf=self.leaf_rows,
            l2_regularization=self.penalty,
            max_features=share_of_columns(part.matrix, self.columns),
            max_bins=63,
            early_stopping=False,  # it would hold out random rows, the split that this project forbids
            random_state=part.seed,
        )

    def fit(self, part: TrainingPart) -> Scorer:
        """Fit trees of at most `depth` questions each."""
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        learner = self.learner(part)
        with threadpool_limits(limits=part.threads, user_api="openmp"):
            learner.fit(part.matrix, part.labels)
        return Scorer(trees_of(learner), "log_odds")


@dataclass(frozen=True)
class BaggedBoosting:
    """Bagging (Breiman 1996): the mean log-odds of histogram boosting over bootstraps of the customers.

    A customer is drawn with all of its cohorts: rows of one customer are no independent draws. It costs `bags` times
    what one fit does, and as much more at every scoring.
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
    "extreme_boosting": ExtremeBoosting(),
    "bagged_boosting": BaggedBoosting(),
    "neural_additive": NeuralAdditive(),
}
# candidate -> the package that only an extra of the same name brings
EXTRAS = {"neural_additive": "tensorflow"}


def require(names: Sequence[str]) -> None:
    """Before anything is fitted: whether all these candidates exist and can be fitted here.

    Raises:
        ValueError: an unknown name, none at all, or an extra that is not installed; the message says what to do.
    """
    unknown = [name for name in names if name not in CANDIDATES]
    if unknown or not names:
        raise ValueError(f"candidates {unknown or 'missing'}: choose from {', '.join(CANDIDATES)}")
    for name in names:
        extra = EXTRAS.get(name)
        if extra and find_spec(extra) is None:
            raise ValueError(
                f"candidate {name} needs {extra}, which is not installed: pip install 'churn-assets[{extra}]' (in a "
                f"checkout: pip install -c constraints.txt -e '.[{extra}]'), or take the candidate out of "
                "training.candidates in churn.yaml"
            )
