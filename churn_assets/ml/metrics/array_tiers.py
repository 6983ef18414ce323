"""Tiers of an array by rank, for the metrics of a training and the study; scores/deciles_and_tiers.py is for frames."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn_assets.contracts.segments import TierBounds


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
