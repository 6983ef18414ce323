"""Tells when a model sees far more than every single column, and which columns it needs for that."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.ml.metrics.classification import auc_interval
from churn_assets.ml.training.leak_guards import auc_alone
from churn_assets.study.leak_finding import LeakFinding

# A ROC-AUC this far above that of the best single column is rare among honest columns.
EXCESS = 0.2
# Columns belong to the group if the model loses this share of the excess without each of them.
LOST_SHARE = 0.5
ASKED, ROWS = 10, 5_000


def excess_findings(
    frame: pd.DataFrame, labels: NDArray[np.float64], auc: float, strongest: Sequence[str]
) -> list[LeakFinding]:
    """Returns a finding if the ROC-AUC is more than EXCESS above that of every column alone.

    Args:
        frame, labels: of the judged rows.
        auc: of the chosen model, out of fold.
        strongest: names of the columns that move the scores most, the first ones are asked for.
    """
    alone = {name: auc_alone(frame[name], labels) for name in frame.columns}
    best = max(alone, key=lambda name: alone[name])
    if auc - alone[best] <= EXCESS:
        return []
    group = _needed(frame, labels, strongest[:ASKED], LOST_SHARE * (auc - alone[best]))
    listed = ", ".join(group[:-1]) + f" and {group[-1]}" if len(group) > 1 else ""
    needs = (
        f"Without any one of {listed} most of that is lost: together they say what none says alone. "
        if listed
        else "No single column is needed for that. "
    )
    words = (
        f"The model tells churners apart with a ROC-AUC of {auc:.3f}, the best single column ({best}) with "
        f"{alone[best]:.3f}. {needs}Either these columns really act together, or they were noted at different times "
        "and their difference shows who left, as a total does that stops growing. Ask whether each was known on the "
        "day of the prediction, and --drop what was not."
    )
    return [LeakFinding(None, "warning", words)]


def _needed(frame: pd.DataFrame, labels: NDArray[np.float64], names: Sequence[str], lost: float) -> list[str]:
    rows = np.random.default_rng(0).permutation(len(labels))[:ROWS]
    y = labels[rows]
    coded = pd.DataFrame(
        {
            name: frame[name].cat.codes if isinstance(frame[name].dtype, pd.CategoricalDtype) else frame[name]
            for name in frame.columns
        }
    ).iloc[rows]
    matrix = coded.to_numpy(np.float64)
    whole = _auc(matrix, y)
    at = {name: frame.columns.get_loc(name) for name in names}
    return [name for name in names if whole - _auc(np.delete(matrix, at[name], axis=1), y) > lost]


def _auc(matrix: NDArray[np.float64], labels: NDArray[np.float64]) -> float:
    from sklearn.ensemble import HistGradientBoostingClassifier

    from churn_assets.study.evaluation import few_threads

    if not matrix.shape[1]:
        return 0.5
    half, score = np.arange(len(labels)) % 2 == 0, np.empty(len(labels))
    with few_threads(len(labels)):
        for learn, judge in ((half, ~half), (~half, half)):
            model = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=15, random_state=0)
            score[judge] = model.fit(matrix[learn], labels[learn]).decision_function(matrix[judge])
    return auc_interval(labels, score)[0]
