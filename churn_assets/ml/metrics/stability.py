"""Metrics by cohort and by value tier, to see whether a model is equally good for all of them."""

import numpy as np
import pandas as pd

from churn_assets.contracts.segments import ValueTiers
from churn_assets.ml.metrics.array_tiers import rank_tiers
from churn_assets.ml.metrics.classification import Metrics, evaluate_rows
from churn_assets.ml.portable.transformation import numbers


def by_cohort(judged: pd.DataFrame, capacity: float, minimum_positives: int) -> dict[str, Metrics]:
    """Returns as_of date -> metrics, ascending.

    Args:
        judged: see `TrainingResult.judged`.
    """
    days = pd.to_datetime(judged["as_of_date"])
    return {
        str(day.date()): evaluate_rows(judged[days == day], capacity, minimum_positives)
        for day in sorted(days.unique())
    }


def by_value(
    tested: pd.DataFrame, tiers: ValueTiers, capacity: float, minimum_positives: int
) -> dict[str, Metrics]:
    """Returns value tier -> metrics on the test cohort, highest tier first; tiers as in scores/customer_segments.

    Args:
        tested: judged rows of the test cohort with the feature of `tiers`; a missing value ranks lowest.
    """
    worth = np.nan_to_num(numbers(tested[tiers.feature]), nan=-np.inf)
    tier = rank_tiers(worth, tested["customer_key"], tiers.bounds)
    return {
        f"{name} value": evaluate_rows(tested[tier == name], capacity, minimum_positives)
        for name, _ in tiers.bounds
    }
