"""What a candidate is fitted on, what it must offer, and on which engine it is fitted."""

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from churn_assets.ml.candidates.space import Space
from churn_assets.ml.candidates.spark_matrix import SparkMatrix
from churn_assets.ml.portable.model import Scorer

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
