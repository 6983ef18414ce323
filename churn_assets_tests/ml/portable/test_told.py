"""Values that print like the typical one, as bounds."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from churn_assets.ml.portable.sentences import Rounding, number
from churn_assets.ml.portable.told import printed_alike

UNITS = [None, "EUR", "EUR per month", "calls", "KB", "MB", "GB", "seconds", "minutes", "days", "months", "%"]
units = st.sampled_from(UNITS)
numbers = st.floats(-1e9, 1e9) | st.floats(-2, 2) | st.integers(-5000, 5000).map(float)


@given(unit=units, one=numbers, other=numbers)
def test_rounding_keeps_the_order_of_numbers(unit: str | None, one: float, other: float) -> None:
    rounded = Rounding(unit).rounded
    low, high = sorted((one, other))
    assert rounded(low) <= rounded(high)


@given(unit=units, typical=numbers, share=st.floats(-3, 3))
def test_within_the_bounds_values_print_like_the_typical_one(
    unit: str | None, typical: float, share: float
) -> None:
    rounded = Rounding(unit).rounded
    low, high = printed_alike(unit, False, typical)
    assert low <= typical <= high
    middle, half = low + (high - low) / 2, (high - low) / 2
    for value in (
        low,
        high,
        middle + share * half,
        math.nextafter(low, -math.inf),
        math.nextafter(high, math.inf),
    ):
        assert (low <= value <= high) == (rounded(value) == rounded(typical)), value


@given(unit=units, value=numbers)
def test_a_rounded_number_prints_as_it_is(unit: str | None, value: float) -> None:
    rounded = Rounding(unit).rounded(value)
    assume(abs(rounded) < 1e15)
    assert number(rounded, unit, "unit") == number(Rounding(unit).rounded(rounded), unit, "unit")


@pytest.mark.parametrize(
    ("unit", "typical", "inside", "outside"),
    [
        ("EUR", 29.9, 29.904, 29.906),
        ("calls", 0.0, 0.0, 1e-300),
        ("days", 365.25, 379.0, 382.0),
        ("%", 0.5, 0.504, 0.506),
    ],
)
def test_bounds(unit: str, typical: float, inside: float, outside: float) -> None:
    low, high = printed_alike(unit, False, typical)
    assert low <= inside <= high < outside


@pytest.mark.parametrize("typical", [1.0, 9.0])
def test_nothing_prints_like_a_trend_without_a_change_in_percent(typical: float) -> None:
    low, high = printed_alike(None, True, typical)
    assert low > high
