"""The dates of a cohort, and when it is mature."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.contracts.windows import Windows
from churn_assets.features.labels import cohorts
from churn_assets.months import month_end, month_from_index, month_index

MONTHS = st.integers(month_index("1999-12"), month_index("2101-01")).map(month_from_index)
WINDOWS = st.builds(
    Windows,
    observation_months=st.integers(1, 12),
    gap_days=st.integers(0, 60),
    outcome_days=st.integers(1, 200),
    settlement_days=st.integers(0, 30),
)


@given(month=MONTHS, windows=WINDOWS, offset=st.integers(-3, 3))
def test_dates_of_a_cohort(month: str, windows: Windows, offset: int) -> None:
    """gap, outcome window and settlement follow each other without a hole; mature from label_available_at on."""
    [cohort] = cohorts([month], windows, [])
    assert not cohort.mature
    assert cohort.as_of_date.strftime("%Y-%m") == month
    assert (cohort.as_of_date + timedelta(days=1)).day == 1
    assert (cohort.gap_end - cohort.as_of_date).days == windows.gap_days
    assert (cohort.outcome_end - cohort.gap_end).days == windows.outcome_days
    assert (cohort.label_available_at - cohort.as_of_date).days == windows.maturity_days
    known = cohort.label_available_at + timedelta(days=offset)
    assert cohorts([month], windows, [known])[0].mature is (offset >= 0)


@given(windows=WINDOWS, first=MONTHS)
def test_cohorts_mature_in_order(windows: Windows, first: str) -> None:
    months = [month_from_index(month_index(first) + i) for i in range(6)]
    known = month_end(months[3])
    mature = [c.mature for c in cohorts(months, windows, [known])]
    assert mature == sorted(mature, reverse=True)


@pytest.mark.parametrize("month", ["2024-02", "2025-02", "2024-12"])
def test_as_of_is_the_last_day_also_in_leap_years(month: str) -> None:
    last: dict[str, Any] = {
        "2024-02": date(2024, 2, 29),
        "2025-02": date(2025, 2, 28),
        "2024-12": date(2024, 12, 31),
    }
    assert cohorts([month], Windows(), [])[0].as_of_date == last[month]
