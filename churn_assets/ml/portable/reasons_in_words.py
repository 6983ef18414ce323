"""Reasons of a score: the features that raised it most, in the words of the business."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.feature import Feature
from churn_assets.ml.portable.feature_speech import FeatureSpeech, Spoken
from churn_assets.ml.portable.sentences import UNKNOWN

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

REASONS = 3
NOTABLE_MOVE = 0.01  # of the log-odds
ROWS_AT_ONCE = 1024  # so many rows of all features stay in the processor's cache


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

        self._speech = FeatureSpeech(features, typical)
        nameable = self._speech.nameable
        self._positions = np.array([names.index(f.name) for f in nameable], dtype=np.intp)
        topics = np.array([f.about or f.name for f in nameable], dtype=object)
        self._same_topic = np.array([topics == topic for topic in topics], dtype=bool)
        self._drivers = sorted({f.driver for f in features})
        of_driver = [[names.index(f.name) for f in features if f.driver == d] for d in self._drivers]
        self._of_driver = np.array([at for of_one in of_driver for at in of_one], dtype=np.intp)
        self._driver_of = np.repeat(np.arange(len(of_driver)), [len(of_one) for of_one in of_driver])

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

        found = np.full((len(contributions), REASONS), None, dtype=object)
        if self._speech.nameable:
            for rows, day in self._days(Explanation(columns, contributions)):
                self._write(found[rows], day)
        return found

    def _write(self, found: "NDArray[np.object_]", day: "Day") -> None:
        """Writes the reasons of some rows into (rows, 3)."""
        import numpy as np

        left, every = np.where(day.silent, -np.inf, day.contributions), np.arange(len(found))
        chosen = []
        for _ in range(REASONS):
            strongest = left.argmax(axis=0)
            rows = np.flatnonzero(left[strongest, every] > 0)
            chosen.append((strongest[rows], rows))
            left[self._same_topic[strongest].T] = -np.inf
        places = np.repeat(np.arange(REASONS), [len(rows) for _, rows in chosen])
        at, rows = (np.concatenate(parts) for parts in zip(*chosen, strict=True))
        found[rows, places] = day.spoken.sentences(at, rows)

    def drivers(self, contributions: "NDArray[np.float64]") -> "NDArray[np.object_]":
        """Per row, the driver whose features together raise the risk most; "unknown" if there are no features."""
        import numpy as np

        rows, drivers = len(contributions), len(self._drivers)
        if not drivers:
            return np.full(rows, UNKNOWN, dtype=object)
        # bincount adds in order; sum would add pairwise, and a row's result could depend on the rows beside it
        at = np.arange(rows)[:, None] * drivers + self._driver_of
        sums = np.bincount(at.ravel(), contributions[:, self._of_driver].ravel(), rows * drivers)
        strongest: NDArray[np.object_] = np.array(self._drivers, dtype=object)[
            sums.reshape(rows, drivers).argmax(axis=1)
        ]
        return strongest

    def moves(self, now: Explanation, then: Explanation) -> "NDArray[np.object_]":
        """(rows,): in words, the reason whose contribution to the score has changed most since `then`; None without.

        It is a reason on the day on which it contributes more, by the rules of `reasons`. A feature of which both days
        say the same is passed over, and so is a change of less than NOTABLE_MOVE.
        """
        import numpy as np

        found = np.full(len(now.contributions), None, dtype=object)
        if self._speech.nameable:
            for (rows, present), (_, past) in zip(self._days(now), self._days(then), strict=True):
                moved = present.contributions - past.contributions
                largest = np.argsort(-np.abs(moved), axis=0, kind="stable")
                changes = np.take_along_axis(moved, largest, axis=0).T.tolist()
                found[rows] = [
                    _moved(row, zip(order, changes[row], strict=True), present, past)
                    for row, order in enumerate(largest.T.tolist())
                ]
        return found

    def _days(self, explained: Explanation) -> "Iterator[tuple[slice, Day]]":
        """Yields blocks of rows."""

        columns, contributions = explained.columns, explained.contributions
        for start in range(0, len(contributions), ROWS_AT_ONCE):
            rows = slice(start, min(start + ROWS_AT_ONCE, len(contributions)))
            if len(contributions) > ROWS_AT_ONCE:
                columns = {name: values[rows] for name, values in explained.columns.items()}
            spoken = self._speech.of(columns, rows.stop - start)
            # a copy; a feature's row is in one piece
            yield rows, Day(spoken, spoken.silent(), contributions[rows].T[self._positions])


@dataclass(frozen=True)
class Day:
    """Some rows as of one day.

    Attributes:
        spoken: their values.
        silent: (nameable features, rows), values that are no reason.
        contributions: (nameable features, rows).
    """

    spoken: Spoken
    silent: "NDArray[np.bool_]"
    contributions: "NDArray[np.float64]"

    def is_reason(self, at: int, row: int) -> bool:
        """Returns whether a feature is a reason of a row."""
        return bool(self.contributions[at, row] > 0 and not self.silent[at, row])


def _moved(row: int, largest: Iterable[tuple[int, float]], present: Day, past: Day) -> str | None:
    """Returns the first of some changes that can be told, each a feature and the change of its contribution."""
    for at, change in largest:
        if abs(change) < NOTABLE_MOVE:
            return None
        is_reason, was_reason = present.is_reason(at, row), past.is_reason(at, row)
        if not (is_reason if change > 0 else was_reason):
            continue
        told, before = (day.spoken.sentence(at, row) for day in (present, past))
        if told != before:
            if change > 0:
                return told
            return f"weighs less now: {told}" if is_reason else f"no longer: {before}"
    return None


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
