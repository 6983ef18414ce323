"""Candidates fitted on the train cohorts, and their scores of rows from which they have not learned.

Rows of other cohorts are scored by the model of all train rows. Rows of the train cohorts themselves are scored
crosswise: by a model fitted without the quarter of the customers that contains the row's customer.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from joblib import cpu_count
from numpy.typing import NDArray

from churn_assets.ml.candidates.candidate import (
    ROWS_FOR_THREADS,
    Candidate,
    Engine,
    EngineChoice,
    TrainingPart,
    engine_of,
)
from churn_assets.ml.candidates.registry import CANDIDATES
from churn_assets.ml.candidates.spark_matrix import SparkMatrix
from churn_assets.ml.portable.model import Scorer
from churn_assets.ml.portable.transformation import Transformation
from churn_assets.ml.training.side_by_side import side_by_side
from churn_assets.progress import note

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FOLDS = 4
EVERYBODY = -1
SPARK_FITS_AT_ONCE = 2


@dataclass(frozen=True)
class Learner:
    """Settings of the fits.

    Attributes:
        features: declared features, in order.
        seed: of every sampling learner.
        spark: returns a Spark session; called only if a candidate needs it.
        scratch: see `SparkMatrix`; only clusters need it.
        engine: engine of candidates that have both; "auto": chosen by the number of rows.
        candidates: name -> candidate with its hyper-parameters; default CANDIDATES.
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
    """Returns the training part of these rows as a context manager; frees Spark's copy on exit."""
    matrix, labels = transformation.transform(rows), rows["label"].to_numpy(np.float64)
    customers = pd.factorize(rows["customer_key"])[0].astype(np.int64)
    with SparkMatrix(matrix, labels, learner.spark, learner.scratch) as on_spark:
        yield TrainingPart(matrix, labels, on_spark, learner.seed, customers)


def fold_of(keys: pd.Series) -> NDArray[np.int64]:
    """Fold 0 to FOLDS - 1 per customer_key; it depends on the key only, so it is the same in every cohort and frame."""
    hashed: NDArray[np.uint64] = pd.util.hash_array(keys.to_numpy(object), categorize=True)
    return (hashed % FOLDS).astype(np.int64)


def fits_at_once(rows: int) -> int:
    """Number of fits on so many rows that run beside each other, one thread each: as many as this process has cores."""
    return int(cpu_count()) if rows < ROWS_FOR_THREADS else 1


class FittedCandidates:
    """Fitted candidates over one train part; fits on first use and keeps the fitted models.

    Args:
        train: customer_key, as_of_date, label and features of the train cohorts.
        learner: settings of the fits.
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
        """Returns a candidate fitted on the whole train part, with its transformation."""
        self._fit(EVERYBODY, [name])
        return self._transformations[EVERYBODY], self._scorers[EVERYBODY, name]

    def scores(self, names: Sequence[str], rows: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
        """Returns candidate -> uncalibrated score per row.

        Rows of the train cohorts are scored by a model that has not learned from their customer.

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
        """Fit the candidates that are not fitted yet on the train rows without the customers of a fold."""
        missing = [name for name in names if (fold, name) not in self._scorers]
        if not missing:
            return
        how = self._learner
        rows = self._train[self._folds != fold]
        self.engines |= {name: engine_of(how.candidates[name], how.engine, len(rows)) for name in missing}
        if any(self.engines[name] == "spark" for name in missing):
            how.spark()  # MLlib's estimators cannot be constructed without a session
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

            # Spark fits mostly wait for their driver, so two run at once.
            on_spark = [name for name in missing if self.engines[name] == "spark"]
            here = [name for name in missing if name not in on_spark]
            for those, at_once in ((on_spark, SPARK_FITS_AT_ONCE), (here, fits_at_once(len(rows)))):
                side_by_side(fit, those, at_once)
