"""What is chosen on the selection cohorts: the candidate, and how far back to learn from."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.ml.metrics.classification import MINIMUM_POSITIVES, Z_95, auc_interval, compare_auc
from churn_assets.ml.training.learner import FittedCandidates, Learner
from churn_assets.ml.training.split import Split

MINIMUM_LEARNED = 100  # with fewer churners to learn from, chance would choose
JUDGE_OF_MEMORY = "histogram_boosting"


def choose(
    options: Sequence[str],
    scores: Mapping[str, NDArray[np.float64]],
    labels: NDArray[np.float64],
    errors: float = 1.0,
    customers: pd.Series | None = None,
) -> str:
    """The first option whose AUC is within some standard errors of the best one's.

    With one, the rule of Breiman et al. 1984: among models that chance could have ordered otherwise, the simplest,
    which drifts least. The error is that of the paired difference on the same rows (DeLong).

    Args:
        options: in order of preference, simplest first.
        scores: option -> scores of the selection part.
        labels: 0 or 1 per row of the selection part; with too few of either the first option is taken.
        errors: how many standard errors.
        customers: whose row it is; None: each is a customer's only one.
    """
    positives = float(labels.sum())
    if min(positives, len(labels) - positives) < MINIMUM_POSITIVES:
        return options[0]
    top = max(options, key=lambda name: auc_interval(labels, scores[name])[0])
    for name in options:
        difference, _, high = compare_auc(labels, scores[top], scores[name], customers)
        if difference <= errors * (high - difference) / Z_95:
            return name
    return top


def remembered(
    train: pd.DataFrame, selection: pd.DataFrame, split: Split, memories: Sequence[int], learner: Learner
) -> tuple[Split, FittedCandidates]:
    """The split, its train part cut to the newest cohorts if that is better for the selection cohorts.

    After a change of the world old cohorts teach what is no longer true. The longest memory within one standard error
    of the best is kept. A split by time takes two standard errors, so that a quiet world is learned from as a whole; a
    split that is made because the world has just changed (`Split.forget`) takes the best itself.

    Args:
        train, selection: rows of these parts, with labels.
        split: its parts.
        memories: numbers of newest train cohorts to try besides all of them.
        learner: how to fit.

    Returns:
        The split, and the learning over its train part, with what was fitted to choose it.
    """
    days = pd.to_datetime(train["as_of_date"])
    learnings = {str(len(split.train)): FittedCandidates(train, learner)}  # longest memory first
    if not split.short_history:
        # cohorts that choose and teach do both or neither: a younger model knows what became of their customers
        both = set(split.validation) & set(split.train)
        for count in sorted(set(memories), reverse=True):
            kept = split.train[-count:]
            newest = train[days.isin(pd.to_datetime(list(kept)))]
            if count < len(split.train) and both <= set(kept) and newest["label"].sum() >= MINIMUM_LEARNED:
                learnings[str(count)] = FittedCandidates(newest, learner)
    chosen = str(len(split.train))
    if len(learnings) > 1:
        scores = {
            count: learning.scores([JUDGE_OF_MEMORY], selection)[JUDGE_OF_MEMORY]
            for count, learning in learnings.items()
        }
        labels = selection["label"].to_numpy(np.float64)
        errors = 2.0 if split.out_of_time else 0.0 if split.forget else 1.0
        chosen = choose(list(learnings), scores, labels, errors, selection["customer_key"])
    return replace(split, train=split.train[-int(chosen) :]), learnings[chosen]
