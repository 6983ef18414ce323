"""Which months differ between two looks at the landing zone."""

from hypothesis import given
from hypothesis import strategies as st

from churn_assets.months import add_months
from churn_assets.sources.arrivals import touched

MONTHS = st.integers(0, 40).map(lambda n: add_months("2024-01", n))


@given(
    before=st.dictionaries(MONTHS, st.sampled_from("abc")),
    after=st.dictionaries(MONTHS, st.sampled_from("abc")),
)
def test_touched_is_what_differs(before: dict[str, str], after: dict[str, str]) -> None:
    expected = {m for m in {*before, *after} if before.get(m) != after.get(m)}
    assert touched({"s": before}, {"s": after}) == sorted(expected)
    assert touched({}, {"s": after}) == sorted(after)
