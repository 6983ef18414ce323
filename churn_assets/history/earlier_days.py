"""The earlier days that a score of a day is compared with."""

from datetime import date, timedelta

DAY_BEFORE, WEEK_BEFORE, MONTH_END = "day_before", "week_before", "month_end"
EARLIER = (DAY_BEFORE, WEEK_BEFORE, MONTH_END)


def days_before(day: date) -> dict[str, date]:
    """Name of EARLIER -> that day before `day`."""
    return {
        DAY_BEFORE: day - timedelta(days=1),
        WEEK_BEFORE: day - timedelta(days=7),
        MONTH_END: day.replace(day=1) - timedelta(days=1),
    }
