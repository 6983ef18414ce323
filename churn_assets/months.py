"""Months as `YYYY-MM`, the keys of partitions and tables, and their dates."""

from calendar import monthrange
from collections.abc import Iterable
from datetime import date


def month_of(day: date) -> str:
    """The month of `day`."""
    return f"{day.year:04d}-{day.month:02d}"


def month_index(month: str) -> int:
    """Months since year 0, for arithmetic with months; `history.periods.Periods.index_of` is the same in Spark."""
    return int(month[:4]) * 12 + int(month[5:7]) - 1


def month_from_index(index: int) -> str:
    """The inverse of `month_index`."""
    return f"{index // 12:04d}-{index % 12 + 1:02d}"


def add_months(month: str, count: int) -> str:
    """The month `count` months later (earlier when negative)."""
    return month_from_index(month_index(month) + count)


def month_range(first: str, last: str) -> list[str]:
    """All months from `first` to `last`, both included; empty when `last` is earlier."""
    return [month_from_index(i) for i in range(month_index(first), month_index(last) + 1)]


def month_start(month: str) -> date:
    """First day of the month."""
    return date(int(month[:4]), int(month[5:7]), 1)


def month_end(month: str) -> date:
    """Last day of the month: the as_of_date of its cohort."""
    return date(int(month[:4]), int(month[5:7]), monthrange(int(month[:4]), int(month[5:7]))[1])


def days_of(month: str) -> list[date]:
    """The days of the month, ascending."""
    first = month_start(month)
    return [first.replace(day=number + 1) for number in range(month_end(month).day)]


def day_of(month: str, day: int) -> date:
    """That day of the month."""
    return date(int(month[:4]), int(month[5:7]), day)


def spans(months: Iterable[str]) -> list[tuple[str, str]]:
    """The fewest contiguous ranges (first, last) that cover exactly these months, ascending."""
    found: list[tuple[str, str]] = []
    for month in sorted(months):
        if found and add_months(found[-1][1], 1) == month:
            found[-1] = (found[-1][0], month)
        else:
            found.append((month, month))
    return found


def spoken(months: Iterable[str]) -> str:
    """The months in words, as ranges: "2025-01 to 2025-03, 2025-06"."""
    ranges = (first if first == last else f"{first} to {last}" for first, last in spans(months))
    return ", ".join(ranges)
