"""The dates of a cohort, and when it is mature."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from churn_assets.contracts.windows import Windows
from churn_assets.features.labels import cohorts
from churn_assets.months import month_end, month_from_index, month_index

MONTHS = st.integers(month_index("1999-12"), month_index("2101-01")).map(month_from_index)
DAYS = st.dates(date(1999, 12, 1), date(2101, 1, 31))
WINDOWS = st.builds(
    Windows,
    observation_months=st.integers(1, 12),
    gap_days=st.integers(0, 60),
    outcome_days=st.integers(1, 200),
    settlement_days=st.integers(0, 30),
)


@given(day=DAYS, windows=WINDOWS, offset=st.integers(-3, 3))
def test_dates_of_a_cohort(day: date, windows: Windows, offset: int) -> None:
    """gap, outcome window and settlement follow each other without a hole; mature from label_available_at on."""
    [cohort] = cohorts([day], windows, [])
    assert not cohort.mature and cohort.as_of_date == day
    assert (cohort.gap_end - cohort.as_of_date).days == windows.gap_days
    assert (cohort.outcome_end - cohort.gap_end).days == windows.outcome_days
    assert (cohort.label_available_at - cohort.as_of_date).days == windows.maturity_days
    known = cohort.label_available_at + timedelta(days=offset)
    assert cohorts([day], windows, [known])[0].mature is (offset >= 0)


@given(windows=WINDOWS, first=MONTHS)
def test_cohorts_mature_in_order(windows: Windows, first: str) -> None:
    days = [month_end(month_from_index(month_index(first) + i)) for i in range(6)]
    mature = [c.mature for c in cohorts(days, windows, [days[3]])]
    assert mature == sorted(mature, reverse=True)
