"""Estimates the AUC of a cohort from its probabilities: an early warning before the labels have matured."""

import numpy as np
from numpy.typing import ArrayLike


def estimated_auc(raw: ArrayLike, probability: ArrayLike) -> float | None:
    """Expected concordant pairs / expected pairs of a churner and a stayer; None when no such pair is expected.

    Confidence-based performance estimation (CBPE): each customer counts as a churner with weight `probability` and as
    a stayer with the rest. Method of NannyML (docs/how_it_works/performance_estimation.rst); Kivimäki, Białek, Kuberski
    and Nurminen 2025, "Performance Estimation in Binary Classification Using Calibrated Confidence".

    The estimate changes only with the mix of customers: more customers with similar risk lower it. It assumes that the
    probabilities are right, so it does not detect concept drift: when customers start to leave for other reasons, the
    estimate stays the same while the realised AUC falls. It proves neither a good model nor a bad one.

    Args:
        raw: ranking score per customer of one cohort; ties count half, as in the realised AUC.
        probability: calibrated probability of churn in [0, 1], same order.
    """
    p = np.asarray(probability, dtype=np.float64)
    _, rank = np.unique(np.asarray(raw, dtype=np.float64), return_inverse=True)
    leaving, staying = np.bincount(rank, p), np.bincount(rank, 1 - p)
    lower = np.cumsum(staying) - staying
    itself = float((p * (1 - p)).sum())  # a customer is not paired with themselves
    pairs = float(leaving.sum() * staying.sum()) - itself
    if pairs <= 0:
        return None
    concordant = float((leaving * (lower + staying / 2)).sum()) - itself / 2
    return concordant / pairs
