"""Numbers with their units, and one item of a plural."""

import pytest

from churn_assets.contracts.units import singular
from churn_assets.ml.portable.sentences import number


@pytest.mark.parametrize(
    ("many", "one"),
    [
        ("messages", "message"),
        ("support tickets still open", "support ticket still open"),
        ("people", "person"),
        ("boxes", "box"),
        ("batches", "batch"),
        ("categories", "category"),
        ("caches", "cache"),
        ("purchases", "purchase"),
        ("movies", "movie"),
        ("cookies", "cookie"),
        ("series", "series"),
        ("status", "status"),
        ("gas", "gas"),
        ("news", "news"),
        ("classes", "class"),
        ("houses", "house"),
    ],
)
def test_one_of_many(many: str, one: str) -> None:
    assert singular(many) == one


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (119.0, "minutes", "119 minutes"),
        (120.0, "minutes", "2 hours"),
        (1023.0, "minutes", "17 hours"),
        (119.0, "seconds", "119 seconds"),
        (150.0, "seconds", "2.5 minutes"),
        (7200.0, "seconds", "2 hours"),
    ],
)
def test_time_is_said_in_the_unit_that_reads_better(value: float, unit: str, said: str) -> None:
    assert number(value, unit, "unit") == said
