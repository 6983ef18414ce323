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
        ("tickets_count_1m", "tickets, last month", (("text", "{value} ticket{s} in the last month"),)),
        ("tickets_count_3m", "tickets, last 3 months", (("text", "{value} ticket{s} in the last 3 months"),)),
        ("tickets_count_14d", "tickets, last 14 days", (("text", "{value} ticket{s} in the last 2 weeks"),)),
    ]


TREND = {"source": "tickets", "aggregate": "trend", "measure": "satisfaction", "months": [3]}
PLAN = {"source": "subscriptions", "aggregate": "attribute", "column": "plan"}
AUTOPAY = {"source": "customers", "aggregate": "attribute", "column": "autopay"}
PHRASES: list[tuple[dict[str, Any], str, str]] = [
    (
        COUNT | {"says": "{count} tickets"},
        "says",
        "it has no {count} here; use one of {value}, {size}, {typical}",
    ),
    (COUNT | {"says": "{valu} tickets"}, "says", "it has no {valu} here; did you mean value?"),
    (COUNT | {"says": "{value!r} tickets"}, "says", "cannot write {value} as `r`"),
    (
        COUNT | {"says": "{value:.2f} tickets"},
        "says",
        "cannot write {value} as `.2f`; use {value}, {value:%}",
    ),
    (COUNT | {"says": "{value.__class__}"}, "says", "it has no {value.__class__}"),
    (COUNT | {"says": "{value"}, "says", "write a single brace as `{{` or `}}`"),
    (COUNT | {"says": {"zero": "{usual}"}}, "says.zero", "it has no {usual} here"),
    (
        COUNT | {"missing": "{value} tickets"},
        "missing",
        "it has no {value} here; use one of {window}, {span}",
    ),
    (TREND | {"says": "{value:%}"}, "says", "cannot write {value} as `%`; use {value}"),
    (TREND | {"says": "{typical}"}, "says", "it has no {typical} here"),
    (TREND | {"says": {"negative": "x"}}, "says.negative", "negative does not apply to a trend"),
    (PLAN | {"says": "{typical}"}, "says", "it has no {typical} here; use one of {value}"),
    (PLAN | {"says": {"higher": "x"}}, "says.higher", "higher does not apply to words"),
    (
        PLAN | {"says": {"if_true": "x"}},
        "says.if_true",
        "if_true is for columns of true and false; use `text`",
    ),
    (
        PLAN | {"says": {"if_true": "x"}},
        "says.if_true",
        "if_true is for columns of true and false; use `text`",
    ),
    (COUNT | {"says": {"all": "x"}}, "says.all", "all is for shares"),
    (
        PLAN | {"says": {"values": {"basik": "x"}}},
        "says.values",
        "plan is never 'basik'; did you mean basic?",
    ),
    (PLAN | {"says": {"values": {"basic": "{typical}"}}}, "says.values.basic", "it has no {typical} here"),
    (COUNT | {"says": {"values": {"1": "x"}}}, "says.values", "only words have values with texts"),
    (PLAN | {"reason_when": "higher"}, "reason_when", "words are not higher than others; list the values"),
    (PLAN | {"reason_values": ["basik"]}, "reason_values", "plan is never 'basik'; did you mean basic?"),
    (
        AUTOPAY | {"reason_values": ["flase"]},
        "reason_values",
        "autopay is never 'flase'; did you mean false?",
    ),
    (COUNT | {"reason_values": ["1"]}, "reason_values", "only words have values to list; use `reason_when`"),
    (COUNT | {"says": {"lowr": "x"}}, "says.lowr", "there is no key 'lowr'; did you mean lower?"),
    (
        COUNT | {"where": "priority = 2", "says": {"less_than_usual": "x"}},
        "says.less_than_usual",
        "no feature of a longer window tells what is usual for a customer",
    ),
    (
        PLAN | {"says": {"less_than_usual": "x"}},
        "says.less_than_usual",
        "only a sum or a count has less_than_usual",
    ),
    (
        {"sql": "usage_data_mb_sum_1m / 2", "speaks_of": "usage_data_mb_sum_1"},
        "speaks_of",
        "there is no feature usage_data_mb_sum_1 to speak of; did you mean usage_data_mb_sum_1m?",
    ),
    (
        {"sql": "usage_data_mb_sum_1m / 2", "speaks_of": "usage_data_mb_sum_6m"},
        "speaks_of",
        "usage_data_mb_sum_6m has no longer window that tells what is usual",
    ),
    (COUNT | {"speaks_of": "tenure_days"}, "", "only an expression may speak of another feature"),
]


@pytest.mark.parametrize(("line", "place", "told"), PHRASES)
def test_a_phrase_that_cannot_be_filled_in_is_refused(
    tmp_path: Path, line: dict[str, Any], place: str, told: str
) -> None:
    folder = business_copy(tmp_path)
    edit_yaml(folder / "churn.yaml", lambda c: c["features"].append(line | {"name": "odd"}))
    _, path, words = only_mistake(lambda: load_business(folder))
    assert path == f"features[..].{place}".rstrip(".")
    assert told in words


def test_a_currency_is_one(tmp_path: Path) -> None:
    folder = business_copy(tmp_path)
    edit_yaml(folder / "churn.yaml", lambda c: c.update(currency="ERU"))
    _, path, words = only_mistake(lambda: load_business(folder))
    assert (path, words) == (
        "currency",
        "ERU is no currency; write the code of ISO 4217, such as EUR or USD; did you mean EUR?",
    )


def test_the_unit_of_money_is_the_currency_of_the_business(tmp_path: Path) -> None:
    folder = business_copy(tmp_path)
    edit_yaml(folder / "churn.yaml", lambda c: c.update(currency="USD"))
    units = {f.name: f.unit for f in load_business(folder).features}
    assert units["invoiced_per_gb_3m"] == "USD per GB"
    assert units["usage_data_mb_sum_14d"] == "MB"
    assert units["tickets_recency_days"] == "days"


def test_a_window_is_said_only_where_there_is_one() -> None:
    with pytest.raises(ValidationError, match="this line has none"):
        FeatureLine(**COUNT | {"aggregate": "count_ever", "months": [], "says": "{value} days {window}"})


def test_a_recency_is_said_with_the_observation_window() -> None:
    line = COUNT | {"aggregate": "recency", "months": [], "missing": "no ticket {window}"}
    source = load_business(SHIPPED_BUSINESSES / "telecom").source("tickets")
    [found] = expand(FeatureLine(**line), source, 6)
    assert (found.name, found.months) == ("tickets_recency_days", 6)
    assert found.missing == "no ticket in the last 6 months"
