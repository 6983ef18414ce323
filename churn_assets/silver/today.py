"""Which day it is in a business: by the clock; in a simulated world that goes on day by day, by its newest extract."""

from datetime import UTC, date, datetime, timedelta

from churn_assets.contracts.business import Business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end
from churn_assets.sources.landing import days_wait, newest_extract


def today_of(lakehouse: Lakehouse, business: Business, clock: date | None = None) -> date:
    """Returns today (UTC), in which only days before it are whole.

    A simulated world that goes on day by day (`churn-assets demo --days 7`) lives in a calendar that is over by the
    clock. While extracts of days wait to come, today is the day after the newest extract in the landing zone, so that
    its last month is open and not incomplete. Any other calendar ends by the clock, whatever was delivered.

    Args:
        lakehouse: for its home and the landing zone.
        business: for the calendar and the sources.
        clock: what the clock says; default: now.
    """
    day, end = clock or datetime.now(UTC).date(), business.file.calendar.end
    if end is None or not business.file.calendar.over(day) or not days_wait(lakehouse.settings.home_path):
        return day
    newest = newest_extract(lakehouse.settings.landing_uri, business.sources, month_end(end))
    return day if newest is None else newest + timedelta(days=1)
