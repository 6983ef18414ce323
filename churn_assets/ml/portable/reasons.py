"""Reasons of a score: the features that raised it most, in the words of the business."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from churn_assets.contracts.feature import Feature
from churn_assets.contracts.feature_topics import longest_windows
from churn_assets.ml.portable.own_history import usual_values
from churn_assets.ml.portable.wording import (
    COMPARED_WITH_ZERO,
    UNKNOWN,
    in_words,
    notable_change,
    numbers,
    rounded,
    told_of_usual,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

REASONS = 3
CALENDAR = 0.12  # a month may be that much shorter or longer than the one before; of m months, the m-th part of it


class _Told:
    """The snapshots and what their values are compared with."""

    def __init__(self, frame: "pd.DataFrame", features: Sequence[Feature], typical: Mapping[str, float]) -> None:
        given = [f for f in features if f.name in frame.columns]
        self.frame, self.typical = frame, typical
        self.by_name, self._longest = {f.name: f for f in given}, longest_windows(given)

    def spoken_of(self, feature: Feature) -> Feature:
        """Returns the feature whose value is told: another one if the feature speaks of it."""
        return self.by_name.get(feature.speaks_of or "", feature)

    def usual(self, feature: Feature, rows: "NDArray[np.intp]") -> "NDArray[np.float64]":
        """Returns what is usual for each customer; NaN where that is not known."""
        return usual_values(self.frame, feature, self._longest.get(feature.name), rows)

    def words(self, feature: Feature, rows: "NDArray[np.intp]") -> "NDArray[np.object_]":
        """Returns the values of these rows in words."""
        import numpy as np

        told = self.spoken_of(feature)
        values = self.frame[told.name].iloc[rows]
        found = in_words(told, values, self.typical.get(told.name), self.usual(told, rows))
        if told is not feature and feature.missing is not None:
            missing = self.frame[feature.name].iloc[rows].isna().to_numpy()
            found = np.where(missing, feature.missing, found)
        return found

    def is_silent(self, feature: Feature, rows: "NDArray[np.intp]") -> "NDArray[np.bool_]":
        """Returns a mask of the values that are no reason: like the typical one, or on the side that is no risk."""
        import numpy as np
        import pandas as pd

        values = self.frame[feature.name].iloc[rows]
        if feature.kind == "category" or not pd.api.types.is_numeric_dtype(values.dtype):
            if not feature.reason_values:
                return np.zeros(len(rows), dtype=bool)
            named = values.astype(str).isin(feature.reason_values)
            return ~(named | values.isna() & (feature.missing is not None)).to_numpy()
        known = numbers(feature, values.to_numpy(np.float64, na_value=np.nan))
        missing = np.isnan(known)
        side = self._side(feature, known, rows)
        silent = np.isnan(side)
        if feature.reason_when is not None:
            silent |= side != (1.0 if feature.reason_when == "higher" else -1.0)
        return np.where(missing, feature.reason_when is not None and feature.missing is None, silent)

    def _side(
        self, feature: Feature, known: "NDArray[np.float64]", rows: "NDArray[np.intp]"
    ) -> "NDArray[np.float64]":
        """Returns 1 for values above what they are compared with, -1 for those below; NaN for those too close to it.

        Values are compared with what is usual for the customer where that is told, else with the typical value.
        """
        import numpy as np

        told = self.spoken_of(feature)
        own = np.full(len(rows), np.nan)
        if told is not feature or told_of_usual(feature):
            values = known if told is feature else self.frame[told.name].iloc[rows].to_numpy(np.float64, na_value=np.nan)
            own = np.sign(notable_change(values, self.usual(told, rows)))
        if told is not feature:
            return own
        typical = self.typical.get(feature.name)
        reference = 0.0 if feature.aggregate in COMPARED_WITH_ZERO else typical
        side = np.zeros(len(rows)) if reference is None else np.sign(known - reference)
        if typical is not None:
            side[_printed_alike(feature, known, typical)] = np.nan
        if feature.aggregate == "trend" and feature.months is not None:
            side[np.abs(known) < CALENDAR / feature.months] = np.nan
        return np.where(np.isnan(own), side, own)


def _printed_alike(feature: Feature, known: "NDArray[np.float64]", typical: float) -> "NDArray[np.bool_]":
    import numpy as np

    usual = numbers(feature, np.array([typical]))
    alike = (known == usual) | (rounded(known, feature.unit) == rounded(usual, feature.unit))
    same: NDArray[np.bool_] = alike
    return same


def reasons(
    frame: "pd.DataFrame",
    contributions: "pd.DataFrame",
    features: Sequence[Feature],
    typical: dict[str, float],
) -> "NDArray[np.object_]":
    """(rows, 3): up to three features with the largest positive contribution, in words, strongest first, then None.

    Only features that may be named (`Feature.nameable`) and that raise the risk are reasons. No reason are values that
    print like the typical one, values on the side that `reason_when` leaves out, trends that months of different length
    explain, and features about the same as a stronger one. A customer without a reason has none.
    """
    import numpy as np

    told, features = _Told(frame, features, typical), [f for f in features if f.nameable]
    left = contributions[[f.name for f in features]].to_numpy(np.float64, copy=True)
    for at, feature in enumerate(features):
        rows = np.flatnonzero(left[:, at] > 0)
        left[rows[told.is_silent(feature, rows)], at] = -np.inf
    topics = np.array([f.about or f.name for f in features], dtype=object)
    found = np.full((len(left), REASONS), None, dtype=object)
    for place in range(min(REASONS, len(features))):
        strongest = left.argmax(axis=1)
        raises = left[np.arange(len(left)), strongest] > 0
        for at in np.unique(strongest[raises]):
            rows = np.flatnonzero(raises & (strongest == at))
            found[rows, place] = told.words(features[at], rows)
            left[np.ix_(rows, np.flatnonzero(topics == topics[at]))] = -np.inf
    return found


def main_drivers(contributions: "pd.DataFrame", features: Sequence[Feature]) -> "NDArray[np.object_]":
    """Per row, the driver whose features together raise the risk most; "unknown" if there are no features."""
    import numpy as np

    if not features:
        return np.full(len(contributions), UNKNOWN, dtype=object)
    drivers = sorted({f.driver for f in features})
    sums = np.zeros((len(contributions), len(drivers)))
    for feature in features:
        sums[:, drivers.index(feature.driver)] += contributions[feature.name].to_numpy(np.float64)
    strongest: NDArray[np.object_] = np.array(drivers, dtype=object)[sums.argmax(axis=1)]
    return strongest
