"""Months that end on any day: the periods in which windows, cells and knowledge time are counted.

A window `(d - k months, d]` is k whole periods if periods end on the day of the month of d. So whatever counts in
months for cohorts counts in periods for any other day, and is the same at a month end.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from churn_assets.months import month_index, month_of

if TYPE_CHECKING:
    from pyspark.sql import Column

LONGEST = 31


@dataclass(frozen=True)
class Periods:
    """Periods that end on one day of each month, or on the month's last day where the month is shorter.

    A day belongs to the period that ends on it or next. The index of a period is that of the month in which it ends,
    see `months.month_index`.

    Attributes:
        end_day: 1 to 31; 31: periods are months.
    """

    end_day: int = LONGEST

    @classmethod
    def that_end_on(cls, day: date) -> "Periods":
        """The periods of which one ends on `day`: months if it is the last of its month."""
        return cls() if (day + timedelta(days=1)).day == 1 else cls(day.day)

    @property
    def are_months(self) -> bool:
        """Whether every period is a month."""
        return self.end_day == LONGEST

    def index(self, day: date) -> int:
        """The period of a day."""
        return month_index(month_of(day)) + (day.day > self.end_day)

    def end(self, index: int) -> date:
        """The last day of a period."""
        year, month = divmod(index, 12)
        return date(year, month + 1, min(self.end_day, monthrange(year, month + 1)[1]))

    def index_of(self, day: "Column") -> "Column":
        """`index` of a date column.

        Years have four digits, so no sum of such numbers leaves 32 bits: no engine can overflow or wrap around.
        """
        from pyspark.sql import functions as F

        month = F.year(day) * 12 + F.month(day) - 1
        return month if self.are_months else month + (F.dayofmonth(day) > self.end_day).cast("int")

    def end_of(self, index: "Column") -> "Column":
        """`end` of a column of indexes."""
        from pyspark.sql import functions as F

        first = F.make_date(F.floor(index / 12).cast("int"), (index % 12 + 1).cast("int"), F.lit(1))
        last = F.last_day(first)
        return last if self.are_months else F.least(last, F.date_add(first, self.end_day - 1))

    def end_after(self, day: "Column") -> "Column":
        """The last day of the period of a date column."""
        from pyspark.sql import functions as F

        return F.last_day(day) if self.are_months else self.end_of(self.index_of(day))


MONTHS = Periods()
