"""Metrics of a ranking and its probabilities on cohorts with known outcomes.

Metrics are plain floats with a status. With too few churners the status says so and the metrics are None, never NaN.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from churn_assets.ml.portable.calibration import logistic_line, logit

MINIMUM_POSITIVES = 20
Z_95 = 1.959963984540054
OK, TOO_FEW, ONE_CLASS = "ok", "too few positives", "one class"
IN_WORDS = {OK: OK, TOO_FEW: "too few churners", ONE_CLASS: "all did the same"}
# Upper ends in days, label; by tenure at the as_of date.
TENURE_BANDS: tuple[tuple[float, str], ...] = (
    (182, "under 6 months"),
    (365, "6 to 12 months"),
    (730, "1 to 2 years"),
    (1826, "2 to 5 years"),
    (float("inf"), "over 5 years"),
)


@dataclass(frozen=True)
class Metrics:
    """Quality of one set of scores. All metrics except counts and base rate are None unless status is "ok".

    Attributes:
        status: "ok", "too few positives" (fewer than the minimum), or "one class".
        n, positives: rows and churners among them.
        base_rate: positives / n.
        auc, auc_low, auc_high: ROC-AUC of the raw score with its DeLong 95 % interval.
        pr_auc: average precision of the raw score.
        brier, log_loss: of the calibrated probability.
        calibration_slope: of label on log-odds of the probability; 1 is right, below 1 means too extreme.
        calibration_intercept: with slope fixed at 1; 0 is right, below 0 means risks are overstated.
        capacity: share of customers that a campaign can reach.
        selected: number of customers in that share (ranked by raw score, ties by a hash of the key).
        threshold: lowest calibrated probability among the selected.
        accuracy, precision, recall, f1: if exactly the selected customers are predicted to churn.
        lift_top_decile: churn rate of the highest tenth divided by the base rate.
    """

    status: str
    n: int
    positives: int
    base_rate: float | None
    auc: float | None = None
    auc_low: float | None = None
    auc_high: float | None = None
    pr_auc: float | None = None
    brier: float | None = None
    log_loss: float | None = None
    calibration_slope: float | None = None
    calibration_intercept: float | None = None
    capacity: float | None = None
    selected: int | None = None
    threshold: float | None = None
    accuracy: float | None = None
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    lift_top_decile: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Field name -> value."""
        return asdict(self)


def evaluate(
    labels: ArrayLike,
    raw: ArrayLike,
    probability: ArrayLike,
    keys: Sequence[Any] | pd.Series,
    capacity: float = 0.1,
    minimum_positives: int = MINIMUM_POSITIVES,
) -> Metrics:
    """All metrics of one cohort (or several).

    Args:
        labels: 0/1 per row, none missing: mature cohorts only.
        raw: ranking score; ranking metrics use it because a calibrated probability may have ties.
        probability: calibrated probability in [0, 1].
        keys: customer_key per row, used only to order ties reproducibly.
        capacity: share of rows that a campaign reaches, in (0, 1].

    Raises:
        ValueError: lengths differ, a value is missing or a label is not 0/1, or capacity is out of range.
    """
    y, score, p = (np.asarray(values, dtype=np.float64) for values in (labels, raw, probability))
    if not len(y) == len(score) == len(p) == len(keys):
        raise ValueError(f"{len(y)} labels, {len(score)} scores, {len(p)} probabilities, {len(keys)} keys")
    if np.isnan(score).any() or np.isnan(p).any() or not np.isin(y, (0.0, 1.0)).all():
        raise ValueError("labels must be 0 or 1 and scores present: evaluate mature, scored snapshots only")
    if not 0 < capacity <= 1:
        raise ValueError(f"capacity={capacity}: give the share of customers a campaign reaches, e.g. 0.1")
    n, positives = len(y), int(y.sum())
    base_rate = positives / n if n else None
    if positives in (0, n):
        return Metrics(ONE_CLASS, n, positives, base_rate)
    if min(positives, n - positives) < minimum_positives:
        return Metrics(TOO_FEW, n, positives, base_rate)
    auc, low, high = auc_interval(y, score)
    ranking = rank(score, keys)
    chosen = ranking[: share_of(n, capacity)]
    hits = float(y[chosen].sum())
    wrong = (len(chosen) - hits) + (positives - hits)
    log_odds = logit(p)
    slope = logistic_line(log_odds, y)[0] if np.ptp(log_odds) > 0 else 0.0
    return Metrics(
        status=OK,
        n=n,
        positives=positives,
        base_rate=base_rate,
        auc=auc,
        auc_low=low,
        auc_high=high,
        pr_auc=average_precision(y, score),
        brier=float(((p - y) ** 2).mean()),
        log_loss=float((np.logaddexp(0, log_odds) - y * log_odds).mean()),
        calibration_slope=slope,
        calibration_intercept=logistic_line(log_odds, y, slope=1.0)[1],
        capacity=capacity,
        selected=len(chosen),
        threshold=float(p[chosen].min()),
        accuracy=1 - wrong / n,
        precision=hits / len(chosen),
        recall=hits / positives,
        f1=2 * hits / (len(chosen) + positives),
        lift_top_decile=float(y[ranking[: share_of(n, 0.1)]].mean()) / (positives / n),
    )


def evaluate_rows(rows: pd.DataFrame, capacity: float, minimum_positives: int) -> Metrics:
    """`evaluate` for a frame with the columns label, raw, probability and customer_key."""
    return evaluate(
        rows["label"], rows["raw"], rows["probability"], rows["customer_key"], capacity, minimum_positives
    )


