"""The day that assets between month ends are as of: the last whole day that is known, or one that a run asks for."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from churn_assets.contracts.business import Business
from churn_assets.contracts.calendar import Calendar
from churn_assets.months import month_end

ASKED_DAY = "asked_day"  # resource with the day that a run asks for


@dataclass(frozen=True)
class AskedDay:
    """The as_of_date that a run asks for; None: the newest."""

    day: date | None = None


class NoSuchDay(ValueError):
    """There is nothing to be as of that day; the message says which days there are."""


def newest_day(calendar: Calendar, extracts: Collection[date], today: date) -> date | None:
    """The last whole day that is known: yesterday, or the day of the newest extract once the calendar has ended.

    Args:
        calendar: of the business.
        extracts: days of the extracts that have passed silver.
        today: a day of UTC.

    Returns:
        None while there is no extract.
    """
    if not extracts:
        return None
    if calendar.end is None or not calendar.over(today):
        return today - timedelta(days=1)
    return min(max(extracts), month_end(calendar.end))


def day_to_compute(business: Business, asked: AskedDay, newest: date) -> date:
    """The day that is asked for, else the newest.

    Raises:
        NoSuchDay: it lies after the newest day, or its observation window begins before the calendar.
    """
    day, first = asked.day or newest, month_end(business.first_snapshot_month)
    if not first <= day <= newest:
        raise NoSuchDay(f"There is no snapshot as of {day}: days from {first} to {newest} can be computed.")
    return day
