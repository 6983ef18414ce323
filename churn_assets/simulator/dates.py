"""Vectorised calendar arithmetic on epoch days.

Every date inside the simulator is an int32 count of days since 1970-01-01 (UTC); NEVER means "has not happened".
"""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
EPOCH = date(1970, 1, 1)
NEVER = 2**30


def to_day(value: date) -> int:
    """Epoch day of a date."""
    return (value - EPOCH).days


def to_date(day: int) -> date:
    """Date of an epoch day."""
    return EPOCH + timedelta(days=day)


def parse_month(key: str) -> date:
    """First day of the month "YYYY-MM"; raises ValueError with the key if it has another form."""
    try:
        year, month = key.split("-")
        if len(year) == 4 and len(month) == 2:
            return date(int(year), int(month), 1)
    except ValueError:
        pass
    raise ValueError(f"month {key!r} is not of the form YYYY-MM, for example 2026-01")


def shift_month(first: date, months: int) -> date:
    """First day of the month `months` after the month of `first`."""
    index = first.year * 12 + first.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def month_end(first: date) -> date:
    """Last day of the month of `first`."""
    return date(first.year, first.month, calendar.monthrange(first.year, first.month)[1])


def add_months(days: Array, months: Array | int) -> Array:
    """Epoch days moved by whole months (int32); the day of month is at most 28, so it exists in every month."""
    stamps = days.astype("datetime64[D]")
    firsts = stamps.astype("datetime64[M]")
    day_of_month = np.minimum((stamps - firsts.astype("datetime64[D]")).astype(np.int64), 27)
    moved = (firsts + np.asarray(months).astype("timedelta64[M]")).astype("datetime64[D]") + day_of_month
    return np.asarray(moved.astype(np.int64).astype(np.int32))


def iso_dates(days: Array) -> Array:
    """ISO strings of epoch days (object array); None where the day is NEVER."""
    known = days < NEVER
    text = np.empty(len(days), dtype=object)
    text[known] = days[known].astype("datetime64[D]").astype(str)
    return text