def by_tenure(
    frame: pd.DataFrame, capacity: float = 0.1, minimum_positives: int = MINIMUM_POSITIVES
) -> dict[str, Metrics]:
    """Metrics within each tenure band of TENURE_BANDS; a model may be good for customers with a long history only.

    Args:
        frame: columns label, raw, probability, customer_key, tenure_days (days since the first spell; rows without a
            tenure are in no band).

    Returns:
        Band label -> metrics, every band in order; an empty band has n = 0 and status "one class".
    """
    tenure = frame["tenure_days"].to_numpy(dtype=np.float64, na_value=np.nan)
    result: dict[str, Metrics] = {}
    lower = float("-inf")
    for upper, name in TENURE_BANDS:
        band = frame[(tenure > lower) & (tenure <= upper)]
        result[name] = evaluate_rows(band, capacity, minimum_positives)
        lower = upper
    return result


def rank(score: NDArray[np.float64], keys: Sequence[Any] | pd.Series) -> NDArray[np.intp]:
    """Row positions from highest to lowest score; ties in the order of a stable hash of the key.

    Ties are not ordered by the key itself, because keys often grow with time and would then favour old customers.
    """
    return np.lexsort((key_hashes(keys), -score))


def key_hashes(keys: Sequence[Any] | pd.Series) -> NDArray[np.uint64]:
    """A stable hash per key."""
    return pd.util.hash_array(np.asarray(keys, dtype=object).astype(str).astype(object), categorize=False)


def auc_interval(labels: NDArray[np.float64], score: NDArray[np.float64]) -> tuple[float, float, float]:
    """ROC-AUC and its 95 % interval (DeLong), clipped to [0, 1].

    Variance by DeLong et al. 1988 in the O(n log n) form of Sun & Xu 2014 (doi 10.1109/LSP.2014.2337313).

    Args:
        labels: 0/1, at least two of each.
    """
    positive_parts, negative_parts = placements(labels, score)
    auc = float(positive_parts.mean())
    variance = positive_parts.var(ddof=1) / len(positive_parts) + negative_parts.var(ddof=1) / len(
        negative_parts
    )
    return auc, *_clip_interval(auc, float(variance))


def compare_auc(
    labels: ArrayLike,
    challenger: ArrayLike,
    champion: ArrayLike,
    customers: Sequence[Any] | pd.Series | None = None,
) -> tuple[float, float, float]:
    """AUC difference challenger - champion on the same rows with its paired DeLong 95 % interval.

    Rows of one customer in several cohorts are not independent, but customers are. The variance is therefore that of
    sums over customers (Obuchowski 1997, Biometrics 53), which equals DeLong's for one row per customer.

    Args:
        customers: customer of each row; None: one snapshot per customer (one cohort).

    Raises:
        ValueError: fewer than two customers with a row of one of the classes.
    """
    y = np.asarray(labels, dtype=np.float64)
    customer = np.arange(len(y)) if customers is None else pd.factorize(np.asarray(customers))[0]
    kinds = [customer[y == kind] for kind in (1, 0)]
    counts = [len(np.unique(kind)) for kind in kinds]
    if min(counts) < 2:
        raise ValueError(
            f"{counts[0]} customers with a positive row, {counts[1]} with a negative: nothing to compare on"
        )
    new, old = (placements(y, np.asarray(score, dtype=np.float64)) for score in (challenger, champion))
    difference = float(new[0].mean() - old[0].mean())
    above, below = (
        np.bincount(kind, a - b - (a - b).mean(), len(y)) / len(kind)
        for kind, a, b in zip(kinds, new, old, strict=True)
    )
    # each mean square is corrected (n / (n - 1)) for the number of customers that it covers
    every = len(np.unique(customer))
    squares = zip((above @ above, below @ below, 2 * above @ below), (*counts, every), strict=True)
    variance = sum(float(square) * count / (count - 1) for square, count in squares)
    half = Z_95 * max(0.0, variance) ** 0.5  # rounding may make the variance slightly negative
    return difference, difference - half, difference + half


def wilson(hits: float, n: int) -> tuple[float, float]:
    """95 % Wilson score interval of the share hits / n."""
    z = Z_95
    centre = (hits + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * (hits * (n - hits) / n + z * z / 4) ** 0.5
    return max(0.0, centre - half), min(1.0, centre + half)


def average_precision(labels: NDArray[np.float64], score: NDArray[np.float64]) -> float:
    """Area under the precision-recall curve as a step sum over distinct scores (no interpolation)."""
    order = np.argsort(-score, kind="stable")
    y, ordered = labels[order], score[order]
    last_of_tie = np.append(np.diff(ordered) != 0, True)
    hits = np.cumsum(y)[last_of_tie]
    seen = np.flatnonzero(last_of_tie) + 1
    return float((np.diff(hits, prepend=0) * hits / seen).sum() / y.sum())


def placements(
    labels: NDArray[np.float64], score: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Per positive the share of negatives below it, per negative the share of positives above it; ties count half."""
    positive, negative = score[labels == 1], score[labels == 0]
    m, n = len(positive), len(negative)
    joint = midranks(np.concatenate([positive, negative]))
    above = (joint[:m] - midranks(positive)) / n
    below = 1 - (joint[m:] - midranks(negative)) / m
    return above, below


def midranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return ranks


def _clip_interval(centre: float, variance: float) -> tuple[float, float]:
    half = Z_95 * variance**0.5
    return max(0.0, centre - half), min(1.0, centre + half)


def share_of(n: int, share: float) -> int:
    """Number of rows in a share of n, rounded up, at least 1."""
    return max(1, int(np.ceil(n * share - 1e-9)))
