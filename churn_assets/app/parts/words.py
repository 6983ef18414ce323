"""Texts and values of the data as people read them."""

import re
from datetime import date
from decimal import Decimal

import pandas as pd

from churn_assets.app.formats import Formats
from churn_assets.contracts.units import CURRENCIES, WHOLE, Step, steps_of, with_unit
from churn_assets.reporting.words import short

NOT_GIVEN = "not given"
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=])")


def plain(text: str) -> str:
    """A text of the data for `st.markdown` and its like, which then show it to the letter."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def cut(text: str, most: int) -> str:
    """A text of the data with at most so many characters; one that was longer ends with `…`."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def typed(text: str) -> str:
    """What stands in an address, for a sentence: in quotation marks, to the letter, and not longer than a line."""
    return f"'{plain(short(text))}'"


def spaced(name: str) -> str:
    """The name of a source or a column as words."""
    return name.replace("_", " ")


def step_of(unit: str | None, size: float) -> Step:
    """The unit in which a number of this size reads best: 50,000 MB are told in GB."""
    return next(step for step in reversed(steps_of(unit)) if abs(size) >= step.start)


def points(formats: Formats, before: float, after: float) -> str:
    """The difference of two shares, such as `+4.9 points`: percentage points."""
    difference = round(100 * (after - before), 1)
    return f"{'+' if difference > 0 else ''}{formats.number(difference, 1)} points"


def said(formats: Formats, value: object, unit: str | None = None) -> str:
    """A value of a source with its unit; texts as the source wrote them. A missing value is `not given`."""
    if value is None or value is pd.NaT or (isinstance(value, float | Decimal) and value != value):
        return NOT_GIVEN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date):
        return formats.date(value)
    if not isinstance(value, int | float | Decimal):
        return str(value)
    number = float(value)
    if unit in CURRENCIES:
        cents = 0 if number.is_integer() else 2
        if formats.currency == unit:
            return formats.money(number, cents)
        return f"{formats.number(number, cents)} {unit}"
    step = step_of(unit, number)
    digits = 0 if unit == "days" and step.name in WHOLE else None  # nobody says 3.4 months
    return with_unit(formats.number(number / step.size, digits), step.name).strip()
