"""Guards against knowledge of the outcome in a training: what they find stops it, in words with the remedy."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.ml.metrics.classification import midranks
from churn_assets.ml.portable.transformation import Transformation
from churn_assets.ml.training.split import KNOWN_AT

# Share of rows that look like another one from which on it is said.
DUPLICATE_SHARE = 0.01


def tells_shuffled_labels(low: float, high: float) -> bool:
    """Whether the interval of a ROC-AUC on shuffled labels lies off 0.5, by more than one shuffle in twenty does."""
    return low > 0.52 or high < 0.48


def single_feature_auc(
    matrix: NDArray[np.float64], labels: NDArray[np.float64], transformation: Transformation
) -> dict[str, float]:
    """Feature -> ROC-AUC of its best matrix column alone, in whichever direction; at least 0.5.

    Args:
        matrix: rows of the training part, as transformed.
        labels: 0 or 1 per row, both present.
    """
    positives = float(labels.sum())
    pairs = positives * (len(labels) - positives)
    least = positives * (positives + 1) / 2
    best = dict.fromkeys(transformation.features, 0.5)
    for column, position in enumerate(transformation.column_feature):
        auc = (float(midranks(matrix[:, column])[labels == 1].sum()) - least) / pairs
        name = transformation.features[position]
        best[name] = max(best[name], auc, 1 - auc)
    return best


def too_good(alone: Mapping[str, float], limit: float) -> list[str]:
    """A finding per feature that tells churners apart nearly by itself."""
    return [
        f"{name} alone has a ROC-AUC of {auc:.3f} on the training part (limit {limit:g}). Such a feature is as a rule "
        "written after the customer left. Take it out of churn.yaml, or raise `training.single_feature_auc_limit`."
        for name, auc in sorted(alone.items(), key=lambda item: -item[1])
        if auc > limit
    ]


def known_too_late(frame: pd.DataFrame) -> list[str]:
    """A finding when a snapshot used a row that became known after its as_of_date (`known_at`, if the frame has it)."""
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
    """A finding per earlier part of which a customer's outcome was still open at the same customer's later snapshot.

    Args:
        parts: frames with customer_key and as_of_date.
        earlier, later: names of parts.
        horizon: gap plus outcome window.
    """
    first = parts[later].groupby("customer_key")["as_of_date"].min()
    starts = pd.to_datetime(first)
    findings = []
    for name in earlier:
        ends = pd.to_datetime(parts[name].groupby("customer_key")["as_of_date"].max()) + horizon
        both = ends.index.intersection(starts.index)
        open_ = int((ends[both] > starts[both]).sum())
        if open_:
            findings.append(
                f"{open_:,} customers stand in the {name} part with an outcome window that reaches into the {later} "
                f"part, so its labels are partly known. Leave {horizon.days} days (gap + outcome) between the parts."
            )
    return findings
