"""What the AUC of a cohort will be if its probabilities are right: an early warning while the labels mature."""

import numpy as np
from numpy.typing import ArrayLike


def estimated_auc(raw: ArrayLike, probability: ArrayLike) -> float | None:
    """Expected concordant pairs over expected pairs of a churner and a stayer; None where no such pair is expected.

    Confidence-based performance estimation (CBPE): each customer counts as a churner with weight `probability` and as
    a stayer with the rest. Method of NannyML (docs/how_it_works/performance_estimation.rst); Kivimäki, Białek, Kuberski
    and Nurminen 2025, "Performance Estimation in Binary Classification Using Calibrated Confidence".

    It sees only a changed mix of customers: more of those who are hard to tell apart lower it. It takes the
    probabilities for true, so it cannot see concept drift: when customers start to leave for other reasons, the
    estimate stays where it was while the realised AUC falls. It proves neither a good model nor a bad one.

    Args:
        raw: ranking score per customer of one cohort; ties count half, as in the realised AUC.
        probability: calibrated probability of churn in [0, 1], same order.
    """
    p = np.asarray(probability, dtype=np.float64)
    _, rank = np.unique(np.asarray(raw, dtype=np.float64), return_inverse=True)
    leaving, staying = np.bincount(rank, p), np.bincount(rank, 1 - p)
    lower = np.cumsum(staying) - staying
    itself = float((p * (1 - p)).sum())  # nobody makes a pair with himself
    pairs = float(leaving.sum() * staying.sum()) - itself
    if pairs <= 0:
        return None
    concordant = float((leaving * (lower + staying / 2)).sum()) - itself / 2
    return concordant / pairs
