"""Candidates fitted on the train cohorts, and their scores of rows that they have not learned from.

Rows of other cohorts are scored by the model of all train rows. Rows of the train cohorts themselves are scored
crosswise: by a model that was fitted without a quarter of the customers, the row's own customer among them.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.ml.candidates.part import Candidate, Engine, EngineChoice, TrainingPart, engine_of
from churn_assets.ml.candidates.registry import CANDIDATES
from churn_assets.ml.candidates.spark_matrix import SparkMatrix
from churn_assets.ml.portable.model import Scorer
from churn_assets.ml.portable.transformation import Transformation
from churn_assets.progress import note

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FOLDS = 4
EVERYBODY = -1
SPARK_FITS_AT_ONCE = 2


@dataclass(frozen=True)
class Learner:
    """How to fit.

    Attributes:
        features: declared features, in order.
        seed: of every sampling learner.
        spark: gives a Spark session; called only if a candidate needs it.
        scratch: see `SparkMatrix`; only clusters need it.
        engine: where candidates that can be fitted on one machine or on Spark are fitted; "auto": by rows.
        candidates: name -> candidate with its hyper-parameters; default the ones of CANDIDATES.
    """

    features: Sequence[str]
    seed: int
    spark: "Callable[[], SparkSession]"
    scratch: str | None = None
    engine: EngineChoice = "auto"
    candidates: Mapping[str, Candidate] = field(default_factory=lambda: CANDIDATES)


@contextmanager
def training_part(
    rows: pd.DataFrame, transformation: Transformation, learner: Learner
) -> Iterator[TrainingPart]:
    """What candidates are fitted on; what Spark keeps of it is freed at the end."""
    matrix, labels = transformation.transform(rows), rows["label"].to_numpy(np.float64)
    customers = pd.factorize(rows["customer_key"])[0].astype(np.int64)
    with SparkMatrix(matrix, labels, learner.spark, learner.scratch) as on_spark:
        yield TrainingPart(matrix, labels, on_spark, learner.seed, customers)


def fold_of(keys: pd.Series) -> NDArray[np.int64]:
    """0 to FOLDS - 1 per customer_key: the same in every cohort, whatever rows are at hand."""
    hashed: NDArray[np.uint64] = pd.util.hash_array(keys.to_numpy(object), categorize=True)
    return (hashed % FOLDS).astype(np.int64)


class FittedCandidates:
    """Fitted candidates over one train part; fits when first asked and keeps what it has fitted.

    Args:
        train: customer_key, as_of_date, label and features of the train cohorts.
        learner: how to fit.
    """

    def __init__(self, train: pd.DataFrame, learner: Learner) -> None:
        self._train = train
        self._folds = fold_of(train["customer_key"])
        self._days = set(pd.to_datetime(train["as_of_date"]))
        self._learner = learner
        self._transformations: dict[int, Transformation] = {}
        self._scorers: dict[tuple[int, str], Scorer] = {}
        self.seconds: dict[str, float] = {}
        self.engines: dict[str, Engine] = {}

    def model(self, name: str) -> tuple[Transformation, Scorer]:
        """A candidate fitted on the whole train part."""
        self._fit(EVERYBODY, [name])
        return self._transformations[EVERYBODY], self._scorers[EVERYBODY, name]

    def scores(self, names: Sequence[str], rows: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
        """candidate -> uncalibrated score per row, each by a model that has not learned from the row's customer.

        Args:
            names: candidates.
            rows: customer_key, as_of_date and features; of the train cohorts, of others, or both.
        """
        learned_from = pd.to_datetime(rows["as_of_date"]).isin(self._days).to_numpy()
        fold = np.where(learned_from, fold_of(rows["customer_key"]), EVERYBODY)
        found = {name: np.empty(len(rows)) for name in names}
        for number in np.unique(fold):
            self._fit(int(number), names)
            at = fold == number
            matrix = self._transformations[int(number)].transform(rows[at])
            for name in names:
                found[name][at] = self._scorers[int(number), name].probability(matrix)
        return found

    def _fit(self, fold: int, names: Sequence[str]) -> None:
        """Candidates without the customers of a fold, as far as they are not fitted yet."""
        missing = [name for name in names if (fold, name) not in self._scorers]
        if not missing:
            return
        how = self._learner
        rows = self._train[self._folds != fold]
        self.engines |= {name: engine_of(how.candidates[name], how.engine, len(rows)) for name in missing}
        if any(self.engines[name] == "spark" for name in missing):
            how.spark()  # MLlib's estimators cannot even be made without a session
        if fold not in self._transformations:
            self._transformations[fold] = Transformation.fit(rows, how.features)
        with training_part(rows, self._transformations[fold], how) as part:

            def fit(name: str) -> None:
                note(
                    f"fitting {name} on {len(rows):,} snapshots, {missing.index(name) + 1} of {len(missing)}"
                )
                started = time.perf_counter()
                fitted = how.candidates[name].fit(replace(part, engine=self.engines[name]))
                self._scorers[fold, name] = fitted
                spent = time.perf_counter() - started
                self.seconds[name] = self.seconds.get(name, 0.0) + spent

            # Spark's fits wait for their driver most of the time; those of this machine take all its cores.
            on_spark = [name for name in missing if self.engines[name] == "spark"]
            with ThreadPoolExecutor(SPARK_FITS_AT_ONCE, "fit") as pool:
                list(pool.map(fit, on_spark))
            for name in missing:
                if name not in on_spark:
                    fit(name)
