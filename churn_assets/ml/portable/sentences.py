"""A value of a feature in words.

What a sentence asks of its feature is prepared once, so that a single value costs microseconds.
"""

import math
import re
from collections.abc import Callable
from functools import lru_cache

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

UNKNOWN = "unknown"
YES_AND_NO = {"true": "yes", "false": "no"}
PLAIN = {"text": "{words}: {value} (typical {typical})"}  # of a feature without texts
PLAIN_TREND = {"text": "{words}: {value}"}
ADDED_UP = frozenset({"sum", "count", "count_ever"})  # 0 of them is none
PLAIN_STEP = (Step(0, 1, ""),)
MOST_DECIMALS = 300
COMPARED_WITH_ZERO = frozenset({"trend", "change"})

# value, what is usual for the customer, value / usual - 1 -> a part of a sentence
Part = Callable[[float, float, float], str]
Template = tuple[str, list[Part]]


def told_of_usual(feature: Feature) -> bool:
    """Returns whether the feature has texts that compare values with what is usual for the customer."""
    return any(key in USUAL for key, _ in feature.says)


def reference_of(feature: Feature, typical: float | None) -> float | None:
    """Returns what values are higher or lower than; None if that is not known."""
    return 0.0 if feature.aggregate in COMPARED_WITH_ZERO else typical


def missing_text(feature: Feature) -> str:
    """Returns the reason where a feature has no value."""
    return feature.missing or f"{feature.words}: {UNKNOWN}"


class WordSentences:
    """The reasons that the values of one feature are, if they are words."""

    def __init__(self, feature: Feature) -> None:
        """Prepares the texts."""
        self._texts, self._words, self._missing = dict(feature.says), feature.words, missing_text(feature)
        self._other = self._texts.get("text") or "{words}: {value}"

    def say(self, value: object) -> str:
        """Returns the reason that a value is; None is a missing one."""
        if value is None:
            return self._missing
        text = self._texts.get(f"if_{value}") or self._other
        known = {"words": self._words, "value": YES_AND_NO.get(str(value), str(value))}
        return "".join(part + known.get(place or "", "") for part, place, _ in parts_of(text))


class NumberSentences:
    """The reasons that the values of one numeric feature are."""

    def __init__(self, feature: Feature, typical: float | None) -> None:
        """Prepares the texts.

        Args:
            feature: whose values are told.
            typical: the median of what the model has learned from; None if there is none.
        """
        texts = dict(feature.says) or (PLAIN_TREND if feature.aggregate == "trend" else PLAIN)
        self._texts = {key: _template(text, feature, typical) for key, text in texts.items()}
        self._missing, self._rounded = missing_text(feature), Rounding(feature.unit).rounded
        self._reference = reference_of(feature, typical)
        self._nothing = -1.0 if feature.aggregate == "trend" else 0.0

    def say(self, value: float, usual: float, change: float) -> str:
        """Returns the reason that a value is.

        Args:
            value: as from `told.as_told`; NaN where it is missing.
            usual: what is usual for the customer; NaN where that is not known.
            change: value / usual - 1; NaN where it is not notable.
        """
        if math.isnan(value):
            return self._missing
        template, parts = self._chosen(value, change)
        return template % tuple([part(value, usual, change) for part in parts])

    def _chosen(self, value: float, change: float) -> "Template":
        """Returns the text that is used: the last one whose condition holds."""
        texts, key = self._texts, "text"
        if self._reference is not None:
            if "higher" in texts and value > self._reference and not math.isinf(value):  # up from nothing
                key = "higher"
            elif "lower" in texts and value < self._reference:
                key = "lower"
        if "more_than_usual" in texts and change > 0:
            key = "more_than_usual"
        elif "less_than_usual" in texts and change < 0:
            key = "less_than_usual"
        if "negative" in texts and value < 0:
            key = "negative"
        if "zero" in texts and abs(value) <= 1 and self._rounded(value) == self._nothing:
            key = "zero"
        if "all" in texts and value == 1:
            key = "all"
        return texts[key]


