"""Month keys and their dates."""

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.months import (
    add_months,
    month_end,
    month_from_index,
    month_index,
    month_of,
    month_range,
    month_start,
    spans,
    spoken,
)


@given(st.dates(date(1900, 1, 1), date(2200, 12, 31)), st.integers(-600, 600))
def test_counting_months_is_reversible_and_keeps_the_order_of_keys(day: date, count: int) -> None:
    month = month_of(day)
    assert month_from_index(month_index(month)) == month
    assert add_months(add_months(month, count), -count) == month
    assert (add_months(month, count) > month) == (count > 0)
    assert month_start(month) <= day <= month_end(month)
    assert month_of(month_start(month)) == month_of(month_end(month)) == month


@pytest.mark.parametrize(
    ("month", "count", "expected"),
    [
        ("2025-12", 1, "2026-01"),
        ("2025-01", -1, "2024-12"),
        ("2025-03", 0, "2025-03"),
        ("2025-06", 19, "2027-01"),
    ],
)
def test_add_months_crosses_years(month: str, count: int, expected: str) -> None:
    assert add_months(month, count) == expected


def test_month_end_knows_leap_years() -> None:
    assert month_end("2024-02") == date(2024, 2, 29)
    assert month_end("2025-02") == date(2025, 2, 28)


def test_month_range_holds_both_ends_and_is_empty_backwards() -> None:
    assert month_range("2025-11", "2026-02") == ["2025-11", "2025-12", "2026-01", "2026-02"]
    assert month_range("2025-11", "2025-11") == ["2025-11"]
    assert month_range("2025-11", "2025-10") == []


@given(st.sets(st.integers(0, 40).map(lambda n: add_months("2024-01", n))))
def test_spans_cover_exactly_the_months_in_as_few_ranges_as_can_be(months: set[str]) -> None:
    found = spans(months)
    assert sorted(m for first, last in found for m in month_range(first, last)) == sorted(months)
    assert all(add_months(a[1], 1) < b[0] for a, b in pairwise(found))


def test_months_are_spoken_as_ranges() -> None:
    assert spoken(["2025-03", "2025-01", "2025-02", "2025-06"]) == "2025-01 to 2025-03, 2025-06"
    assert spoken([]) == ""
