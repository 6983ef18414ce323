"""How good the scores are for kinds of customers, and which columns move together."""

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.study.drivers import Driver
from churn_assets.study.thresholds import Subgroup, subgroup

# Strongest features whose values make the groups, and the smallest group.
FEATURES, LEAST_ROWS, MOST_VALUES = 5, 50, 6
CORRELATED, COMPARED_ROWS, MOST_PAIRS = 0.8, 5_000, 12


def subgroups(
    frame: pd.DataFrame,
    labels: NDArray[np.float64],
    probability: NDArray[np.float64],
    drivers: Sequence[Driver],
) -> list[Subgroup]:
    """Returns the groups by value of the strongest features: categories, and thirds of numbers.

    Args:
        frame, labels, probability: of the judged rows.
    """
    found = []
    for driver in drivers[:FEATURES]:
        for value, rows in groups_of(frame[driver.name]):
            if rows.sum() >= LEAST_ROWS:
                found.append(subgroup(driver.words, value, labels[rows], probability[rows]))
    return found


def groups_of(values: pd.Series) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yields name and rows of each group of one feature: its most frequent categories, or thirds of its numbers."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        for value in values.value_counts().index[:MOST_VALUES]:
            yield str(value), (values == value).to_numpy()
        return
    known = values.to_numpy(np.float64)
    edges = np.unique(np.nanquantile(known, [0, 1 / 3, 2 / 3, 1]))
    for at, (low, high) in enumerate(pairwise(edges)):
        above = known >= low if at == 0 else known > low
        yield f"{'' if at == 0 else 'over '}{low:,.4g} to {high:,.4g}", above & (known <= high)


def correlated(frame: pd.DataFrame, names: Sequence[str]) -> list[tuple[str, str, float]]:
    """Returns the pairs of numbers whose ranks correlate by at least CORRELATED either way, strongest first.

    Args:
        names: columns to compare.
    """
    numbers = [name for name in names if not isinstance(frame[name].dtype, pd.CategoricalDtype)]
    if len(numbers) < 2:
        return []
    sample = frame[numbers].sample(min(COMPARED_ROWS, len(frame)), random_state=0)
    table = sample.rank().corr().to_numpy()
    pairs = [
        (numbers[a], numbers[b], float(table[a, b]))
        for a, b in combinations(range(len(numbers)), 2)
        if abs(table[a, b]) >= CORRELATED
    ]
    return sorted(pairs, key=lambda pair: -abs(pair[2]))[:MOST_PAIRS]
