"""Follow-up of snapshots by chains of settled labels."""

from datetime import date

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.ml.survival.follow_up import follow_up, step_months

pytestmark = pytest.mark.one_python(reason="counts in NumPy")

Row = tuple[str, int, int | None, str, date | None]
END = date(2026, 3, 9)


def labels(*rows: Row) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["customer_key", "month", "label", "outcome", "ended_on"])


def told(rows: pd.DataFrame, step: int = 1) -> list[tuple[bool, int, bool, bool]]:
    seen = follow_up(rows, step)
    return list(
        zip(
            seen.at_risk.tolist(),
            seen.steps.tolist(),
            seen.left.tolist(),
            seen.left_between.tolist(),
            strict=True,
        )
    )


def test_a_customer_is_followed_until_they_leave() -> None:
    rows = labels(("a", 1, 0, "stayed", None), ("a", 2, 0, "stayed", None), ("a", 3, 1, "churned", END))
    assert told(rows) == [(True, 2, True, False), (True, 1, True, False), (True, 0, True, False)]


def test_what_is_not_settled_is_censored_and_never_stayed() -> None:
    """The chain of `a` ends with the last settled cohort; the outcome of `b` is not known in month 2."""
    rows = labels(("a", 1, 0, "stayed", None), ("b", 1, 0, "stayed", None), ("b", 2, None, "unknown", None))
    assert told(rows) == [(True, 1, False, False), (True, 1, False, False), (False, 0, False, False)]


def test_a_customer_without_a_snapshot_is_lost_from_sight() -> None:
    rows = labels(("a", 1, 0, "stayed", None), ("b", 2, 0, "stayed", None), ("a", 3, 0, "stayed", None))
    assert told(rows)[0] == (True, 1, False, False)


def test_an_end_between_two_cohorts_counts_as_leaving_in_the_next_step() -> None:
    """`a` gave notice, so that the next cohort does not hold them; `b` left in the gap of the next cohort."""
    rows = labels(
        ("a", 1, 0, "stayed", END),
        ("b", 1, 0, "stayed", None),
        ("b", 2, None, "ended_in_gap", END),
    )
    assert told(rows) == [(True, 1, True, True), (True, 1, True, True), (False, 0, False, False)]


def test_a_told_end_waits_for_the_next_cohort() -> None:
    """Otherwise, of the newest cohort only those who leave would be followed further."""
    assert told(labels(("a", 1, 0, "stayed", END))) == [(True, 1, False, False)]


def test_steps_of_several_months_skip_the_cohorts_between() -> None:
    rows = labels(("a", 1, 0, "stayed", None), ("a", 2, 1, "churned", None), ("a", 3, 1, "churned", None))
    assert told(rows, step=2) == [(True, 1, True, False), (True, 0, True, False), (True, 0, True, False)]


@pytest.mark.parametrize(
    ("days", "months"), [(30, 1), (28, 1), (33, 1), (60, 2), (90, 3), (180, 6), (14, None), (45, None)]
)
def test_a_step_is_as_many_whole_months_as_the_outcome_window(days: int, months: int | None) -> None:
    assert step_months(days) == months


OUTCOMES = st.sampled_from(["stayed", "stayed", "churned", "unknown", "ended_in_gap", "none"])


@given(st.lists(st.lists(OUTCOMES, min_size=1, max_size=6), min_size=1, max_size=5), st.integers(1, 2))
def test_chains_are_those_of_a_walk_through_the_months(customers: list[list[str]], step: int) -> None:
    """A reference that walks from each snapshot on, month by month."""
    known = {
        (f"{who}", month): outcome
        for who, outcomes in enumerate(customers)
        for month, outcome in enumerate(outcomes)
        if outcome != "none"
    }
    settled = {month for _, month in known}
    rows = labels(
        *(
            (who, month, {"churned": 1, "stayed": 0}.get(outcome), outcome, None)
            for (who, month), outcome in known.items()
        )
    )
    for (who, month), (at_risk, steps, left, _) in zip(known, told(rows, step), strict=True):
        at, walked, gone = month, 0, False
        while known.get((who, at)) == "stayed":
            walked, at = walked + 1, at + step
        gone = known.get((who, at)) == "churned" or (walked > 0 and known.get((who, at)) == "ended_in_gap")
        assert at_risk == (known[who, month] in ("stayed", "churned"))
        assert (steps, left) == (walked, gone and at in settled)
