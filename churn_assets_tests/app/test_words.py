"""Texts and values of the data as people read them."""

from datetime import date
from decimal import Decimal

import pytest

from churn_assets.app.formats import Formats
from churn_assets.app.parts.words import plain, points, said, step_of

ENGLISH = Formats("en-GB", "EUR")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "EUR", "not given"),
        (float("nan"), None, "not given"),
        (True, None, "yes"),
        (date(2026, 6, 30), None, "30 June 2026"),
        (Decimal("15.80"), "EUR", "€15.80"),
        (Decimal("15.80"), "USD", "15.80 USD"),
        (12, "months", "12 months"),
        (522.0, "days", "17 months"),
        (5507.9, "MB", "5.4 GB"),
        (1, "people", "1 person"),
        (3.0, None, "3"),
        ("a_b", None, "a_b"),
    ],
)
def test_a_value_is_said_with_its_unit(value: object, unit: str | None, text: str) -> None:
    assert said(ENGLISH, value, unit) == text


def test_large_amounts_of_data_are_told_in_a_greater_unit() -> None:
    assert step_of("MB", 50_000.0).name == "GB" and step_of("MB", 12.0).name == "MB"
    assert step_of(None, 50_000.0).size == 1


def test_a_text_of_the_data_cannot_format_the_page() -> None:
    assert plain("**x** [a](b)\n# $1$") == r"\*\*x\*\* \[a\]\(b\) \# \$1\$"
    assert plain("used 62 % less") == "used 62 % less"


def test_a_difference_of_shares_is_told_in_points_with_its_sign() -> None:
    assert points(ENGLISH, 0.12, 0.169) == "+4.9 points" and points(ENGLISH, 0.2, 0.1) == "-10.0 points"
    assert points(ENGLISH, 0.2, 0.2) == "0.0 points"
    assert points(ENGLISH, 0.1, 0.10001) == "0.0 points", "what reads as none has no sign"
