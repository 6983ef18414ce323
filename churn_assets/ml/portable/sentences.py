"""Values of a feature in words, for all customers at once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.feature import Feature
from churn_assets.contracts.phrases import USUAL, filled, forms_of, parts_of
from churn_assets.contracts.units import (
    LADDERS,
    PERCENT,
    Step,
    decimals_of,
    printed,
    steps_of,
    with_unit,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Words = NDArray[np.object_]

UNKNOWN = "unknown"
YES_AND_NO = {"true": "yes", "false": "no"}
PLAIN = {"text": "{words}: {value} (typical {typical})"}  # of a feature without texts
PLAIN_TREND = {"text": "{words}: {value}"}
ADDED_UP = frozenset({"sum", "count", "count_ever"})  # 0 of them is none
PLAIN_STEP = (Step(0, 1, ""),)
NOTABLE = 0.15  # share by which a value must differ from what is usual for the customer to be told so
COMPARED_WITH_ZERO = frozenset({"trend", "change"})


@dataclass(frozen=True)
class Told:
    """The values of a feature for some customers, and what they are compared with.

    Attributes:
        values: as from `numbers`.
        typical: the median of what the model has learned from; None if there is none.
        usual: what is usual for each customer; NaN where that is not known.
    """

    feature: Feature
    values: "Numbers"
    typical: float | None
    usual: "Numbers"

    @property
    def reference(self) -> float | None:
        """What values are higher or lower than."""
        return 0.0 if self.feature.aggregate in COMPARED_WITH_ZERO else self.typical


def told_of_usual(feature: Feature) -> bool:
    """Returns whether the feature has texts that compare values with what is usual for the customer."""
    return any(key in USUAL for key, _ in feature.says)


def notable_change(values: "Numbers", usual: "Numbers") -> "Numbers":
    """Returns value / usual - 1 where it is notable; NaN elsewhere, and where nothing usual is known."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.where((usual > 0) & (values >= 0), values / usual - 1, np.nan)
        return np.where(np.abs(change) >= NOTABLE, change, np.nan)


def speaks_in_words(feature: Feature, values: "NDArray[Any]") -> bool:
    """Returns whether the values are words and not numbers."""
    return feature.kind == "category" or values.dtype.kind not in "biuf"


