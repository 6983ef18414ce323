"""Which as_of dates of a month have snapshots and labels, and in which tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from churn_assets.contracts.business import Business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.tables import Table
from churn_assets.months import month_end


@dataclass(frozen=True)
class AsOf:
    """The tables of some as_of dates of each month.

    Attributes:
        snapshots: with the columns of the business.
        labels: of these snapshots.
        when: the as_of dates, in words.
        days: the as_of dates in some months, ascending; none where no observation window is inside the calendar.
        earlier_months: months before that of an as_of date in which its observation window begins.
    """

    snapshots: Table
    labels: Table
    when: str
    days: Callable[[Sequence[str]], list[date]]
    earlier_months: int


def month_ends(business: Business) -> AsOf:
    """The cohorts."""
    return AsOf(
        tables.customer_snapshots(business),
        tables.CHURN_LABELS,
        "at each month end",
        lambda months: [month_end(month) for month in months],
        business.file.windows.observation_months - 1,
    )


def midmonth(business: Business) -> AsOf:
    """The days between cohorts that trainings learn from, too: `training.as_of_days`."""
    days = ", ".join(str(day) for day in sorted(business.file.training.as_of_days))
    return AsOf(
        tables.midmonth_snapshots(business),
        tables.MIDMONTH_LABELS,
        f"as of day {days} of each month, for trainings only",
        business.midmonth_days,
        business.file.windows.observation_months,
    )
