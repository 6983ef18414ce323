"""The notations that fit the texts of a column of dates, and days that stand for none."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from numpy.typing import NDArray

from churn_assets.inference.notations import DAY_FORMATS, MONTH_FORMATS, TIME_FORMATS

_YEARS = (1900, 2100)
LEAST_SHARE = 0.95
# Days that mean "never" or "unknown" if they are repeated and no other date is within PLACEHOLDER_YEARS of them.
PLACEHOLDERS = pd.to_datetime(
    ["1900-01-01", "1901-01-01", "1970-01-01", "2099-01-01", "2099-12-31", "2100-01-01", "2100-12-31"],
    utc=True,
)
PLACEHOLDER_YEARS = 5


@dataclass(frozen=True)
class Notation:
    """A notation of days, moments or months, with what it makes of the texts.

    Attributes:
        form: in the letters of strptime; ISO8601 for year-month-day with any time.
        words: the notation for people.
        days: UTC times of the distinct texts, NaT where it does not fit.
        is_month: it tells no day; `days` are first days.
    """

    form: str
    words: str
    days: pd.DatetimeIndex
    is_month: bool

    @property
    def read(self) -> NDArray[np.bool_]:
        """Mask of the texts that it fits."""
        return np.asarray(self.days.notna(), dtype=bool)

    def swaps(self, other: "Notation") -> bool:
        """Returns whether the other has the same parts in another order, so that it gives another day."""
        return self.words != other.words and sorted(self.words) == sorted(other.words)


def notations(texts: pa.Array, least: float = LEAST_SHARE) -> list[Notation]:
    """Returns the notations that fit distinct trimmed texts, none blank, in the order of DAY_FORMATS.

    Args:
        least: share of the texts that a notation must fit.
    """
    if not len(texts) or not pc.all(pc.match_substring_regex(texts, r"\d.*\d")).as_py():
        return []
    texts = pc.replace_substring_regex(texts, r"\s+(UTC|GMT)$", "")
    sample = pd.Series(texts.slice(0, 1000).to_pylist())
    if sample.str.fullmatch(r"\d{4}|\d{5,7}|\d{9,}|[-+]?\d*\.\d+").mean() > 0.02:
        return []
    first = sample.head(20) if least >= LEAST_SHARE else sample
    fitting = [(form, said) for form, said in _formats(first) if _parsed(sample, form, least) is not None]
    whole = pd.Series(texts.to_pylist()) if fitting else sample
    return [
        Notation(form, said, found, (form, said) in MONTH_FORMATS)
        for form, said in fitting
        if (found := _parsed(whole, form, least)) is not None
    ]


def _formats(sample: pd.Series) -> list[tuple[str, str]]:
    """Returns the formats that parse at least one of the texts, with their notation in words."""
    times = TIME_FORMATS if sample.str.contains(":", regex=False).any() else TIME_FORMATS[:1]
    days = [(day + time, said) for time, (day, said) in product(times, DAY_FORMATS)]
    return [
        (form, said)
        for form, said in [("ISO8601", "year-month-day"), *days, *MONTH_FORMATS]
        if pd.to_datetime(sample, format=form, errors="coerce", utc=True).notna().any()
    ]


def _parsed(texts: pd.Series, form: str, least: float) -> pd.DatetimeIndex | None:
    found = pd.to_datetime(texts, format=form, errors="coerce", utc=True)
    within = found.dt.year.between(*_YEARS)
    # A few values that do not parse, or placeholders such as 9999-12-31, do not rule the format out.
    return pd.DatetimeIndex(found.where(within)) if within.mean() >= least else None


def placeholders(days: pd.DatetimeIndex, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Returns a mask of the distinct days that are in PLACEHOLDERS, in several rows, and far from every other day.

    Args:
        rows: number of rows with each day.
    """
    usual = np.asarray(days.normalize().isin(PLACEHOLDERS))
    others = days[~usual & days.notna()]
    if not len(others):
        return np.zeros(len(days), dtype=bool)
    distance = np.maximum((others.min() - days).days, (days - others.max()).days)
    between = (days > others.min()) & (days < others.max())
    return usual & (rows > 1) & ~between & (np.asarray(distance) > 365 * PLACEHOLDER_YEARS)
