"""Values as they are told to people, and which of them are no reason: all features of a block of rows at once.

A request has a single row and some seventy features: with a call of numpy per feature the calls would cost more than
their numbers.
"""

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.expressions import names_read
from churn_assets.contracts.feature import Feature
from churn_assets.contracts.feature_topics import longest_windows
from churn_assets.contracts.units import PERCENT
from churn_assets.ml.portable.own_history import OwnHistory, notable_change
from churn_assets.ml.portable.sentences import Rounding, reference_of, told_of_usual

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Mask = NDArray[np.bool_]

NOTABLE_SHARE = 0.01  # a percentage point
CALENDAR = (
    0.12  # a month may be that much shorter or longer than the one before; of m months, the m-th part of it
)


@dataclass(frozen=True)
class Told:
    """The numeric features of some rows. The last row of each array is NaN: what is no such feature has this one.

    Attributes:
        known: (features + 1, rows) values as they are told, see `as_told`; NaN where missing.
        usual: (windows + 1, rows) what is usual for each customer; NaN where that is not known.
        change: (windows + 1, rows) value / usual - 1; NaN where it is not notable.
    """

    known: "Numbers"
    usual: "Numbers"
    change: "Numbers"


class NumericFeatures:
    """Tells the values of some numeric features.

    Attributes:
        place: name of a feature -> its row in `Told.known`.
        nameable_at, nameable_from: positions of the numeric ones among the nameable features, and their rows.
        told_from, usual_from: for each nameable feature, the row of what it tells in `Told.known`, and in `Told.usual`
            and `Told.change`; -1 if what it tells is not numeric, or not compared with what is usual.
    """

    def __init__(
        self, names: Sequence[str], features: Sequence[Feature], typical: Mapping[str, float]
    ) -> None:
        """Prepares what depends on the features alone.

        Args:
            names: the numeric ones of the features.
            features: those that may be reasons, and those they speak of.
            typical: feature -> median of what was learned from.
        """
        import numpy as np

        by_name = {f.name: f for f in features}
        own = [by_name[name] for name in names]
        spoken = [by_name.get(f.speaks_of or "", f) for f in own]
        self.place = {name: at for at, name in enumerate(names)}
        windows = [f for f in own if told_of_usual(f)]
        window = {f.name: at for at, f in enumerate(windows)}
        nameable = [f for f in features if f.nameable]
        numeric = [f for f in nameable if f.name in self.place]
        self.nameable_at = np.array([nameable.index(f) for f in numeric], dtype=np.intp)
        self.nameable_from = np.array([self.place[f.name] for f in numeric], dtype=np.intp)
        told = [f.speaks_of if f.speaks_of in by_name else f.name for f in nameable]
        self.told_from = np.array([self.place.get(name, -1) for name in told], dtype=np.intp)
        self.usual_from = np.array([window.get(name, -1) for name in told], dtype=np.intp)
        self._windows = np.array([self.place[f.name] for f in windows], dtype=np.intp)
        self._history = OwnHistory(windows, longest_windows(features))
        self._trends = np.flatnonzero([f.aggregate == "trend" for f in own])
        self._compared = np.flatnonzero([f.name in window for f in spoken])
        self._compared_with = np.array([window[f.name] for f in spoken if f.name in window], dtype=np.intp)
        references = [reference_of(f, typical.get(f.name)) for f in own]
        self._has_reference = _column([reference is not None for reference in references])
        self._reference = _column([reference or 0.0 for reference in references])
        alike = [_alike(f, told, typical) for f, told in zip(own, spoken, strict=True)]
        self._low, self._high = _column([low for low, _ in alike]), _column([high for _, high in alike])
        self._share = _column([typical.get(f.name, np.nan) if f.unit == PERCENT else np.nan for f in own])
        months = [f.months if f.aggregate == "trend" else None for f in own]
        self._calendar = _column([CALENDAR / m if m is not None else 0.0 for m in months])
        self._side = _column([{"higher": 1.0, "lower": -1.0, None: 0.0}[f.reason_when] for f in own])
        told_anyway = [f.reason_when is None and f.speaks_of is None for f in own]
        self._silent_if_missing = _column(
            [not told and f.missing is None for f, told in zip(own, told_anyway, strict=True)]
        )
        self._reads = [
            (at, names_read(f.sql))
            for at, f in enumerate(own)
            if f.sql is not None and f.missing is not None and not told_anyway[at]
        ]

    def told(self, columns: "Mapping[str, NDArray[Any]]", rows: int) -> Told:
        """The values of some rows.

        Args:
            columns: feature -> values, numbers with NaN.
            rows: their number.
        """
        import numpy as np

        unknown = np.full((1, rows), np.nan)
        given = np.concatenate([*(columns[name][None] for name in self.place), unknown], dtype=np.float64)
        known = as_told(given, self._trends)
        inside = known[self._windows]
        usual = self._history.usual(inside, columns)
        change = notable_change(inside, usual)
        return Told(known, np.concatenate([usual, unknown]), np.concatenate([change, unknown]))

    def silent(self, told: Told, columns: "Mapping[str, NDArray[Any]]") -> "Mask":
        """(features, rows): values that are no reason.

        They are those that are too close to what they are compared with, and those on the side that `reason_when`
        leaves out. Values are compared with what is usual for the customer where that is told, else with the typical
        value.
        """
        import numpy as np

        known = told.known[:-1]
        side = np.where(self._has_reference, np.sign(known - self._reference), 0.0)
        close = (known >= self._low) & (known <= self._high)
        close |= (np.abs(known - self._share) < NOTABLE_SHARE) | (np.abs(known) < self._calendar)
        side[close] = np.nan
        own = np.sign(told.change[self._compared_with])
        side[self._compared] = np.where(np.isnan(own), side[self._compared], own)
        silent: Mask = np.isnan(side) | ((self._side != 0) & (side != self._side))
        missing = np.isnan(known)
        if missing.any():
            silent = np.where(missing, self._silent_if_missing, silent)
            for at, read in self._reads:
                if missing[at].any():
                    silent[at] |= missing[at] & ~are_known(read, columns, known.shape[1])
        return silent


