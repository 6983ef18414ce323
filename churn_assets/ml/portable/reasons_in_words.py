"""Reasons of a score: the features that raised it most, in the words of the business."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.expressions import names_read
from churn_assets.contracts.feature import Feature
from churn_assets.contracts.feature_topics import longest_windows
from churn_assets.contracts.units import PERCENT
from churn_assets.ml.portable.own_history import usual_values
from churn_assets.ml.portable.sentences import (
    COMPARED_WITH_ZERO,
    UNKNOWN,
    notable_change,
    numbers,
    rounded,
    sentences,
    speaks_in_words,
    told_of_usual,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

REASONS = 3
NOTABLE_MOVE = 0.01  # of the log-odds
NOTABLE_SHARE = 0.01  # a percentage point
CALENDAR = (
    0.12  # a month may be that much shorter or longer than the one before; of m months, the m-th part of it
)


@dataclass(frozen=True)
class Explanation:
    """Values of features, and (rows, features) what each contributes to the score."""

    columns: "Mapping[str, NDArray[Any]]"
    contributions: "NDArray[np.float64]"


class Wording:
    """Puts contributions of the features of one model into words.

    What depends on the model alone is prepared once, because a request has a single row.
    """

    def __init__(
        self, names: Sequence[str], features: Sequence[Feature], typical: Mapping[str, float]
    ) -> None:
        """Prepares the wording.

        Args:
            names: the feature of each column of the contributions.
            features: those that may be reasons, and those they speak of.
            typical: feature -> median of what was learned from.
        """
        import numpy as np

        self._typical = typical
        self._by_name, self._longest = {f.name: f for f in features}, longest_windows(features)
        self._read = {f.name: names_read(f.sql or "") for f in features}
        self._nameable = [f for f in features if f.nameable]
        self._positions = np.array([names.index(f.name) for f in self._nameable], dtype=np.intp)
        topics = np.array([f.about or f.name for f in self._nameable], dtype=object)
        self._same_topic = [np.flatnonzero(topics == topic) for topic in topics]
        self._drivers = sorted({f.driver for f in features})
        self._of_driver = [[names.index(f.name) for f in features if f.driver == d] for d in self._drivers]

    def reasons(
        self, columns: "Mapping[str, NDArray[Any]]", contributions: "NDArray[np.float64]"
    ) -> "NDArray[np.object_]":
        """(rows, 3): up to three features with the largest positive contribution, in words, strongest first, then None.

        Only features that may be named (`Feature.nameable`) and that raise the risk are reasons. No reason is a value
        that prints like the typical one, a share within a percentage point of it, a value on the side that
        `reason_when` leaves out, a trend that the length of months explains, or a feature about the same as a stronger
        reason. A customer may have no reason.

        Args:
            columns: feature -> values, as in `Transformation.matrix`; what is usual for a customer is computed from
                them.
            contributions: (rows, names).
        """
        import numpy as np

        left = contributions.T[self._positions]  # a copy; a feature's row is in one piece
        found = np.full((left.shape[1], REASONS), None, dtype=object)
        chosen: dict[int, list[tuple[NDArray[np.intp], int]]] = defaultdict(list)
        asked: set[int] = set()
        for place in range(min(REASONS, len(self._nameable))):
            strongest, raises = self._strongest_that_speak(left, asked, columns)
            for at, rows in _grouped(strongest, np.flatnonzero(raises)):
                chosen[at].append((rows, place))
                for same in self._same_topic[at]:
                    left[same, rows] = -np.inf
        for at, parts in chosen.items():  # all rows of a feature are put into words at once
            rows = np.concatenate([rows for rows, _ in parts])
            places = np.repeat([place for _, place in parts], [len(rows) for rows, _ in parts])
            found[rows, places] = self._sentences(self._nameable[at], rows, columns)
        return found

    def _strongest_that_speak(
        self, left: "NDArray[np.float64]", asked: set[int], columns: "Mapping[str, NDArray[Any]]"
    ) -> "tuple[NDArray[np.intp], NDArray[np.bool_]]":
        """Returns the strongest feature of each row that is a reason, and whether there is one.

        Sets the silent ones in `left` to -inf. A feature is asked once, for all rows, when it is the strongest of some
        row: of one row most never are.
        """
        import numpy as np

        every = np.arange(left.shape[1])
        strongest: NDArray[np.intp] = left.argmax(axis=0)
        while True:
            raises = left[strongest, every] > 0
            new = set(strongest[raises].tolist()) - asked
            if not new:
                return strongest, raises
            for at in new:
                rows = np.flatnonzero(left[at] > 0)
                left[at, rows[self._is_silent(self._nameable[at], rows, columns)]] = -np.inf
            asked |= new
            silenced = np.flatnonzero(np.isneginf(left[strongest, every]))
            strongest[silenced] = left[:, silenced].argmax(axis=0)

    def drivers(self, contributions: "NDArray[np.float64]") -> "NDArray[np.object_]":
        """Per row, the driver whose features together raise the risk most; "unknown" if there are no features."""
        import numpy as np

        if not self._drivers:
            return np.full(len(contributions), UNKNOWN, dtype=object)
        # cumsum adds in order; sum would add pairwise, and a row's result could depend on the rows beside it
        sums = np.array([contributions[:, at].cumsum(axis=1)[:, -1] for at in self._of_driver])
        strongest: NDArray[np.object_] = np.array(self._drivers, dtype=object)[sums.argmax(axis=0)]
        return strongest

    def moves(self, now: Explanation, then: Explanation) -> "NDArray[np.object_]":
        """(rows,): in words, the reason whose contribution to the score has changed most since `then`; None without.

        It is a reason on the day on which it contributes more, by the rules of `reasons`. A feature of which both days
        say the same is passed over, and so is a change of less than NOTABLE_MOVE.
        """
        import numpy as np

        moved = (now.contributions - then.contributions)[:, self._positions]
        found = np.full(len(moved), None, dtype=object)
        rows = np.arange(len(moved)) if self._nameable else np.arange(0)
        while len(rows):
            size = np.abs(moved[rows])
            strongest = size.argmax(axis=1)
            large = size[np.arange(len(rows)), strongest] >= NOTABLE_MOVE
            rows, strongest = rows[large], strongest[large]
            for at in set(strongest.tolist()):
                of = rows[strongest == at]
                found[of] = self._moved(at, of, moved[of, at] > 0, now, then)
                moved[of, at] = 0.0
            rows = rows[[text is None for text in found[rows]]]
        return found

    def _moved(
        self,
        at: int,
        rows: "NDArray[np.intp]",
        rose: "NDArray[np.bool_]",
        now: Explanation,
        then: Explanation,
    ) -> "NDArray[np.object_]":
        """Returns the change of one feature in words; None where it is no reason, or both days say the same."""
        import numpy as np

        feature = self._nameable[at]

        def is_reason(day: Explanation) -> "NDArray[np.bool_]":
            raises: NDArray[np.bool_] = day.contributions[rows, self._positions[at]] > 0
            return np.logical_and(raises, ~self._is_silent(feature, rows, day.columns))

        present, past = is_reason(now), is_reason(then)
        told = self._sentences(feature, rows, now.columns)
        before = self._sentences(feature, rows, then.columns)
        found = np.full(len(rows), None, dtype=object)
        differs = np.array([one != other for one, other in zip(told, before, strict=True)], dtype=bool)
        came, less, gone = (
            differs & mask for mask in (rose & present, ~rose & present & past, ~rose & ~present & past)
        )
        found[came] = told[came]
        found[less] = [f"weighs less now: {text}" for text in told[less]]
        found[gone] = [f"no longer: {text}" for text in before[gone]]
        return found

    def _sentences(
        self, feature: Feature, rows: "NDArray[np.intp]", columns: "Mapping[str, NDArray[Any]]"
    ) -> "NDArray[np.object_]":
        """Returns the values of these rows in words."""
        import numpy as np

        told, own = self._spoken_of(feature), columns[feature.name][rows]
        usual = self._usual(told, rows, columns)
        found = sentences(told, columns[told.name][rows], self._typical.get(told.name), usual)
        if feature.sql is not None and (without := np.isnan(own)).any():
            if told is not feature and feature.missing is not None:
                found[without] = feature.missing
            found[without & ~self._is_read_from_known(feature, rows, columns)] = f"{feature.words}: {UNKNOWN}"
        return found

    def _is_silent(
        self, feature: Feature, rows: "NDArray[np.intp]", columns: "Mapping[str, NDArray[Any]]"
    ) -> "NDArray[np.bool_]":
        """Returns a mask of the values that are no reason: like the typical one, or on the side that is no risk."""
        import numpy as np

        values = columns[feature.name][rows]
        if speaks_in_words(feature, values):
            named = [
                not feature.reason_values
                or (feature.missing is not None if value is None else str(value) in feature.reason_values)
                for value in values.tolist()
            ]
            return ~np.array(named, dtype=bool)
        known = numbers(feature, values)
        side = self._side(feature, known, rows, columns)
        silent = np.isnan(side)
        if feature.reason_when is not None:
            silent |= side != (1.0 if feature.reason_when == "higher" else -1.0)
        if feature.reason_when is None and feature.speaks_of is None:
            return np.where(np.isnan(known), False, silent)
        told = self._is_read_from_known(feature, rows, columns) & (feature.missing is not None)
        return np.where(np.isnan(known), ~told, silent)

    def _is_read_from_known(
        self, feature: Feature, rows: "NDArray[np.intp]", columns: "Mapping[str, NDArray[Any]]"
    ) -> "NDArray[np.bool_]":
        """Returns a mask of the rows where an expression reads only known values: else its result is unknown, too."""
        import numpy as np

        found = np.full(len(rows), True)
        for name in self._read[feature.name]:
            values = columns[name][rows] if name in columns else np.full(len(rows), None)
            found &= np.not_equal(values, None) if values.dtype.kind == "O" else np.isfinite(values)  # type: ignore[call-overload]
        return found

    def _spoken_of(self, feature: Feature) -> Feature:
        """Returns the feature whose value is told: another one if the feature speaks of it."""
        return self._by_name.get(feature.speaks_of or "", feature)

    def _usual(
        self, feature: Feature, rows: "NDArray[np.intp]", columns: "Mapping[str, NDArray[Any]]"
    ) -> "NDArray[np.float64]":
        return usual_values(columns, feature, self._longest.get(feature.name), rows)

    def _side(
        self,
        feature: Feature,
        known: "NDArray[np.float64]",
        rows: "NDArray[np.intp]",
        columns: "Mapping[str, NDArray[Any]]",
    ) -> "NDArray[np.float64]":
        """Returns 1 for values above what they are compared with, -1 for those below; NaN for those too close to it.

        Values are compared with what is usual for the customer where that is told, else with the typical value.
        """
        import numpy as np

        told, own = self._spoken_of(feature), None
        if told_of_usual(told):
            values = known if told is feature else numbers(told, columns[told.name][rows])
            own = np.sign(notable_change(values, self._usual(told, rows, columns)))
        if told is not feature:
            return np.full(len(rows), np.nan) if own is None else own
        typical = self._typical.get(feature.name)
        reference = 0.0 if feature.aggregate in COMPARED_WITH_ZERO else typical
        side = np.zeros(len(rows)) if reference is None else np.sign(known - reference)
        if typical is not None:
            side[_printed_alike(feature, known, typical)] = np.nan
            if feature.unit == PERCENT:
                side[np.abs(known - typical) < NOTABLE_SHARE] = np.nan
        if feature.aggregate == "trend" and feature.months is not None:
            side[np.abs(known) < CALENDAR / feature.months] = np.nan
        return side if own is None else np.where(np.isnan(own), side, own)


def _printed_alike(feature: Feature, known: "NDArray[np.float64]", typical: float) -> "NDArray[np.bool_]":
    import numpy as np

    usual, printed = _as_printed(feature, typical)
    alike: NDArray[np.bool_] = np.abs(known - usual) <= 0.5 + np.abs(usual) / 2  # rounding costs more
    near = np.flatnonzero(alike)
    if len(near):
        alike[near] = rounded(known[near], feature.unit) == printed
    return alike


@lru_cache(maxsize=4096)
def _as_printed(feature: Feature, typical: float) -> tuple[float, float]:
    """Returns a typical value as it is told, and rounded as it is printed."""
    import numpy as np

    told = numbers(feature, np.array([typical]))
    return float(told[0]), float(rounded(told, feature.unit)[0])


def reasons(
    frame: "pd.DataFrame",
    contributions: "pd.DataFrame",
    features: Sequence[Feature],
    typical: Mapping[str, float],
) -> "NDArray[np.object_]":
    """Returns `Wording.reasons` of a frame."""
    import numpy as np

    columns = {f.name: _array(frame[f.name]) for f in features}
    wording = Wording(contributions.columns.tolist(), features, typical)
    return wording.reasons(columns, contributions.to_numpy(np.float64))


def _grouped(
    values: "NDArray[np.intp]", rows: "NDArray[np.intp]"
) -> "Iterator[tuple[int, NDArray[np.intp]]]":
    """Yields each value that these rows have, with its rows."""
    import numpy as np

    of_rows = values[rows]
    order = np.argsort(of_rows, kind="stable")
    distinct, first = np.unique(of_rows[order], return_index=True)
    return zip(distinct.tolist(), np.split(rows[order], first[1:]), strict=True) if len(rows) else iter(())


def moved_reasons(
    now: "tuple[pd.DataFrame, pd.DataFrame]",
    then: "tuple[pd.DataFrame, pd.DataFrame]",
    features: Sequence[Feature],
    typical: Mapping[str, float],
) -> "NDArray[np.object_]":
    """Returns `Wording.moves` between two days, each a pair of snapshots and contributions with the same rows."""
    import numpy as np

    def explained(frame: "pd.DataFrame", contributions: "pd.DataFrame") -> Explanation:
        columns = {f.name: _array(frame[f.name]) for f in features}
        return Explanation(columns, contributions.to_numpy(np.float64))

    return Wording(now[1].columns.tolist(), features, typical).moves(explained(*now), explained(*then))


def main_drivers(contributions: "pd.DataFrame", features: Sequence[Feature]) -> "NDArray[np.object_]":
    """Returns `Wording.drivers` of a frame."""
    import numpy as np

    return Wording(contributions.columns.tolist(), features, {}).drivers(contributions.to_numpy(np.float64))


def _array(values: "pd.Series") -> "NDArray[Any]":
    """Returns numbers as float64 with NaN, all else as objects with None."""
    import numpy as np
    import pandas as pd

    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.to_numpy(np.float64, na_value=np.nan)
    found: NDArray[Any] = values.to_numpy(object, copy=True)
    found[pd.isna(found)] = None
    return found
