"""Choices made on the selection cohorts: the candidate, and the number of train cohorts to learn from."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.ml.metrics.classification import MINIMUM_POSITIVES, Z_95, auc_interval, compare_auc
from churn_assets.ml.training.learner import FittedCandidates, Learner, fits_at_once
from churn_assets.ml.training.side_by_side import side_by_side
from churn_assets.ml.training.split import Split

MINIMUM_LEARNED = 100  # with fewer churners in the cohorts to learn from, the choice would be random
JUDGE_OF_MEMORY = "histogram_boosting"


def choose(
    options: Sequence[str],
    scores: Mapping[str, NDArray[np.float64]],
    labels: NDArray[np.float64],
    errors: float = 1.0,
    customers: pd.Series | None = None,
) -> str:
    """Returns the first option whose AUC is within `errors` standard errors of the best AUC.

    `errors=1` is the one-standard-error rule of Breiman et al. 1984: of models that do not differ significantly, take
    the simplest, because it drifts least. The error is that of the paired difference on the same rows (DeLong).

    Args:
        options: in order of preference, simplest first.
        scores: option -> scores of the selection part.
        labels: 0 or 1 per row of the selection part; with fewer than MINIMUM_POSITIVES of either the first option is
            returned.
        errors: number of standard errors.
        customers: customer of each row; None: one row per customer.
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
    """Returns the split with its train part cut to the newest cohorts if that improves the selection AUC.

    If customer behaviour changed, old cohorts mislead the model. The longest memory within one standard error of the
    best is kept. With a split by time the limit is two standard errors, so that without a change all cohorts are used.
    With a split made because behaviour has just changed (`Split.forget`) the best memory is taken.

    Args:
        train, selection: rows of these parts, with labels.
        split: dates of the parts.
        memories: numbers of newest train cohorts to try besides all of them.
        learner: settings of the fits.

    Returns:
        The split, and the fitted candidates over its train part, including those fitted for this choice.
    """
    days = pd.to_datetime(train["as_of_date"])
    learnings = {str(len(split.train)): FittedCandidates(train, learner)}  # longest memory first
    if not split.short_history:
        # A cohort in both validation and train stays in train. A memory without it is not tried: later cohorts that it
        # learned from reveal the outcomes of the same customers.
        both = set(split.validation) & set(split.train)
        for count in sorted(set(memories), reverse=True):
            kept = split.train[-count:]
            newest = train[days.isin(pd.to_datetime(list(replace(split, train=kept).learned)))]
            churners = train["label"][days.isin(pd.to_datetime(list(kept)))].sum()
            if count < len(split.train) and both <= set(kept) and churners >= MINIMUM_LEARNED:
                learnings[str(count)] = FittedCandidates(newest, learner)
    chosen = str(len(split.train))
    if len(learnings) > 1:
        scores: dict[str, NDArray[np.float64]] = {}

        def judge(count: str) -> None:
            scores[count] = learnings[count].scores([JUDGE_OF_MEMORY], selection)[JUDGE_OF_MEMORY]

        side_by_side(judge, learnings, fits_at_once(len(train)))
        labels = selection["label"].to_numpy(np.float64)
        errors = 2.0 if split.out_of_time else 0.0 if split.forget else 1.0
        chosen = choose(list(learnings), scores, labels, errors, selection["customer_key"])
    return replace(split, train=split.train[-int(chosen) :]), learnings[chosen]
