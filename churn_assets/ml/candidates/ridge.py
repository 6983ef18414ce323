"""Ridge logistic regression on one machine: the floor that everything else has to beat, and a quick question."""

import numpy as np
from numpy.typing import NDArray

from churn_assets.ml.portable.model import Linear

# Inverse strength of the ridge penalty on standardised columns; for a sum over all rows, so it fades as rows grow.
PENALTY = 1.0


def ridge(matrix: NDArray[np.float64], labels: NDArray[np.float64]) -> Linear:
    """scikit-learn's logistic regression on standardised columns, told in the columns' own units.

    Newton steps: with many rows and few columns ten of them do what lbfgs needs hundreds of passes for.
    """
    from sklearn.linear_model import LogisticRegression

    centre, spread = matrix.mean(axis=0), matrix.std(axis=0)
    spread[spread < 1e-12 * (1 + np.abs(centre))] = 1.0
    learner = LogisticRegression(C=PENALTY, max_iter=200, solver="newton-cholesky")
    learner.fit((matrix - centre) / spread, labels)
    coefficients = learner.coef_[0] / spread
    return Linear(coefficients, float(learner.intercept_[0] - coefficients @ centre), centre)