def _template(text: str, feature: Feature, typical: float | None) -> Template:
    """Returns a text with `%s` in place of what depends on the value, and what is written there.

    Without a typical value the brackets that name it are left out.
    """
    text = without_typical(text) if typical is None else text
    template, parts = "", []
    for constant, place, form in parts_of(filled(text, words=feature.words)):
        template += constant.replace("%", "%%")
        if place is not None:
            said = _place(place, form, feature, typical or 0.0)
            template += said.replace("%", "%%") if isinstance(said, str) else "%s"
            parts += [] if isinstance(said, str) else [said]
    return template, parts


def without_typical(text: str) -> str:
    """Returns the text without the brackets that name the typical value; elsewhere it is `unknown`."""
    text = re.sub(r" *\([^()]*\{typical[^}]*\}[^()]*\)", "", text)
    return re.sub(r"\{typical[^}]*\}", UNKNOWN, text)


def _place(place: str, form: str, feature: Feature, typical: float) -> "str | Part":
    unit, is_trend = feature.unit, feature.aggregate == "trend"
    form = "" if forms_of(place) or place == "s" else form
    rounded = Rounding(unit, form).rounded

    def say(value: float) -> str:
        return number(rounded(value), unit, form)

    match place:
        case "value" if is_trend:
            return lambda value, usual, change: _direction(value)
        case "value":
            return lambda value, usual, change: say(value)
        case "size":
            return lambda value, usual, change: say(abs(value))
        case "typical":
            none = typical == 0 and feature.aggregate in ADDED_UP
            return "none" if none else number(typical, unit, form)
        case "usual":
            return lambda value, usual, change: say(usual)
        case "percent":
            return lambda value, usual, change: f"{_percent(value if is_trend else change, value):,.0f} %"
    one, many = forms_of(place) or ("", "s")
    return lambda value, usual, change: one if say(value) in ("1", "-1") else many


@lru_cache(maxsize=65_536)  # batches of a cohort hold the same numbers
def number(value: float, unit: str | None, form: str) -> str:
    """Returns a number as text: plain, `%` as a percentage, `+` with its sign, `unit` with its unit."""
    steps, of = _scale(unit, form)
    step = next(s for s in reversed(steps) if abs(value) >= s.start)
    said = printed(value / step.size, decimals_of(of, step))
    if form in ("unit", "%"):
        return with_unit(said, step.name)
    return f"+{said}" if form == "+" and value > 0 else said


class Rounding:
    """Rounds numbers as `number` prints them. It never makes the greater of two numbers the smaller one."""

    def __init__(self, unit: str | None, form: str = "unit") -> None:
        """Prepares the units that a number may be written in."""
        steps, of = _scale(unit, form)
        self._steps = [
            (
                step.start,
                step.size,
                [(bound, 10.0**digits) for bound, digits in decimals_of(of, step).items()],
            )
            for step in reversed(steps)
        ]

    def rounded(self, value: float) -> float:
        """Returns a number rounded, in the same unit."""
        size = abs(value)
        unit, decimals = next((unit, decimals) for start, unit, decimals in self._steps if size >= start)
        scaled = value / unit
        size = abs(scaled)
        for bound, fine in decimals:
            if size >= bound:
                return _to(scaled, fine) * unit + 0.0  # no -0
        return _two_digits(scaled) * unit + 0.0


def _two_digits(value: float) -> float:
    return _to(value, 10.0 ** min(1 - math.floor(math.log10(abs(value))), MOST_DECIMALS)) if value else value


def _to(value: float, fine: float) -> float:
    """Returns a number rounded to 1 / fine; the number itself where it is too large for that."""
    scaled = value * fine
    return round(scaled) / fine if math.isfinite(scaled) else value


def _scale(unit: str | None, form: str) -> tuple[tuple[Step, ...], str | None]:
    """Returns the units that a format writes a number in, and the unit that tells the decimals."""
    if form == "unit":
        return steps_of(unit), unit
    if form == "%":
        return LADDERS[PERCENT], PERCENT
    return PLAIN_STEP, None if unit in LADDERS else unit


def _percent(change: float, value: float) -> float:
    """Returns the size of a change as a whole percentage; 100 % less only where nothing is left."""
    size = float(round(100 * abs(change)))
    return min(size, 99.0) if -1 < change < 0 and value != 0 else size


def _direction(change: float) -> str:
    if change == 0:
        return "unchanged"
    if math.isinf(change):
        return "up from nothing"
    return f"{'up' if change > 0 else 'down'} {abs(change):.0%}".replace("%", " %")
