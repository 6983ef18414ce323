"""Reasons of a score: the features that raised it most, in the words of the business."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.feature import Feature
from churn_assets.contracts.reason_template import printed, reason_by_template

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

REASONS = 3
UNKNOWN = "unknown"


YES_AND_NO = {"true": "yes", "false": "no"}


def _reason_text(feature: Feature, value: object, typical: float | None) -> str:
    """Returns a feature's value in words. For a trend, `value` is the relative change.

    With a template: `4 support tickets in the last 3 months`. Else: `support tickets, last 3 months: 4 (typical 0)`.
    """
    if feature.kind == "category" or not isinstance(value, int | float):
        told: float | str = YES_AND_NO.get(str(value), str(value))
    else:
        told = _direction(value) if feature.aggregate == "trend" else float(value)
    if feature.says is not None:
        return reason_by_template(feature.says, told, typical)
    if isinstance(told, str):
        return f"{feature.words}: {told}"
    usual = f" (typical {printed(typical)})" if typical is not None else ""
    return f"{feature.words}: {printed(told)}{usual}"


def _direction(change: float) -> str:
    if change == 0:
        return "unchanged"
    if change == float("inf"):
        return "up from nothing"
    return f"{'up' if change > 0 else 'down'} {abs(change):.0%}".replace("%", " %")


def _reason_texts(feature: Feature, values: "NDArray[Any]", typical: float | None) -> list[str]:
    """Returns each value in words. Values that print alike are formatted once: a cohort has few distinct ones."""
    if feature.kind != "category" and _are_numbers(values):
        values = _rounded(values.astype(float), feature.aggregate == "trend")
    missing = feature.missing or f"{feature.words}: {UNKNOWN}"
    known: dict[object, str] = {}
    said = []
    for value in values.tolist():
        if value is None or value != value:
            said.append(missing)
            continue
        if value not in known:
            known[value] = _reason_text(feature, value, typical)
        said.append(known[value])
    return said


def _are_numbers(values: "NDArray[Any]") -> bool:
    return values.dtype.kind in "biuf"


def _is_typical(feature: Feature, values: "NDArray[Any]", typical: float) -> "NDArray[np.bool_]":
    """Returns a mask of the numbers that are printed like the typical one."""
    import numpy as np

    if feature.kind == "category" or not _are_numbers(values):
        return np.zeros(len(values), dtype=bool)
    trend = feature.aggregate == "trend"
    same: NDArray[np.bool_] = _rounded(values.astype(float), trend) == _rounded(np.array([typical]), trend)
    return same


def _rounded(values: "NDArray[np.float64]", trend: bool) -> "NDArray[np.float64]":
    """Returns values rounded as they are printed. A trend (new - old) / (new + old) becomes the change new / old - 1.

    Infinite values become missing, as in the model. Trends outside [-1, 1] become missing too: they come from old
    snapshots in which a window could be negative, and no relative change corresponds to them.
    """
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        if trend:
            change = np.where(values < 1, (1 + values) / (1 - values) - 1, np.inf)
            return np.where(np.abs(values) <= 1, np.round(change, 2), np.nan) + 0.0
        size = np.abs(values)
        fine = 10.0 ** (1 - np.floor(np.log10(size)))  # two digits
        small = np.where(size > 0, np.round(values * fine) / fine, 0.0)
        large = np.where(size < 100, np.round(values, 1), np.rint(values))
        return np.where(np.isfinite(values), np.where(size < 1, small, large), np.nan) + 0.0  # no -0


def reasons(
    frame: "pd.DataFrame",
    contributions: "pd.DataFrame",
    features: Sequence[Feature],
    typical: dict[str, float],
) -> "NDArray[np.object_]":
    """Returns `reasons_of` a frame."""
    import numpy as np

    columns = {f.name: _array(frame[f.name]) for f in features if f.nameable}
    return reasons_of(
        columns, contributions.to_numpy(np.float64), contributions.columns.tolist(), features, typical
    )


def reasons_of(
    columns: "Mapping[str, NDArray[Any]]",
    contributions: "NDArray[np.float64]",
    names: Sequence[str],
    features: Sequence[Feature],
    typical: Mapping[str, float],
) -> "NDArray[np.object_]":
    """(rows, 3): up to three features with the largest positive contribution, in words, strongest first, then None.

    Only features that may be named (`Feature.nameable`) and that raise the risk are reasons, and no value that is
    printed like the typical one; a customer without such a feature has no reason.

    Args:
        columns: feature -> values, as in `Transformation.matrix`.
        contributions: (rows, names).
        names: the feature of each column of the contributions.
        features: those that may be reasons.
        typical: feature -> median of what was learned from.
    """
    import numpy as np

    features = [f for f in features if f.nameable]
    left = contributions[:, [names.index(f.name) for f in features]].copy()
    for at, feature in enumerate(features):
        if feature.name in typical:
            left[_is_typical(feature, columns[feature.name], typical[feature.name]), at] = -np.inf
    found = np.full((len(left), REASONS), None, dtype=object)
    for place in range(min(REASONS, len(features))):
        strongest = left.argmax(axis=1)
        raises = left[np.arange(len(left)), strongest] > 0
        for at in np.unique(strongest[raises]):
            feature, rows = features[at], np.flatnonzero(raises & (strongest == at))
            found[rows, place] = _reason_texts(
                feature, columns[feature.name][rows], typical.get(feature.name)
            )
            left[rows, at] = -np.inf
    return found


def main_drivers(contributions: "pd.DataFrame", features: Sequence[Feature]) -> "NDArray[np.object_]":
    """Returns `main_drivers_of` a frame."""
    import numpy as np

    return main_drivers_of(contributions.to_numpy(np.float64), contributions.columns.tolist(), features)


def main_drivers_of(
    contributions: "NDArray[np.float64]", names: Sequence[str], features: Sequence[Feature]
) -> "NDArray[np.object_]":
    """Per row, the driver whose features together raise the risk most; "unknown" if there are no features."""
    import numpy as np

    if not features:
        return np.full(len(contributions), UNKNOWN, dtype=object)
    drivers = sorted({f.driver for f in features})
    sums = np.zeros((len(contributions), len(drivers)))
    for feature in features:
        sums[:, drivers.index(feature.driver)] += contributions[:, names.index(feature.name)]
    strongest: NDArray[np.object_] = np.array(drivers, dtype=object)[sums.argmax(axis=1)]
    return strongest


def _array(values: "pd.Series") -> "NDArray[Any]":
    """Returns numbers as float64 with NaN, all else as objects with None."""
    import numpy as np
    import pandas as pd

    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.to_numpy(np.float64, na_value=np.nan)
    found: NDArray[Any] = values.to_numpy(object, copy=True)
    found[pd.isna(found)] = None
    return found
