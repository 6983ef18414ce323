"""XGBoost (extreme gradient boosting, Chen & Guestrin 2016) on one machine or Spark; returns trees as plain arrays."""

from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar

import numpy as np
import orjson
from numpy.typing import NDArray

from churn_assets.ml.candidates.candidate import Engine, TrainingPart
from churn_assets.ml.candidates.search_range import Range, Space
from churn_assets.ml.candidates.single_precision import last_that_rounds_to
from churn_assets.ml.portable.calibration import logit
from churn_assets.ml.portable.model import Scorer
from churn_assets.ml.portable.trees import LEAF, Trees, share_of_columns, tree_steps

ROWS_PER_WORKER = 250_000


@dataclass(frozen=True)
class ExtremeBoosting:
    """XGBoost's histogram boosting, which can be distributed; six times cheaper than MLlib's boosted trees.

    With `rows` below 1 each tree sees a random share of the rows: stochastic gradient boosting (Friedman 2002).

    Attributes:
        learning_rate, growth, columns, depth, penalty: as for `HistogramBoosting`.
        leaf_weight: sum of the second derivatives in a leaf at the least.
        rows: share of the rows that a tree sees, drawn without replacement.
        bins: values of a column are sorted into this many bins.
    """

    engines: ClassVar[tuple[Engine, ...]] = ("local", "spark")
    space: ClassVar[Space] = {
        "learning_rate": Range(0.01, 0.3, log=True),
        "growth": Range(2.0, 32.0, log=True),
        "columns": Range(0.05, 1.0, log=True),
        "depth": Range(1, 6),
        "leaf_weight": Range(0.5, 50.0, log=True),
        "penalty": Range(0.1, 100.0, log=True),
    }

    learning_rate: float = 0.05
    growth: float = 16.0
    columns: float = 0.2
    depth: int = 2
    leaf_weight: float = 3.0
    penalty: float = 10.0
    rows: float = 1.0
    bins: int = 64

    def fit(self, part: TrainingPart) -> Scorer:
        """Fit trees of at most `depth` levels of splits, on the engine `part.engine`."""
        trees, learning_rate = tree_steps(part.labels, self.growth, self.learning_rate)
        settings = {
            "learning_rate": learning_rate,
            "n_estimators": trees,
            "colsample_bynode": share_of_columns(part.matrix, self.columns),
            "max_depth": self.depth,
            "min_child_weight": self.leaf_weight,
            "reg_lambda": self.penalty,
            "tree_method": "hist",
            "subsample": self.rows,
            "max_bin": self.bins,
            "random_state": part.seed,
        }
        fit = self._on_spark if part.engine == "spark" else self._here
        return Scorer(trees_of(fit(part, settings)), "log_odds")

    def _here(self, part: TrainingPart, settings: dict[str, Any]) -> Any:
        import xgboost
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        learner = xgboost.XGBClassifier(objective="binary:logistic", n_jobs=part.threads, **settings)
        # `n_jobs` does not limit the threads that receive the labels: they took a third of a small fit's time
        with threadpool_limits(limits=part.threads, user_api="openmp"):
            return learner.fit(part.matrix, part.labels).get_booster()

    def _on_spark(self, part: TrainingPart, settings: dict[str, Any]) -> Any:
        """Fit with one worker per ROWS_PER_WORKER rows, at most one per core, because all must run at the same time."""
        frame = part.spark.frame()
        from xgboost.spark import SparkXGBClassifier

        cores = frame.sparkSession.sparkContext.defaultParallelism
        workers = max(1, min(cores, len(part.labels) // ROWS_PER_WORKER))
        learner = SparkXGBClassifier(
            features_col="features", label_col="label", num_workers=workers, verbosity=0, **settings
        )
        return learner.fit(frame).get_booster()


def trees_of(booster: Any) -> Trees:
    """Returns the ensemble of a fitted binary booster, read from its documented JSON form.

    XGBoost tests `value < threshold` on values rounded to float32; `Trees` tests `value <= threshold` on float64.
    """
    stored = orjson.loads(booster.save_raw("json"))["learner"]
    trees = stored["gradient_booster"]["model"]["trees"]
    sizes = [len(tree["left_children"]) for tree in trees]
    roots = np.cumsum([0, *sizes[:-1]])
    first = np.repeat(roots, sizes)  # nodes are numbered within their tree

    def joined(name: str, kind: type[np.generic]) -> NDArray[Any]:
        return np.array(list(chain.from_iterable(tree[name] for tree in trees)), dtype=kind)

    left, right = joined("left_children", np.int64), joined("right_children", np.int64)
    leaf, conditions = left < 0, joined("split_conditions", np.float32)
    before = np.nextafter(conditions, np.float32(-np.inf))
    mean = float(stored["learner_model_param"]["base_score"].strip("[]"))
    return Trees(
        roots=roots,
        column=np.where(leaf, LEAF, joined("split_indices", np.int64)),
        threshold=np.where(leaf, 0.0, last_that_rounds_to(before)),
        left=np.where(leaf, LEAF, left + first),
        right=np.where(leaf, LEAF, right + first),
        value=np.where(leaf, conditions.astype(np.float64), 0.0),
        cover=joined("sum_hessian", np.float64),
        start=float(logit(np.array([mean]))[0]),
    )