def as_told(given: "Numbers", trends: "NDArray[np.intp]") -> "Numbers":
    """Returns values as they are told; infinite ones become missing, as in the model.

    A trend (new - old) / (new + old) becomes the change new / old - 1, which is -1 only where nothing is left. Trends
    outside [-1, 1] become missing: they come from old snapshots in which a window could be negative, and no relative
    change corresponds to them.

    Args:
        given: (features, rows).
        trends: the rows of `given` that are trends.
    """
    import numpy as np

    known = np.where(np.isfinite(given), given, np.nan)
    if len(trends):
        values = given[trends]
        with np.errstate(divide="ignore", invalid="ignore"):
            change = np.where(values < 1, (1 + values) / (1 - values) - 1, np.inf)
            change = np.where(values > -1, np.maximum(np.round(change, 2), -0.99), change)
        known[trends] = np.where(np.abs(values) <= 1, change, np.nan) + 0.0  # no -0
    return known


def are_known(names: Sequence[str], columns: "Mapping[str, NDArray[Any]]", rows: int) -> "Mask":
    """Returns a mask of the rows in which all these features have a value."""
    import numpy as np

    found = np.full(rows, True)
    for name in names:
        values = columns[name] if name in columns else np.full(rows, None)
        found &= np.not_equal(values, None) if values.dtype.kind == "O" else np.isfinite(values)  # type: ignore[call-overload]
    return found


def _column(values: "Sequence[float] | Sequence[bool]") -> "NDArray[Any]":
    """Returns one value per feature, to be compared with (features, rows)."""
    import numpy as np

    return np.array(values).reshape(-1, 1)


def _alike(feature: Feature, told: Feature, typical: Mapping[str, float]) -> tuple[float, float]:
    """Returns the lowest and the highest value that are no reason, because they print like the typical one.

    A feature that speaks of another one has no reason of its own, so all of its values are.
    """
    if told is not feature:
        return -math.inf, math.inf
    if feature.name not in typical:
        return math.inf, -math.inf
    return printed_alike(feature.unit, feature.aggregate == "trend", typical[feature.name])


@lru_cache(maxsize=4096)
def printed_alike(unit: str | None, is_trend: bool, typical: float) -> tuple[float, float]:
    """Returns the lowest and the highest number that print like a typical value; (inf, -inf) if none does."""
    import numpy as np

    trends = np.arange(1 if is_trend else 0)
    told = float(as_told(np.array([[typical]]), trends)[0, 0])
    if not math.isfinite(told):
        return math.inf, -math.inf
    rounded, far = Rounding(unit).rounded, 1.0 + abs(told)
    printed = rounded(told)
    return (
        -_greatest(-told, far - told, lambda negative: rounded(-negative) == printed),
        _greatest(told, told + far, lambda number: rounded(number) == printed),
    )


def _greatest(inside: float, outside: float, is_alike: Callable[[float], bool]) -> float:
    """Returns the greatest number that is alike, by bisection: rounding keeps the order of numbers."""
    low, high = _ordered(inside), _ordered(outside)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_alike(_number(middle)) else (low, middle)
    return _number(low)


def _ordered(number: float) -> int:
    """Returns the place of a number among all floating-point numbers, 0 at zero."""
    bits = int.from_bytes(struct.pack(">d", number), signed=True)
    return bits if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF)


def _number(place: int) -> float:
    """Inverse of `_ordered`."""
    found: float
    (found,) = struct.unpack(">d", abs(place).to_bytes(8))
    return found if place >= 0 else -found
