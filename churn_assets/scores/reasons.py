"""A score in words: the features that raised it most, as the business calls them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from churn_assets.contracts.features import Feature

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

REASONS = 3
UNKNOWN = "unknown"


def _number(value: float) -> str:
    if value == round(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2g}" if abs(value) < 1 else f"{value:.1f}"


def _words(feature: Feature, value: object, typical: float | None) -> str:
    """`support tickets, last 3 months: 4 (typical 0)`."""
    if value is None or value != value:
        return f"{feature.words}: {UNKNOWN}"
    if feature.kind == "category" or not isinstance(value, int | float):
        return f"{feature.words}: {value}"
    if feature.aggregate == "trend":
        change = (1 + value) / (1 - value) - 1 if value < 1 else float("inf")
        return f"{feature.words}: new" if change == float("inf") else f"{feature.words}: {change:+.0%}"
    usual = f" (typical {_number(typical)})" if typical is not None else ""
    return f"{feature.words}: {_number(float(value))}{usual}"


def reasons(
    frame: "pd.DataFrame",
    contributions: "pd.DataFrame",
    features: Sequence[Feature],
    typical: dict[str, float],
) -> list[list[str | None]]:
    """Per row the up to three features with the largest positive contribution, in words, strongest first.

    Only features that may be named (`Feature.nameable`), and of them only what raises the risk; a customer with nothing
    of the kind has no reason.
    """
    import numpy as np

    features = [f for f in features if f.nameable]
    names = [f.name for f in features]
    values: NDArray[np.float64] = contributions[names].to_numpy(np.float64)
    strongest = np.argsort(-values, axis=1, kind="stable")[:, :REASONS]
    columns = {n: frame[n].to_list() for n in {names[i] for i in np.unique(strongest)}}
    result: list[list[str | None]] = []
    for row, positions in enumerate(strongest.tolist()):
        found: list[str | None] = [
            _words(features[i], columns[names[i]][row], typical.get(names[i]))
            for i in positions
            if values[row, i] > 0
        ]
        result.append(found + [None] * (REASONS - len(found)))
    return result


def main_drivers(contributions: "pd.DataFrame", features: Sequence[Feature]) -> list[str]:
    """Per row the driver whose features together raise the risk most."""
    import numpy as np

    drivers = sorted({f.driver for f in features})
    sums = np.column_stack(
        [contributions[[f.name for f in features if f.driver == d]].sum(axis=1) for d in drivers]
    )
    return [drivers[i] for i in sums.argmax(axis=1)]
