"""The rules by which cohorts depend on ingest months, and when a missing one is due."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.automation.changed_cohorts import (
    BEFORE_ALL,
    Passed,
    dependents,
    learn,
    overdue,
    reach_of,
    turn_of,
)
from churn_assets.contracts.loader import load_business
from churn_assets.months import add_months, month_index, month_range
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.lakes import business_copy, edit_yaml, small_business

MONTHS = st.integers(0, 40).map(lambda n: add_months("2024-01", n))
TURN = datetime(2026, 7, 4, 6, tzinfo=UTC)  # month_end_cohort asks for June on 4 July at 5


def test_how_far_a_month_of_each_source_reaches() -> None:
    telecom = load_business(SHIPPED_BUSINESSES / "telecom")
    assert {s.name: reach_of(telecom, s) for s in telecom.sources} == {
        "customers": None,  # attributes
        "subscriptions": None,  # a spell
        "usage": 6,  # windows only
        "invoices": 6,
        "tickets": 6,  # days since the last one, too
        "retention_contacts": 6,
        "app_contacts": 0,  # no feature looks at it
    }
    shop = load_business(SHIPPED_BUSINESSES / "shop")
    assert reach_of(shop, shop.label_source) is None, "who ever bought is a customer"


def test_a_source_that_no_feature_looks_at_changes_no_cohort(tmp_path: Path) -> None:
    folder = small_business(tmp_path)
    edit_yaml(folder / "churn.yaml", lambda c: c["features"].pop(1))
    business = load_business(folder)
    assert {s.name: reach_of(business, s) for s in business.sources} == {
        "customers": 0,
        "subscriptions": None,
        "tickets": 6,
    }


@given(month=MONTHS, reach=st.none() | st.integers(0, 8))
def test_dependents_are_the_cohorts_that_read_the_month(month: str, reach: int | None) -> None:
    """A cohort reads the extracts of its own month and of reach - 1 months before it, or of all before."""
    every = month_range("2023-06", "2028-01")
    expected = [
        c
        for c in every
        if 0 <= month_index(c) - month_index(month) < (len(every) if reach is None else reach)
    ]
    assert dependents(reach, month, every) == expected


def test_only_other_files_are_news() -> None:
    first = learn(None, {"usage": {"2025-01": 7}}, {"usage": {"2025-01": "a"}})
    assert first == {"usage": {"2025-01": Passed("a", BEFORE_ALL)}}
    same = learn(first, {"usage": {"2025-01": 9}}, {"usage": {"2025-01": "a"}})
    assert same == first
    other = learn(first, {"usage": {"2025-01": 9, "2025-02": 9}}, {"usage": {"2025-01": "b", "2025-02": "c"}})
    assert other == {"usage": {"2025-01": Passed("b", 9), "2025-02": Passed("c", 9)}}


@pytest.mark.parametrize(
    ("calendar", "now", "due"),
    [
        ({"start": "2025-01"}, TURN - timedelta(seconds=1), ["2026-04"]),
        ({"start": "2025-01"}, TURN, ["2026-04", "2026-06"]),
        ({"start": "2025-01", "end": "2026-07"}, TURN - timedelta(seconds=1), ["2026-04"]),
        ({"start": "2025-01", "end": "2026-07"}, TURN, ["2026-04", "2026-06"]),
        # nobody asks for the last months of a calendar that has ended, so they do not wait for him
        ({"start": "2025-01", "end": "2026-06"}, TURN - timedelta(seconds=1), ["2026-04", "2026-06"]),
    ],
)
def test_a_missing_cohort_is_due_after_month_end_has_had_its_turn(
    tmp_path: Path, calendar: dict[str, str], now: datetime, due: list[str]
) -> None:
    business = load_business(business_copy(tmp_path, calendar=calendar))
    closed = month_range("2026-01", "2026-06")
    assert overdue(business, {"2026-03", "2026-05"}, closed, now) == due
    assert overdue(business, set(), closed, now) == [], "the first cohorts are asked for by somebody"


def test_the_turn_is_an_hour_after_the_schedule() -> None:
    assert turn_of("2026-06") == TURN
    assert turn_of("2025-12") == datetime(2026, 1, 4, 6, tzinfo=UTC)
