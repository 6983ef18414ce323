"""Elastic-net logistic regression: the baseline for all other candidates, on one machine or on Spark."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from churn_assets.ml.candidates.candidate import Engine, TrainingPart
from churn_assets.ml.candidates.search_range import Range, Space
from churn_assets.ml.portable.calibration import logit, sigmoid
from churn_assets.ml.portable.model import Linear, Scorer

ITERATIONS = 30


@dataclass(frozen=True)
class LogisticRegression:
    """Minimises mean log loss + strength * (l1_share * |w| + (1 - l1_share) / 2 * w^2), w of standardised columns.

    Both engines minimise the same function, so the model does not depend on where it was fitted.
    """

    engines: ClassVar[tuple[Engine, ...]] = ("local", "spark")
    space: ClassVar[Space] = {"strength": Range(0.0002, 0.2, log=True), "l1_share": Range(0.0, 1.0)}

    strength: float = 0.005
    l1_share: float = 0.2

    def fit(self, part: TrainingPart) -> Scorer:
        """Fit in at most ITERATIONS steps, on the engine `part.engine`."""
        fit = self._on_spark if part.engine == "spark" else self._here
        coefficients, intercept = fit(part)
        return Scorer(Linear(coefficients, intercept, part.matrix.mean(axis=0)), "log_odds")

    def _on_spark(self, part: TrainingPart) -> tuple[NDArray[np.float64], float]:
        frame = part.spark.frame()
        from pyspark.ml import classification

        learner = classification.LogisticRegression(
            regParam=self.strength, elasticNetParam=self.l1_share, maxIter=ITERATIONS, standardization=True
        )
        fitted = learner.fit(frame)
        return np.asarray(fitted.coefficients.toArray(), dtype=np.float64), float(fitted.intercept)

    def _here(self, part: TrainingPart) -> tuple[NDArray[np.float64], float]:
        """Fit by L-BFGS-B over the positive and the negative part of each coefficient, so that |w| is smooth.

        scikit-learn's solver for this penalty (saga) is ten times slower and has not converged after 200 passes.
        """
        from scipy.optimize import minimize

        centre, spread = part.matrix.mean(axis=0), part.matrix.std(axis=0, ddof=1)
        still = spread < 1e-12 * (1 + np.abs(centre))
        spread[still] = 1.0
        design, labels = (part.matrix - centre) / spread, part.labels
        width = design.shape[1]
        l1, l2 = self.strength * self.l1_share, self.strength * (1 - self.l1_share)

        def loss(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            weights, intercept = at[:width] - at[width:-1], at[-1]
            line = design @ weights + intercept
            value = (
                (np.logaddexp(0, line) - labels * line).mean()
                + l2 / 2 * weights @ weights
                + l1 * at[:-1].sum()
            )
            excess = (sigmoid(line) - labels) / len(labels)
            slope = design.T @ excess + l2 * weights
            return float(value), np.concatenate([slope + l1, l1 - slope, [excess.sum()]])

        start = np.append(np.zeros(2 * width), logit(labels.mean()[None])[0])
        bounds = [(0.0, 0.0 if fixed else None) for fixed in (*still, *still)] + [(None, None)]
        found = minimize(
            loss, start, jac=True, bounds=bounds, method="L-BFGS-B", options={"maxiter": ITERATIONS}
        ).x
        coefficients = (found[:width] - found[width:-1]) / spread
        return coefficients, float(found[-1] - coefficients @ centre)
