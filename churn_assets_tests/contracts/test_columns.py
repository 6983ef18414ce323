"""What no column can have is refused when its contract is read, not when silver stumbles over it."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from churn_assets.contracts.contract import load_source
from churn_assets.contracts.source import Source
from churn_assets_tests.contracts.reports import only_mistake
from churn_assets_tests.lakes import business_copy, edit_yaml

Edit = dict[str, Any]


def _valid(*values: object) -> Edit:
    return {"quality": [{"metric": "invalidValues", "arguments": {"validValues": list(values)}}]}


def _options(**options: object) -> Edit:
    return {"logicalTypeOptions": options}


def _own(**properties: object) -> Edit:
    return {"customProperties": [{"property": name, "value": value} for name, value in properties.items()]}


# a further column of subscriptions: its type and what else it says
REFUSED: dict[str, tuple[str, Edit, str]] = {
    "words that YAML reads as booleans": (
        "string",
        _valid("yes", True),
        'quality[0].arguments.validValues[1]: true is not a string; write valid values as text, in quotes: "yes", "1"',
    ),
    "numbers among words": (
        "string",
        _valid("a", 1),
        'quality[0].arguments.validValues[1]: 1 is not a string; write valid values as text, in quotes: "yes", "1"',
    ),
    "words among numbers": (
        "integer",
        _valid("a"),
        "quality[0].arguments.validValues[0]: 'a' is not an integer; write valid values as whole numbers",
    ),
    "a fraction among whole numbers": (
        "integer",
        _valid(1, 1.5),
        "quality[0].arguments.validValues[1]: 1.5 is not an integer; write valid values as whole numbers",
    ),
    "a boolean among numbers": (
        "number",
        _valid(True),
        "quality[0].arguments.validValues[0]: true is not a number; write valid values as numbers",
    ),
    "a day that does not exist": (
        "date",
        _valid("2025-02-30"),
        "quality[0].arguments.validValues[0]: '2025-02-30' is not a date; write valid values as days: 2025-01-31",
    ),
    "a list of moments": (
        "timestamp",
        _valid("2025-01-01"),
        "quality[0].arguments.validValues: a timestamp cannot have a list of valid values; use minimum and maximum",
    ),
    "no values": (
        "string",
        _valid(),
        "quality[0].arguments.validValues: validValues is empty; name the allowed values",
    ),
    "a bound that is no number": (
        "number",
        _options(minimum="abc"),
        "logicalTypeOptions.minimum: abc is not a number; write the minimum as a number, or remove it",
    ),
    "a bound that is no day": (
        "date",
        _options(maximum="soon"),
        "logicalTypeOptions.maximum: soon is not a date; write the maximum as a date, or remove it",
    ),
    "a bound of a boolean": (
        "boolean",
        _options(minimum=0),
        "logicalTypeOptions.minimum: 0.0 is not a boolean; write the minimum as a boolean, or remove it",
    ),
    "a class without end": (
        "string",
        _options(pattern="[A-"),
        "logicalTypeOptions.pattern: [A- is not a regular expression: unterminated character set",
    ),
    "money": (
        "number",
        {"physicalType": "money"},
        "physicalType: money is not a type of numbers; use double, float or decimal(10,2)",
    ),
    "more decimals than digits": (
        "number",
        {"physicalType": "decimal(2,4)"},
        "physicalType: decimal(2,4) is not a type of numbers; use double, float or decimal(10,2)",
    ),
    "a value of the day of the run": (
        "integer",
        {"transformLogic": "datediff(current_date, started_on)"},
        "transformLogic: current_date differs from run to run",
    ),
    "bounds the wrong way round": (
        "number",
        _options(minimum=10, maximum=9.5),
        "logicalTypeOptions: the minimum 10.0 is above the maximum 9.5; swap the two",
    ),
    "days the wrong way round": (
        "date",
        _options(minimum="2025-01-31", maximum=date(2025, 1, 30)),
        "logicalTypeOptions: the minimum 2025-01-31 is above the maximum 2025-01-30; swap the two",
    ),
    "the year of weeks": (
        "date",
        _options(format="YYYY-MM-dd"),
        "logicalTypeOptions.format: YYYY-MM-dd: YYYY is not understood; write it in Spark's letters",
    ),
    "the day of the year": (
        "date",
        _options(format="yyyy-MM-DD"),
        "logicalTypeOptions.format: yyyy-MM-DD: D is the day of the year; that of the month is d",
    ),
    "a time without a day": (
        "timestamp",
        _options(format="HH:mm"),
        "logicalTypeOptions.format: HH:mm: it lacks one of year (yyyy), month (MM) and day (dd)",
    ),
    "another format of a word": (
        "string",
        {"customProperties": [{"property": "alternativeFormats", "value": ["dd.MM.yyyy"]}]},
        (
            "customProperties[alternativeFormats].value: "
            "formats are for dates and timestamps, not for a string; remove them"
        ),
    ),
    "days and months that change places": (
        "date",
        _options(format="dd-MM-yyyy")
        | {"customProperties": [{"property": "alternativeFormats", "value": ["MM-dd-yyyy"]}]},
        "customProperties[alternativeFormats].value[0]: the formats of extra contradict each other: 05-04-2003 is",
    ),
    "a format twice": (
        "date",
        {"customProperties": [{"property": "alternativeFormats", "value": ["dd.MM.yyyy", "dd.MM.yyyy"]}]},
        "customProperties[alternativeFormats].value: dd.MM.yyyy is listed twice; remove one",
    ),
    "a decimal sign of a word": (
        "string",
        _own(decimal=","),
        "customProperties[decimal].value: decimal is for numbers, not for a string; remove it",
    ),
    "one sign for two things": (
        "number",
        _own(decimal=",", thousands=","),
        "customProperties[thousands].value: ',' cannot be the sign for both decimal and thousands",
    ),
    "a sign for thousands that is the usual one of decimals": (
        "number",
        _own(thousands="."),
        "customProperties[thousands].value: '.' cannot be the sign for both decimal and thousands",
    ),
    "a sign that nobody writes": (
        "number",
        _own(decimal=";"),
        "customProperties[decimal].value: found ';'; allowed: one of ., ,",
    ),
    "a sign that a transformation does not ask for": (
        "number",
        _own(decimal=",") | {"transformLogic": "replace(plan, 'x', '')"},
        "customProperties[decimal].value: transformLogic reads the text itself, so decimal has no effect",
    ),
    "a name of quarantine": (
        "string",
        {"name": "raw_row"},
        "name: the name raw_row is used by the lake itself; choose another name and keep physicalName",
    ),
    "a name of judgement": (
        "string",
        {"name": "refused_rule"},
        "name: the name refused_rule is used by the lake itself; choose another name and keep physicalName",
    ),
    "a name of identity": (
        "string",
        {"name": "source", "classification": "personal"},
        "name: the name source is used by the lake itself; choose another name and keep physicalName",
    ),
}
ACCEPTED: dict[str, tuple[str, Edit]] = {
    "words": ("string", _valid("yes", "no")),
    "days": ("date", _valid("2025-01-31", date(2025, 2, 28)) | _options(minimum=date(2025, 1, 1))),
    "numbers": ("number", _valid(1, 2.5) | _options(minimum=0.5) | {"physicalType": "Decimal(10, 2)"}),
    "letters as Java calls them": ("string", _options(pattern=r"(?<word>\p{Lu}[\p{L}\\-]+)\h*(?<!x)(?i)\z")),
    "bounds that meet": ("integer", _options(minimum=1, maximum=1)),
    "a format that is told and not read": ("string", _options(format="email")),
    "numbers with a comma": ("number", _own(decimal=",", thousands=".")),
    "whole numbers in groups": ("integer", _own(thousands="\u00a0")),
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
    file, place, words = only_mistake(_with_column(tmp_path, kind, edit))
    assert file.name == "subscriptions.yaml"
    assert f"{place}: {words}".startswith(f"schema[0].properties[{edit.get('name', 'extra')}].{told}")


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_a_column_can_have_is_accepted(tmp_path: Path, case: str) -> None:
    kind, edit = ACCEPTED[case]
    assert _with_column(tmp_path, kind, edit)().columns[-1].type == kind
