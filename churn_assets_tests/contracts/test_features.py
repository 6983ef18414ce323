"""A feature line that says more than its aggregate reads, or less, is refused: half of it would mean nothing."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from churn_assets.contracts.feature import FeatureLine, expand
from churn_assets.contracts.loader import load_business
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.contracts.reports import only_mistake
from churn_assets_tests.lakes import business_copy, edit_yaml

COUNT = {"source": "tickets", "aggregate": "count", "months": [3]}
SUM = {"source": "usage", "aggregate": "sum", "measure": "data_mb", "months": [3]}
EXPRESSION = {"name": "ratio", "sql": "a / b"}
LINES: list[tuple[dict[str, Any], str]] = [
    (COUNT | {"category": "channel", "value": "mail"}, "the aggregate count does not read `category`"),
    (COUNT | {"measure": "satisfaction"}, "the aggregate count does not read `measure`"),
    (SUM | {"column": "data_mb"}, "the aggregate sum does not read `column`"),
    (SUM | {"value": "1"}, "the aggregate sum does not read `value`"),
    ({"source": "usage", "aggregate": "tenure", "where": "data_mb > 1"}, "tenure does not read `where`"),
    (EXPRESSION | {"measure": "data_mb"}, "an expression does not read `measure`"),
    (EXPRESSION | {"months": [3]}, "an expression has no windows"),
    (SUM | {"measure": None}, "the aggregate sum needs `measure`"),
    (COUNT | {"aggregate": "share", "category": "channel"}, "the aggregate share needs `value`"),
    (COUNT | {"months": [3, 1, 3]}, r"a window stands twice in `months`: \[3, 1, 3\]; remove one"),
    (SUM | {"days": [7, 7]}, "a window stands twice in `days`"),
]


@pytest.mark.parametrize(("line", "told"), LINES)
def test_what_an_aggregate_does_not_read_is_refused(line: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        FeatureLine(**line)


def test_windows_are_said_in_words_and_in_phrases() -> None:
    line = COUNT | {"months": [1, 3], "days": [14], "words": "tickets", "says": "{value} ticket{s} {window}"}
    source = load_business(SHIPPED_BUSINESSES / "telecom").source("tickets")
    found = [(f.name, f.words, f.says) for f in expand(FeatureLine(**line), source, 6)]
    assert found == [
        ("tickets_count_1m", "tickets, last month", "{value} ticket{s} in the last month"),
        ("tickets_count_3m", "tickets, last 3 months", "{value} ticket{s} in the last 3 months"),
        ("tickets_count_14d", "tickets, last 14 days", "{value} ticket{s} in the last 14 days"),
    ]


PHRASES: list[tuple[dict[str, Any], str]] = [
    (
        COUNT | {"says": "{count} tickets"},
        r"`says` has no {count} here; it has {value}, {typical}, {s}, {window}",
    ),
    (COUNT | {"says": "{value!r} tickets"}, "cannot write {value} as `r`"),
    (COUNT | {"says": "{value:.2f} tickets"}, "cannot write {value} as `.2f`"),
    (COUNT | {"says": "{value.__class__}"}, "`says` has no {value.__class__}"),
    (
        COUNT | {"aggregate": "trend", "measure": "satisfaction", "says": "{value:%}"},
        "cannot write {value} as `%`",
    ),
    (
        COUNT | {"aggregate": "trend", "measure": "satisfaction", "says": "{typical}"},
        "`says` has no {typical} here",
    ),
]


@pytest.mark.parametrize(("line", "told"), PHRASES)
def test_a_phrase_that_cannot_be_filled_in_is_refused(
    tmp_path: Path, line: dict[str, Any], told: str
) -> None:
    folder = business_copy(tmp_path)
    edit_yaml(folder / "churn.yaml", lambda c: c["features"].append(line | {"name": "odd"}))
    _, path, words = only_mistake(lambda: load_business(folder))
    assert path == "features[..].says"
    assert told in words


def test_a_window_is_said_only_where_there_is_one() -> None:
    with pytest.raises(ValidationError, match="this line has none"):
        FeatureLine(**COUNT | {"aggregate": "count_ever", "months": [], "says": "{value} days {window}"})


def test_a_recency_is_said_with_the_observation_window() -> None:
    line = COUNT | {"aggregate": "recency", "months": [], "missing": "no ticket {window}"}
    source = load_business(SHIPPED_BUSINESSES / "telecom").source("tickets")
    [found] = expand(FeatureLine(**line), source, 6)
    assert (found.name, found.months) == ("tickets_recency_days", 6)
    assert found.missing == "no ticket in the last 6 months"
