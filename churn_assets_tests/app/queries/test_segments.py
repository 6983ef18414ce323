"""Sizes, drivers and flows of segments, compared with pandas."""

import pytest

from churn_assets.app.queries import segments
from churn_assets.app.store import ReleaseStore
from churn_assets_tests.app.computed import check_flows, check_sizes, of_release
from churn_assets_tests.app.scored_months import DAYS, SEGMENTS


@pytest.mark.parametrize("day", DAYS)
def test_sizes_and_drivers_agree_with_pandas(months_store: ReleaseStore, day: "object") -> None:
    check_sizes(months_store, day)  # type: ignore[arg-type]


def test_segments_stand_in_the_order_of_the_rules(months_store: ReleaseStore) -> None:
    assert segments.sizes(months_store, DAYS[2])["segment"].tolist() == list(SEGMENTS)
    assert list(dict.fromkeys(segments.drivers(months_store, DAYS[2])["segment"])) == list(SEGMENTS)


@pytest.mark.parametrize(("before", "day"), [(0, 1), (1, 2), (0, 2)])
def test_flows_agree_with_pandas(months_store: ReleaseStore, before: int, day: int) -> None:
    check_flows(months_store, DAYS[before], DAYS[day])
    counts = segments.moves(segments.flows(months_store, DAYS[before], DAYS[day]))
    assert (counts.new, counts.gone) == (5 * (day - before), 5 * (day - before))
    assert counts.moved > 0


@pytest.mark.parametrize("by", ["segment", "driver"])
def test_the_history_adds_up_to_all_scored_customers(months_store: ReleaseStore, by: str) -> None:
    found = segments.over_months(months_store, by)
    rows = of_release(months_store, "segments")
    assert found.groupby("day")["customers"].sum().tolist() == rows.groupby("as_of_date").size().tolist()
    assert found.groupby("day")["share"].sum().tolist() == pytest.approx([1.0] * 3)
    expected = rows.groupby("as_of_date")["probability"].sum().tolist()
    assert found.groupby("day")["expected"].sum().tolist() == pytest.approx(expected)


def test_the_history_is_of_segments_or_drivers_only(months_store: ReleaseStore) -> None:
    with pytest.raises(ValueError, match="no history by customer_key"):
        segments.over_months(months_store, "customer_key")


def test_days_and_the_day_before(months_store: ReleaseStore) -> None:
    assert segments.scored_days(months_store) == list(DAYS)
    assert segments.day_before(months_store, DAYS[2]) == DAYS[1]
    assert segments.day_before(months_store, DAYS[0]) is None
