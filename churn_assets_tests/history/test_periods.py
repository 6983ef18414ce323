"""Periods: months that end on any day."""

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from churn_assets.history.periods import MONTHS, Periods
from churn_assets.months import month_end, month_index, month_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAYS = [date(2023, 12, 25) + timedelta(days=n) for n in range(800)]  # with a leap year


def test_the_periods_of_a_day_end_on_it_and_those_of_a_month_end_are_months() -> None:
    for day in DAYS:
        periods = Periods.that_end_on(day)
        assert periods.end(periods.index(day)) == day
        assert periods.are_months == (day == month_end(month_of(day)))
    assert Periods.that_end_on(date(2024, 2, 28)) == Periods(28)
    assert Periods.that_end_on(date(2025, 2, 28)) == Periods.that_end_on(date(2024, 2, 29)) == MONTHS


@pytest.mark.parametrize("end_day", range(1, 32))
def test_every_day_is_in_one_period_that_ends_on_it_or_next(end_day: int) -> None:
    periods = Periods(end_day)
    for day in DAYS:
        index = periods.index(day)
        assert periods.end(index - 1) < day <= periods.end(index)
        assert month_index(month_of(periods.end(index))) == index
        assert periods.end(index).day == min(end_day, month_end(month_of(periods.end(index))).day)


def test_a_shorter_month_ends_a_period_on_its_last_day() -> None:
    assert [Periods(30).end(month_index(m)) for m in ("2024-02", "2025-02", "2025-03")] == [
        date(2024, 2, 29),
        date(2025, 2, 28),
        date(2025, 3, 30),
    ]
    assert Periods(30).index(date(2025, 3, 1)) == month_index("2025-03")
    assert Periods(30).index(date(2025, 3, 31)) == month_index("2025-04")


def test_columns_say_the_same(spark: "SparkSession") -> None:
    from pyspark.sql import functions as F

    frame = spark.createDataFrame([(day,) for day in DAYS], "day date")
    chosen = [Periods(day) for day in (1, 15, 28, 29, 30, 31)]
    columns = [
        column
        for periods in chosen
        for index in [periods.index_of(F.col("day"))]
        for column in (index, periods.end_of(index), periods.end_after(F.col("day")))
    ]
    for row in frame.select("day", *(c.alias(f"c{n}") for n, c in enumerate(columns))).collect():
        expected = []
        for periods in chosen:
            index = periods.index(row["day"])
            expected += [index, periods.end(index), periods.end(index)]
        assert [*row][1:] == expected
