"""Comparison of ranking, calibration and selection between the groups of each protected attribute."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.contracts.protected import ProtectedAttribute
from churn_assets.ml.metrics.classification import (
    IN_WORDS,
    MINIMUM_POSITIVES,
    Metrics,
    evaluate_rows,
    rank,
    share_of,
    wilson,
)
from churn_assets.reporting.words import capitalised

# Smaller groups are not reported: their customers could be identified, and the figures would be noise.
MINIMUM_GROUP = 50
UNKNOWN = "(not known)"
COLUMNS = (
    *("attribute", "group", "customers", "churners", "AUC", "95 %"),
    *("predicted", "observed", "95 % of observed", "contacted"),
)


@dataclass(frozen=True)
class Group:
    """Customers of the test cohort with one value of a protected attribute.

    All fields but the names are None if the group has fewer than MINIMUM_GROUP customers.

    Attributes:
        attribute, group: name of the attribute in words, and its value.
        metrics: of the group alone; a status instead of an AUC if it has too few churners.
        predicted: mean probability.
        level: mean probability scaled so that the whole cohort is predicted at its observed rate; an error common to
            all groups is not counted as unfair.
        observed, observed_low, observed_high: churn rate with its 95 % interval (Wilson).
        selected: share of the group that a campaign at capacity contacts.
    """

    attribute: str
    group: str
    metrics: Metrics | None = None
    predicted: float | None = None
    level: float | None = None
    observed: float | None = None
    observed_low: float | None = None
    observed_high: float | None = None
    selected: float | None = None


def fairness(
    tested: pd.DataFrame,
    protected: Sequence[ProtectedAttribute],
    capacity: float,
    minimum_positives: int = MINIMUM_POSITIVES,
) -> tuple[Group, ...]:
    """Returns every group of every protected attribute, groups ordered by value.

    Args:
        tested: test cohort: customer_key, label, raw, probability, and a column per attribute (its `name`).
        capacity: share of customers that a campaign reaches.

    Raises:
        KeyError: an attribute is not a column.
    """
    chosen = np.zeros(len(tested), dtype=bool)
    ranking = rank(tested["raw"].to_numpy(np.float64), tested["customer_key"])
    chosen[ranking[: share_of(len(tested), capacity)]] = True
    wrong_for_all = float(tested["label"].mean() / max(tested["probability"].mean(), 1e-12))
    found = []
    for attribute in protected:
        values = tested[attribute.name].astype("string").fillna(UNKNOWN)
        for value in sorted(values.unique()):
            at = (values == value).to_numpy(bool)
            found.append(
                _group(
                    attribute.said,
                    str(value),
                    tested[at],
                    chosen[at],
                    wrong_for_all,
                    capacity,
                    minimum_positives,
                )
                if at.sum() >= MINIMUM_GROUP
                else Group(attribute.said, str(value))
            )
    return tuple(found)


def _group(
    attribute: str,
    value: str,
    rows: pd.DataFrame,
    chosen: NDArray[np.bool_],
    wrong_for_all: float,
    capacity: float,
    minimum_positives: int,
) -> Group:
    labels, probability = rows["label"], rows["probability"]
    low, high = wilson(float(labels.sum()), len(rows))
    return Group(
        attribute=attribute,
        group=value,
        metrics=evaluate_rows(rows, capacity, minimum_positives),
        predicted=float(probability.mean()),
        level=float(probability.mean()) * wrong_for_all,
        observed=float(labels.mean()),
        observed_low=low,
        observed_high=high,
        selected=float(chosen.mean()),
    )


def fairness_findings(groups: Sequence[Group]) -> list[str]:
    """Returns the groups that stand out, in words; with 95 % intervals one group in twenty does so by chance."""
    return [*_miscalibrated(groups), *_worse_ranked(groups)]


def _miscalibrated(groups: Sequence[Group]) -> list[str]:
    found = []
    for group in groups:
        if group.level is None or group.observed_low is None or group.observed_high is None:
            continue
        if not group.observed_low <= group.level <= group.observed_high:
            low = group.level < group.observed_low
            who = f"{capitalised(group.attribute)} {group.group}"
            found.append(
                f"{who}: risks are {'under' if low else 'over'}stated. Predicted "
                f"{group.predicted:.1%} ({group.level:.1%} at the level of the cohort), observed {group.observed:.1%} "
                f"({group.observed_low:.1%} to {group.observed_high:.1%}). A campaign by these probabilities reaches "
                f"the group too {'rarely' if low else 'often'}; check which feature correlates with the group, and "
                "whether the next training finds the same."
            )
    return found


def _worse_ranked(groups: Sequence[Group]) -> list[str]:
    found = []
    for group in groups:
        others = [
            g.metrics.auc for g in groups if g.attribute == group.attribute and g.metrics and g.metrics.auc
        ]
        own = group.metrics
        if own is None or own.auc is None or own.auc_high is None or len(others) < 2:
            continue
        best = max(others)
        if own.auc_high < best - 0.02:
            who = f"{capitalised(group.attribute)} {group.group}"
            found.append(
                f"{who}: churners are ranked worse, ROC-AUC {own.auc:.3f} (up to "
                f"{own.auc_high:.3f}), {best:.3f} in the best group. Their reasons may be missing among the features."
            )
    return found


def fairness_rows(groups: Sequence[Group]) -> list[tuple[str, ...]]:
    """Returns one row per group, with the columns COLUMNS."""
    return [_row(group) for group in groups]


def _row(group: Group) -> tuple[str, ...]:
    m = group.metrics
    if m is None:
        return (group.attribute, group.group, f"under {MINIMUM_GROUP}", *[""] * 7)
    auc = (
        (f"{m.auc:.3f}", f"{m.auc_low:.3f} to {m.auc_high:.3f}")
        if m.auc is not None
        else (IN_WORDS[m.status], "")
    )
    return (
        group.attribute,
        group.group,
        f"{m.n:,}",
        f"{m.positives:,}",
        *auc,
        f"{group.predicted:.1%}",
        f"{group.observed:.1%}",
        f"{group.observed_low:.1%} to {group.observed_high:.1%}",
        f"{group.selected:.1%}",
    )
