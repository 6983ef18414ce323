"""Ridge logistic regression with a fixed penalty, for the leak report and the study; no candidate of a training."""

import numpy as np
from numpy.typing import NDArray

from churn_assets.ml.portable.model import Linear

# Inverse strength of the ridge penalty on standardised columns. The loss is a sum over rows, so the penalty matters
# less with more rows.
PENALTY = 1.0


def ridge(matrix: NDArray[np.float64], labels: NDArray[np.float64]) -> Linear:
    """Fit scikit-learn's logistic regression on standardised columns; return it in the columns' own units.

    It uses Newton steps: with many rows and few columns ten of them replace hundreds of lbfgs passes.
    """
    from sklearn.linear_model import LogisticRegression

    centre, spread = matrix.mean(axis=0), matrix.std(axis=0)
    spread[spread < 1e-12 * (1 + np.abs(centre))] = 1.0
    learner = LogisticRegression(C=PENALTY, max_iter=200, solver="newton-cholesky")
    learner.fit((matrix - centre) / spread, labels)
    coefficients = learner.coef_[0] / spread
    return Linear(coefficients, float(learner.intercept_[0] - coefficients @ centre), centre)
