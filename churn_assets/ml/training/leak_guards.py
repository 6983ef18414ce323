"""Checks that features and split do not reveal the outcome: a finding stops the training and gives a remedy."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.ml.metrics.classification import auc_interval
from churn_assets.ml.portable.transformation import categories, is_numeric, numbers
from churn_assets.ml.training.split import KNOWN_AT

# A larger share of near-duplicate rows is reported.
DUPLICATE_SHARE = 0.01
# Bins of a number, and the weight (in rows) of the mean churn rate in the rate of each bin.
BINS, PRIOR_ROWS = 20, 5


def tells_shuffled_labels(low: float, high: float) -> bool:
    """True if the 95 % interval of a ROC-AUC on shuffled labels lies entirely above 0.52 or below 0.48.

    The tolerance around 0.5 makes this rarer by chance than one shuffle in twenty.
    """
    return low > 0.52 or high < 0.48


def auc_alone(values: pd.Series, labels: NDArray[np.float64]) -> float:
    """ROC-AUC of one feature alone, at least 0.5: a row's score is the churn rate of its category or its bin.

    The rates are fitted on one half of the rows and judged on the other, so rare categories do not inflate the AUC. The
    measure finds relations of any shape, and informative missing values.

    Args:
        values: numbers, booleans, strings or dates.
        labels: 0 or 1 per row, both present.
    """
    codes = _bins(values)
    half = np.random.default_rng(0).random(len(labels)) < 0.5
    score, prior, size = np.empty(len(labels)), labels.mean(), int(codes.max()) + 1
    for learn, judge in ((half, ~half), (~half, half)):
        rows = np.bincount(codes[learn], minlength=size)
        churned = np.bincount(codes[learn], labels[learn], minlength=size)
        score[judge] = ((churned + PRIOR_ROWS * prior) / (rows + PRIOR_ROWS))[codes[judge]]
    return max(0.5, auc_interval(labels, score)[0])


def _bins(values: pd.Series) -> NDArray[np.intp]:
    """Bin of each row: its category, or one of 20 quantile bins of numbers and dates; missing is a bin of its own."""
    if values.dtype.kind == "M":
        known = (values - values.min()).dt.total_seconds().to_numpy(np.float64)
    elif is_numeric(values):
        known = numbers(values)
    elif isinstance(values.dtype, pd.CategoricalDtype):
        return np.asarray(values.cat.codes, dtype=np.intp) + 1
    else:
        return np.asarray(pd.factorize(categories(values))[0], dtype=np.intp)
    missing = np.isnan(known)
    if missing.all():
        return np.zeros(len(known), dtype=np.intp)
    edges = np.unique(np.quantile(known[~missing], np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.where(missing, 0, np.searchsorted(edges, known, side="left") + 1)


def too_good(alone: Mapping[str, float], limit: float) -> list[str]:
    """Returns a finding per feature whose ROC-AUC alone is above the limit."""
    return [
        f"{name} alone has a ROC-AUC of {auc:.3f} on the training part (limit {limit:g}). Such a feature is as a rule "
        "written after the customer left. Take it out of churn.yaml, or raise `training.single_feature_auc_limit`."
        for name, auc in sorted(alone.items(), key=lambda item: -item[1])
        if auc > limit
    ]


def known_too_late(frame: pd.DataFrame) -> list[str]:
    """Returns a finding if a snapshot used a row with `known_at` after its as_of_date; none without that column."""
    if KNOWN_AT not in frame.columns:
        return []
    late = frame[pd.to_datetime(frame[KNOWN_AT]) > pd.to_datetime(frame["as_of_date"])]
    if late.empty:
        return []
    days = ", ".join(sorted({str(day)[:10] for day in late["as_of_date"]})[:6])
    finding = (
        f"{len(late):,} snapshots ({days}) hold values that became known after their as_of_date. "
        "Materialise features/customer_snapshots of those months again; if it persists, report it as a defect."
    )
    return [finding]


def overlapping_outcomes(
    parts: Mapping[str, pd.DataFrame], earlier: Sequence[str], later: str, horizon: timedelta
) -> list[str]:
    """Returns a finding per earlier part with outcomes still open at the same customer's first snapshot of `later`.

    Args:
        parts: frames with customer_key and as_of_date.
        earlier, later: names of parts.
        horizon: gap plus outcome window.
    """
    # as timestamps, since pandas compares Python's dates group by group
    days = {name: pd.to_datetime(parts[name]["as_of_date"]) for name in (*earlier, later)}
    starts = days[later].groupby(parts[later]["customer_key"]).min()
    findings = []
    for name in earlier:
        ends = days[name].groupby(parts[name]["customer_key"]).max() + horizon
        both = ends.index.intersection(starts.index)
        open_ = int((ends[both] > starts[both]).sum())
        if open_:
            findings.append(
                f"{open_:,} customers stand in the {name} part with an outcome window that reaches into the {later} "
                f"part, so its labels are partly known. Leave {horizon.days} days (gap + outcome) between the parts."
            )
    return findings
