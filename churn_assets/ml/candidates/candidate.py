"""The rows a candidate is fitted on, the interface of a candidate, and the choice of its engine."""

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from churn_assets.ml.candidates.search_range import Space
from churn_assets.ml.candidates.spark_matrix import SparkMatrix
from churn_assets.ml.portable.model import Scorer

ROWS_FOR_THREADS = 200_000
# On one machine Spark takes twice as long for the same boosting (800,000 rows); it pays once rows outgrow the machine.
ROWS_FOR_SPARK = 1_000_000

Engine = Literal["local", "spark"]
EngineChoice = Literal["auto", "local", "spark"]  # auto: by the number of rows; for Spark on a cluster


@dataclass(frozen=True)
class TrainingPart:
    """The rows a candidate is fitted on.

    Attributes:
        matrix: (rows, columns), without missing values; see transformation.py.
        labels: 0/1 per row, both present.
        spark: the same rows as a Spark frame; built on first use.
        seed: makes sampling inside the learner repeatable.
        customers: number of the customer of each row; None: every row is a different customer.
        engine: where to fit; one of the candidate's `engines`.
    """

    matrix: NDArray[np.float64]
    labels: NDArray[np.float64]
    spark: SparkMatrix
    seed: int
    customers: NDArray[np.int64] | None = None
    engine: Engine = "local"

    @property
    def threads(self) -> int | None:
        """Threads for learners on one machine: 1 below ROWS_FOR_THREADS rows, else None (all cores).

        When Spark occupies the cores, the threads of a small fit spend their time waiting for each other.
        """
        return 1 if len(self.matrix) < ROWS_FOR_THREADS else None


class Candidate(Protocol):
    """A learner with its settings.

    Attributes:
        engines: where it can be fitted.
        space: fields that a search may set, with their ranges; the defaults lie inside.
    """

    engines: ClassVar[tuple[Engine, ...]]
    space: ClassVar[Space]

    def fit(self, part: TrainingPart) -> Scorer:
        """Fit on the training part and return plain arrays with the same predictions as the learner."""
        ...


def engine_of(candidate: Candidate, wanted: EngineChoice, rows: int) -> Engine:
    """Returns the engine of a candidate: its only one, else `wanted`; "auto" is "spark" from ROWS_FOR_SPARK rows on."""
    if len(candidate.engines) == 1:
        return candidate.engines[0]
    if wanted == "auto":
        return "local" if rows < ROWS_FOR_SPARK else "spark"
    return wanted
