"""What no column can have is refused when its contract is read, not when silver stumbles over it."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from churn_assets.contracts.contract import load_source
from churn_assets.contracts.errors import DeclarationError
from churn_assets.contracts.source import Source
from churn_assets_tests.lakes import business_copy, edit_yaml

Edit = dict[str, Any]


def _valid(*values: object) -> Edit:
    return {"quality": [{"metric": "invalidValues", "arguments": {"validValues": list(values)}}]}


def _options(**options: object) -> Edit:
    return {"logicalTypeOptions": options}


# a further column of subscriptions: its type and what else it says
REFUSED: dict[str, tuple[str, Edit, str]] = {
    "words that YAML reads as booleans": (
        "string",
        _valid(True, False),
        'quality: True is no string. Remedy: write valid values as text, in quotes: "yes"',
    ),
    "numbers among words": ("string", _valid("a", 1), "quality: 1 is no string"),
    "words among numbers": (
        "integer",
        _valid("a"),
        "quality: 'a' is no integer. Remedy: write valid values as whole numbers",
    ),
    "a fraction among whole numbers": ("integer", _valid(1, 1.5), "quality: 1.5 is no integer"),
    "a boolean among numbers": ("number", _valid(True), "quality: True is no number"),
    "a day that does not exist": ("date", _valid("2025-02-30"), "quality: '2025-02-30' is no date"),
    "a list of moments": ("timestamp", _valid("2025-01-01"), "quality: a timestamp has no list"),
    "no values": ("string", _valid(), "quality: validValues is empty"),
    "a bound that is no number": (
        "number",
        _options(minimum="abc"),
        "logicalTypeOptions.minimum: abc is no number. Remedy: write the minimum as a number",
    ),
    "a bound that is no day": (
        "date",
        _options(maximum="soon"),
        "logicalTypeOptions.maximum: soon is no date",
    ),
    "a bound of a boolean": ("boolean", _options(minimum=0), "logicalTypeOptions.minimum: 0.0 is no boolean"),
    "a class without end": (
        "string",
        _options(pattern="[A-"),
        "logicalTypeOptions.pattern: [A- is no regular expression",
    ),
    "money": (
        "number",
        {"physicalType": "money"},
        "physicalType: money is no type of a number. Remedy: use double",
    ),
    "more decimals than digits": (
        "number",
        {"physicalType": "decimal(2,4)"},
        "physicalType: decimal(2,4) is no type",
    ),
    "a value of the day of the run": (
        "integer",
        {"transformLogic": "datediff(current_date, started_on)"},
        "transformLogic: current_date differs from run to run",
    ),
    "bounds the wrong way round": (
        "number",
        _options(minimum=10, maximum=9.5),
        "logicalTypeOptions: nothing is between 10.0 and 9.5. Remedy: exchange the two",
    ),
    "days the wrong way round": (
        "date",
        _options(minimum="2025-01-31", maximum=date(2025, 1, 30)),
        "nothing is between 2025-01-31 and 2025-01-30",
    ),
    "the year of weeks": (
        "date",
        _options(format="YYYY-MM-dd"),
        "logicalTypeOptions.format: YYYY-MM-dd: YYYY is not understood. Remedy: write it in Spark's letters",
    ),
    "the day of the year": (
        "date",
        _options(format="yyyy-MM-DD"),
        "yyyy-MM-DD: D is the day of the year; that of the month is d",
    ),
    "a time without a day": (
        "timestamp",
        _options(format="HH:mm"),
        "it does not tell year (yyyy), month (MM)",
    ),
    "another format of a word": (
        "string",
        {"customProperties": [{"property": "alternativeFormats", "value": ["dd.MM.yyyy"]}]},
        "customProperties.alternativeFormats: a string has none",
    ),
    "a name of quarantine": ("string", {"name": "raw_row"}, "used by the lake itself"),
    "a name of judgement": ("string", {"name": "refused_rule"}, "used by the lake itself"),
    "a name of identity": (
        "string",
        {"name": "source", "classification": "personal"},
        "used by the lake itself",
    ),
}
ACCEPTED: dict[str, tuple[str, Edit]] = {
    "words": ("string", _valid("yes", "no")),
    "days": ("date", _valid("2025-01-31", date(2025, 2, 28)) | _options(minimum=date(2025, 1, 1))),
    "numbers": ("number", _valid(1, 2.5) | _options(minimum=0.5) | {"physicalType": "Decimal(10, 2)"}),
    "letters as Java calls them": ("string", _options(pattern=r"(?<word>\p{Lu}[\p{L}\\-]+)\h*(?<!x)(?i)\z")),
    "bounds that meet": ("integer", _options(minimum=1, maximum=1)),
    "a format that is told and not read": ("string", _options(format="email")),
    "moments": ("timestamp", _options(format="yyyy-MM-dd'T'HH:mm[:ss]")),
    "a source that is not personal": ("string", {"name": "source"}),
}


def _with_column(tmp_path: Path, kind: str, edit: Edit) -> Callable[[], Source]:
    file = business_copy(tmp_path) / "contracts" / "subscriptions.yaml"
    column = {"name": "extra", "logicalType": kind} | edit
    edit_yaml(file, lambda c: c["schema"][0]["properties"].append(column))
    return lambda: load_source(file)


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_column_can_have_is_refused(tmp_path: Path, case: str) -> None:
    kind, edit, told = REFUSED[case]
    with pytest.raises(DeclarationError) as caught:
        _with_column(tmp_path, kind, edit)()
    assert f"subscriptions.yaml: at property {edit.get('name', 'extra')}" in str(caught.value)
    assert told in str(caught.value)


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_a_column_can_have_is_accepted(tmp_path: Path, case: str) -> None:
    kind, edit = ACCEPTED[case]
    assert _with_column(tmp_path, kind, edit)().columns[-1].type == kind