def numbers(feature: Feature, values: "NDArray[Any]") -> "Numbers":
    """Returns values as they are told; infinite ones become missing, as in the model.

    A trend (new - old) / (new + old) becomes the change new / old - 1, which is -1 only where nothing is left. Trends
    outside [-1, 1] become missing: they come from old snapshots in which a window could be negative, and no relative
    change corresponds to them.
    """
    import numpy as np

    values = values.astype(np.float64)
    if feature.aggregate != "trend":
        return np.where(np.isfinite(values), values, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.where(values < 1, (1 + values) / (1 - values) - 1, np.inf)
        change = np.where(values > -1, np.maximum(np.round(change, 2), -0.99), change)
        return np.where(np.abs(values) <= 1, change, np.nan) + 0.0  # no -0


def rounded(values: "Numbers", unit: str | None, form: str = "unit") -> "Numbers":
    """Returns numbers rounded as `number` prints them, in the given unit."""
    import numpy as np

    steps, of = _scale(unit, form)
    if len(steps) == 1:
        return _in_steps_of(steps[0], of, values)
    at = np.searchsorted([step.start for step in steps[1:]], np.abs(values), side="right")
    used = set(at.tolist())
    if len(used) == 1:
        return _in_steps_of(steps[used.pop()], of, values)
    result = np.empty_like(values)
    for index in used:
        rows = at == index
        result[rows] = _in_steps_of(steps[index], of, values[rows])
    return result


def _in_steps_of(step: Step, unit: str | None, values: "Numbers") -> "Numbers":
    return _rounded(values / step.size, decimals_of(unit, step)) * step.size


def _scale(unit: str | None, form: str) -> tuple[tuple[Step, ...], str | None]:
    """Returns the units that a format writes a number in, and the unit that tells the decimals."""
    if form == "unit":
        return steps_of(unit), unit
    if form == "%":
        return LADDERS[PERCENT], PERCENT
    return PLAIN_STEP, None if unit in LADDERS else unit


def _rounded(values: "Numbers", decimals: dict[float, int]) -> "Numbers":
    import numpy as np

    (lowest, digits), *higher = sorted(decimals.items())
    with np.errstate(invalid="ignore", over="ignore"):
        size = np.abs(values)
        result = values.round(digits)
        for bound, digits in higher:
            result = np.where(size >= bound, values.round(digits), result)
        if (small := size < lowest).any():
            fine = 10.0 ** (1 - np.floor(np.log10(np.where(size[small] > 0, size[small], 1.0))))  # two digits
            result[small] = np.round(values[small] * fine) / fine
        return result + 0.0  # no -0


def sentences(feature: Feature, values: "NDArray[Any]", typical: float | None, usual: "Numbers") -> "Words":
    """Returns a reason per value.

    Args:
        values: numbers, NaN where missing, or objects, None where missing.
        typical: the median of what the model has learned from; None if there is none.
        usual: what is usual for each customer; NaN where that is not known.
    """
    import numpy as np

    missing = missing_text(feature)
    if speaks_in_words(feature, values):
        return _distinct(values, lambda value: missing if value is None else _of_category(feature, value))
    told = Told(feature, numbers(feature, values), typical, usual)
    texts = dict(feature.says) or (PLAIN_TREND if feature.aggregate == "trend" else PLAIN)
    found = np.full(len(values), missing, dtype=object)
    keys = _keys(told, texts)
    for key in dict.fromkeys(keys):
        if key is not None:
            rows = np.flatnonzero(keys == key)
            found[rows] = _fill(texts[key], told, rows)
    return found


def missing_text(feature: Feature) -> str:
    """Returns the reason where a feature has no value."""
    return feature.missing or f"{feature.words}: {UNKNOWN}"


def _of_category(feature: Feature, value: object) -> str:
    texts, said = dict(feature.says), YES_AND_NO.get(str(value), str(value))
    text = texts.get(f"if_{value}") or texts.get("text") or "{words}: {value}"
    parts = parts_of(text)
    known = {"words": feature.words, "value": said}
    return "".join(part + known.get(place or "", "") for part, place, _ in parts)


def _keys(told: Told, texts: dict[str, str]) -> "Words":
    """Returns the key of each value's text; None where there is no value. The first that fits is used."""
    import numpy as np

    values, reference, keys = told.values, told.reference, np.full(len(told.values), "text", dtype=object)
    # only what a text asks for is computed: most features have two texts
    if "higher" in texts and reference is not None:
        keys[(values > reference) & np.isfinite(values)] = "higher"  # a trend may be up from nothing
    if "lower" in texts and reference is not None:
        keys[values < reference] = "lower"
    if told_of_usual(told.feature):
        change = notable_change(values, told.usual)
        for key, rows in (("more_than_usual", change > 0), ("less_than_usual", change < 0)):
            if key in texts:
                keys[rows] = key
    if "negative" in texts:
        keys[values < 0] = "negative"
    if "zero" in texts:
        nothing = -1 if told.feature.aggregate == "trend" else 0
        near = np.flatnonzero(np.abs(values) <= 1)  # others print as another number; rounding costs more
        keys[near[rounded(values[near], told.feature.unit) == nothing]] = "zero"
    if "all" in texts:
        keys[values == 1] = "all"
    keys[np.isnan(values)] = None
    return keys


def _fill(text: str, told: Told, rows: "NDArray[np.intp]") -> "Words | str":
    """Fills in a text for some values: one text if all have the same.

    Without a typical value the brackets that name it are left out.
    """
    text = without_typical(text) if told.typical is None else text
    whole: Any = ""  # a text until the first value is added to it
    for part, place, form in parts_of(filled(text, words=told.feature.words)):
        whole = whole + part if place is None else whole + part + _place(place, form, told, rows)
    filled_in: Words | str = whole
    return filled_in


def without_typical(text: str) -> str:
    """Returns the text without the brackets that name the typical value; elsewhere it is `unknown`."""
    import re

    text = re.sub(r" *\([^()]*\{typical[^}]*\}[^()]*\)", "", text)
    return re.sub(r"\{typical[^}]*\}", UNKNOWN, text)


def _place(place: str, form: str, told: Told, rows: "NDArray[np.intp]") -> "Words | str":
    feature, values = told.feature, told.values[rows]

    def say(values: "Numbers", form: str = form) -> "Words":
        return _distinct(rounded(values, feature.unit, form), lambda value: number(value, feature.unit, form))

    match place:
        case "value" if feature.aggregate == "trend":
            return _distinct(values, _direction)
        case "value":
            return say(values)
        case "size":
            return say(abs(values))
        case "typical":
            typical = told.typical or 0.0
            none = typical == 0 and feature.aggregate in ADDED_UP
            return "none" if none else number(typical, feature.unit, form)
        case "usual":
            return say(told.usual[rows])
        case "percent":
            change = values if feature.aggregate == "trend" else values / told.usual[rows] - 1
            return _distinct(_percent(change, values), lambda value: f"{value:,.0f} %")
    one, many = forms_of(place) or ("", "s")
    return _distinct(say(values, ""), lambda value: one if value in ("1", "-1") else many)


@lru_cache(maxsize=65_536)  # batches of a cohort hold the same numbers
def number(value: float, unit: str | None, form: str) -> str:
    """Returns a number as text: plain, `%` as a percentage, `+` with its sign, `unit` with its unit."""
    steps, of = _scale(unit, form)
    step = next(s for s in reversed(steps) if abs(value) >= s.start)
    said = printed(value / step.size, decimals_of(of, step))
    if form in ("unit", "%"):
        return with_unit(said, step.name)
    return f"+{said}" if form == "+" and value > 0 else said


def _percent(change: "Numbers", values: "Numbers") -> "Numbers":
    """Returns the size of a change as a whole percentage; 100 % less only where nothing is left."""
    import numpy as np

    size = np.round(100 * np.abs(change))
    return np.where((change < 0) & (change > -1) & (values != 0), np.minimum(size, 99), size)


def _direction(change: float) -> str:
    if change == 0:
        return "unchanged"
    if change == float("inf"):
        return "up from nothing"
    return f"{'up' if change > 0 else 'down'} {abs(change):.0%}".replace("%", " %")


def _distinct(values: "NDArray[Any]", say: Callable[[Any], str]) -> "Words":
    """Returns each value in words. Equal values are said once: a cohort has few distinct ones."""
    import numpy as np

    found = values.tolist()
    texts = {value: say(value) for value in dict.fromkeys(found)}
    said: Words = np.array([texts[value] for value in found], dtype=object)
    return said
