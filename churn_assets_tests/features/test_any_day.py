"""Snapshots of any day: the same as cohorts at month ends, by hand on other days, and nothing of the future."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from churn_assets.features.observed import hidden_ends, observed, unknown_windows
from churn_assets.features.snapshots import customer_snapshots
from churn_assets.history.known_days import passed_until_now
from churn_assets.history.periods import Periods
from churn_assets.lakehouse import tables
from churn_assets_tests.worlds import Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_engine(
    reason="`test_cells`, `test_labels` and `test_whole_days` compute other days on both engines"
)

NAMES = ["customer_key", "as_of_date"]


@pytest.fixture(scope="module")
def lake(spark: "SparkSession", lost_and_found: dict[str, Any]) -> Lake:
    """The finished lake; nobody writes to it."""
    found: Lake = lost_and_found["lake"]
    return found


def _snapshots(lake: Lake, *days: date) -> pd.DataFrame:
    built = customer_snapshots(lake.lakehouse, lake.business, days)
    try:
        return built.snapshots.toPandas().sort_values(NAMES, ignore_index=True)
    finally:
        built.release()


@pytest.fixture(scope="module")
def on(lake: Lake) -> Callable[[date], pd.DataFrame]:
    """The snapshots of a day, computed once."""
    return cache(lambda day: _snapshots(lake, day))


def test_at_month_ends_every_column_of_every_customer_is_that_of_the_cohort(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the way of other days, which months never take."""
    monkeypatch.setattr(Periods, "are_months", False)
    found = _snapshots(lake, *(date(2025, month, day) for month, day in ((4, 30), (5, 31), (6, 30))))
    cohorts = lake.lakehouse.arrow(tables.CUSTOMER_SNAPSHOTS).to_pandas()
    cohorts = cohorts[cohorts["as_of_date"].isin(set(found["as_of_date"]))]
    cohorts = cohorts.sort_values(NAMES, ignore_index=True)
    assert len(found) > 100 and len(found.columns) > 15
    pd.testing.assert_frame_equal(found[cohorts.columns], cohorts, check_exact=True)


def _known(lake: Lake, source: str, day: date) -> pd.DataFrame:
    """The newest version of each key known at the end of a day."""
    declared = lake.business.source(source)
    rows = lake.lakehouse.arrow(tables.silver(declared)).to_pandas()
    rows = rows[rows["known_at"] <= day].sort_values(["known_at", "sequence"])
    newest = rows.drop_duplicates(list(declared.silver_key), keep="last")
    return newest[~newest["refused"]]


@pytest.mark.parametrize("day", [date(2025, 5, 14), date(2025, 6, 7)])
def test_a_day_within_a_month_is_what_its_rows_say(
    lake: Lake, on: Callable[[date], pd.DataFrame], day: date
) -> None:
    """Attributes and sums by pandas; on these days every source of events has delivered."""
    found = on(day).set_index("customer_key")
    assert len(found) > 40
    spells, usage = _known(lake, "subscriptions", day), _known(lake, "usage", day)
    price = spells.drop_duplicates("customer_key", keep=False).set_index("customer_key")["monthly_price"]
    both = found.index.intersection(price.index)
    assert len(both) > 40
    told = found.loc[both, "subscriptions_monthly_price"].astype(float)
    assert (told == price[both].astype(float)).all()
    for column, first in (
        ("usage_data_mb_sum_1m", Periods.that_end_on(day).end(Periods.that_end_on(day).index(day) - 1)),
        ("usage_data_mb_sum_7d", day - timedelta(days=7)),
    ):
        inside = usage[(usage["day"] > first) & (usage["day"] <= day)]
        sums = inside.groupby("customer_key")["data_mb"].sum().reindex(found.index, fill_value=0.0)
        pd.testing.assert_series_equal(found[column], sums, check_names=False, rtol=1e-12)


def test_windows_whose_end_a_source_has_not_told_yet_are_unknown_and_not_smaller(
    on: Callable[[date], pd.DataFrame],
) -> None:
    """Usage came on 7, 14 and 21 June, and nothing between them; models learn from whole months."""
    found = {day: on(date(2025, 6, day)) for day in (7, 15, 20)}
    unknown = {
        day: {name for name in frame.columns if name.startswith("usage_") and frame[name].isna().all()}
        for day, frame in found.items()
    }
    recency, week = "usage_recency_days", "usage_data_mb_sum_7d"
    month = {"usage_data_mb_sum_1m", "usage_data_mb_trend_1m"}
    assert unknown == {7: set(), 15: {recency, week}, 20: {recency, week, *month}}
    assert all(frame["usage_data_mb_sum_3m"].notna().all() for frame in found.values()), "a tenth at most"
    assert found[20]["data_share_last_week"].isna().all()


def test_the_time_since_an_event_is_unknown_unless_the_unknown_days_are_a_tenth_of_it(lake: Lake) -> None:
    """As of a window: usage is not known for six days before 20 June, so 60 days without usage are known to be so."""
    now = passed_until_now(lake.lakehouse, lake.business)
    day = date(2025, 6, 20)
    feature = next(f for f in lake.business.features if f.name == "usage_recency_days")
    periods = Periods.that_end_on(day)
    hidden = hidden_ends([feature], lake.business, now, periods, [periods.index(day)])
    assert {end.days for ends in hidden.values() for end in ends.values()} == {6}
    rows = [(periods.index(day), days) for days in (6.0, 59.0, 60.0, None)] + [(periods.index(day) - 1, 0.0)]
    frame = lake.lakehouse.spark.createDataFrame(rows, "as_of_index int, usage_recency_days double")
    where = observed(feature, lake.business, {}, periods, hidden)
    assert where is not None
    told = frame.select(where.alias("known"), "usage_recency_days").collect()
    assert [row.known for row in told] == [False, False, True, None, True]


def test_the_windows_that_are_not_known_are_told_in_words(lake: Lake) -> None:
    now = passed_until_now(lake.lakehouse, lake.business)
    told = {day: unknown_windows(lake.business, now, date(2025, 6, day)) for day in (7, 15, 20, 30)}
    assert told[30] is None
    assert "usage" not in (told[7] or "")
    assert [part for part in (told[15] or "").split("; ") if "usage" in part] == ["usage: recency, 7d"]
    assert [part for part in (told[20] or "").split("; ") if "usage" in part] == ["usage: recency, 7d, 1m"]


def test_days_of_several_periods_come_in_one_frame(lake: Lake, on: Callable[[date], pd.DataFrame]) -> None:
    days = (date(2025, 6, 7), date(2025, 5, 14))
    together = _snapshots(lake, *days, days[0])
    alone = pd.concat([on(day) for day in days]).sort_values(NAMES, ignore_index=True)
    pd.testing.assert_frame_equal(together, alone)
