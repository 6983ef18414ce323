"""Feature importance with confidence intervals."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

DRAWS = 200


@dataclass(frozen=True)
class Importance:
    """Mean absolute contribution of a feature (log-odds), with its 95 % interval."""

    feature: str
    value: float
    low: float
    high: float


def importance_intervals(
    contributions: pd.DataFrame, seed: int, draws: int = DRAWS
) -> tuple[Importance, ...]:
    """Global importance, largest first, with percentile bootstrap intervals; a customer is drawn with all its rows.

    Args:
        contributions: one column per feature, indexed by customer_key; see `TrainingResult.contributions`.
    """
    strength = contributions.abs()
    of_customer = strength.groupby(level=0)
    sums, counts = of_customer.sum().to_numpy(), of_customer.size().to_numpy()
    drawn = np.random.default_rng(seed).multinomial(len(counts), np.full(len(counts), 1 / len(counts)), draws)
    again = (drawn @ sums) / (drawn @ counts)[:, None]
    low, high = np.quantile(again, [0.025, 0.975], axis=0)
    found = [
        Importance(str(name), float(value), float(low[at]), float(high[at]))
        for at, (name, value) in enumerate(strength.mean().items())
    ]
    return tuple(sorted(found, key=lambda line: -line.value))
