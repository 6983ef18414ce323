"""Which day it is in a business: by the clock, or, in a calendar that ended before it, by the newest extract."""

from datetime import UTC, date, datetime, timedelta

from churn_assets.contracts.business import Business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end
from churn_assets.sources.landing import newest_extract


def today_of(lakehouse: Lakehouse, business: Business, clock: date | None = None) -> date:
    """Returns today (UTC), in which only days before it are whole.

    A calendar that is over by the clock but of which no source has delivered the last day still goes on: today is the
    day after the newest extract in the landing zone, of any source. So its last month is open and not incomplete, as
    for `churn-assets demo --days 7`.

    Args:
        lakehouse: for the landing zone.
        business: for the calendar and the sources.
        clock: what the clock says; default: now.
    """
    day, end = clock or datetime.now(UTC).date(), business.file.calendar.end
    if end is None or not business.file.calendar.over(day):
        return day
    last = month_end(end)
    newest = newest_extract(lakehouse.settings.landing_uri, business.sources, last)
    if newest is None or newest == last:
        return day
    return newest + timedelta(days=1)
