"""Deciles and tiers of an array by rank, as scores/deciles_and_tiers.py computes them of frames."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn_assets.contracts.segments import TierBounds


def rank_deciles(values: NDArray[np.float64], ties: ArrayLike) -> NDArray[np.int64]:
    """Returns the decile of each value, 1 for the highest tenth, as scores/deciles_and_tiers.py computes it with Spark.

    Args:
        values: none missing.
        ties: values that order equal `values`, for example keys.
    """
    size, longer = divmod(len(values), 10)  # the first deciles have one more
    found = np.empty(len(values), int)
    found[np.lexsort((np.asarray(ties), -values))] = np.repeat(
        np.arange(1, 11), size + (np.arange(10) < longer)
    )
    return found


def rank_tiers(values: NDArray[np.float64], ties: ArrayLike, bounds: TierBounds) -> NDArray[Any]:
    """Returns the tier of each value by its percent rank, as scores/deciles_and_tiers.py computes it with Spark.

    Args:
        values: none missing.
        ties: values that order equal `values`, for example keys.
        bounds: tier and the percent rank at which it starts, highest first.
    """
    rank = np.empty(len(values))
    rank[np.lexsort((np.asarray(ties), values))] = np.arange(len(values)) / max(len(values) - 1, 1)
    names, starts = zip(*bounds, strict=True)
    return np.select([rank >= start for start in starts], names, default=names[-1])
