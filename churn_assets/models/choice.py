"""What is chosen on the selection cohorts: the candidate, and how far back to learn from."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.models.evaluation import Z_95, auc_interval, compare_auc
from churn_assets.models.learning import Learner, Learning
from churn_assets.models.split import Split

# With fewer churners to learn from, or to choose by, chance would choose.
MINIMUM_LEARNED, MINIMUM_CHOSEN_BY = 100, 20
JUDGE_OF_MEMORY = "histogram_boosting"


def choose(
    options: Sequence[str],
    scores: Mapping[str, NDArray[np.float64]],
    labels: NDArray[np.float64],
    errors: float = 1.0,
) -> str:
    """The first option whose AUC is within some standard errors of the best one's.

    With one, the rule of Breiman et al. 1984: among models that chance could have ordered otherwise, the simplest,
    which drifts least. The error is that of the paired difference on the same rows (DeLong).

    Args:
        options: in order of preference, simplest first.
        scores: option -> scores of the selection part.
        labels: 0 or 1 per row of the selection part; with too few of either the first option is taken.
        errors: how many standard errors.
    """
    positives = float(labels.sum())
    if min(positives, len(labels) - positives) < MINIMUM_CHOSEN_BY:
        return options[0]
    top = max(options, key=lambda name: auc_interval(labels, scores[name])[0])
    for name in options:
        difference, _, high = compare_auc(labels, scores[top], scores[name])
        if difference <= errors * (high - difference) / Z_95:
            return name
    return top


def remembered(
    train: pd.DataFrame, selection: pd.DataFrame, split: Split, memories: Sequence[int], learner: Learner
) -> Split:
    """The split, its train part cut to the newest cohorts if that is better for the selection cohorts.

    After a change of the world old cohorts teach what is no longer true. The longest memory within one standard error
    of the best is kept, so that a quiet world is learned from as a whole; but the shortest for a split that is made
    because the world has changed (`recent_split`).

    Args:
        train, selection: rows of these parts, with labels.
        split: its parts.
        memories: numbers of newest train cohorts to try besides all of them.
        learner: how to fit.
    """
    days = pd.to_datetime(train["as_of_date"])
    rows = {str(len(split.train)): train}
    if not split.short_history:
        # cohorts that choose and teach do both or neither: a younger model knows what became of their customers
        both = set(split.validation) & set(split.train)
        for count in sorted(set(memories), reverse=True):
            kept = split.train[-count:]
            newest = train[days.isin(pd.to_datetime(list(kept)))]
            if count < len(split.train) and both <= set(kept) and newest["label"].sum() >= MINIMUM_LEARNED:
                rows[str(count)] = newest
    if len(rows) == 1:
        return split
    scores = {
        count: Learning(part, learner).scores([JUDGE_OF_MEMORY], selection)[JUDGE_OF_MEMORY]
        for count, part in rows.items()
    }
    preferred = list(rows) if split.out_of_time else list(rows)[::-1]
    chosen = int(choose(preferred, scores, selection["label"].to_numpy(np.float64)))
    return replace(split, train=split.train[-chosen:])
