"""Drivers of segments, and their change over months."""

from datetime import date

import pytest

from churn_assets.scores.segment_drivers import driver_rows

MAY, JUNE = date(2026, 5, 31), date(2026, 6, 30)
COUNTS = [
    (JUNE, "at risk", "price", 60),
    (JUNE, "at risk", "network", 30),
    (JUNE, "at risk", "service", 10),
    (JUNE, "steady", "usage", 500),
    (MAY, "at risk", "price", 40),
    (MAY, "at risk", "network", 60),
]


def test_shares_of_the_month_with_their_change() -> None:
    assert driver_rows(COUNTS, JUNE) == [
        ("steady", 500, "usage 100%"),
        ("at risk", 100, "price 60% (+20), network 30% (-30), service 10% (+10)"),
    ]


def test_the_first_month_has_no_change() -> None:
    assert driver_rows(COUNTS, MAY) == [("at risk", 100, "network 60%, price 40%")]


def test_only_the_strongest_three_are_said_and_ties_go_by_name() -> None:
    rows = [(JUNE, "all", name, 5) for name in "dcba"]
    assert driver_rows(rows, JUNE) == [("all", 20, "a 25%, b 25%, c 25%")]


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_rows_says_nothing(order: int) -> None:
    assert driver_rows(COUNTS[::order], JUNE) == driver_rows(COUNTS, JUNE)


def test_no_scored_customer_no_line() -> None:
    assert driver_rows([], JUNE) == []
