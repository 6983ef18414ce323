"""Whatever is wrong in a contract is said with file, place and remedy."""

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from churn_assets.contracts.contract import load_source
from churn_assets.contracts.errors import DeclarationError
from churn_assets.contracts.loader import load_business
from churn_assets_tests.lakes import business_copy, edit_yaml

Edit = Callable[[dict[str, Any]], object]


def _property(contract: dict[str, Any], name: str) -> dict[str, Any]:
    return next(p for p in contract["schema"][0]["properties"] if p["name"] == name)


def _drop_property(contract: dict[str, Any], name: str) -> None:
    table = contract["schema"][0]
    table["properties"] = [p for p in table["properties"] if p["name"] != name]


def _drop_own(contract: dict[str, Any], name: str) -> None:
    contract["customProperties"] = [p for p in contract["customProperties"] if p["property"] != name]


def _set_own(contract: dict[str, Any], name: str, value: object) -> None:
    _drop_own(contract, name)
    contract["customProperties"].append({"property": name, "value": value})


def _promise(contract: dict[str, Any], name: str, value: object, unit: str | None = None) -> None:
    others = [p for p in contract["slaProperties"] if p["property"] != name]
    contract["slaProperties"] = [*others, {"property": name, "value": value, "unit": unit}]


CONTRACTS: dict[str, tuple[str, Edit, str, str]] = {
    "unknown key": (
        "usage",
        lambda c: c.update(colour="red"),
        "colour",
        "what ODCS does not know belongs in customProperties",
    ),
    "missing key": ("usage", lambda c: c.pop("version"), "version", "add this key"),
    "unknown property key": (
        "usage",
        lambda c: _property(c, "day").update(requierd=True),
        "schema[0].properties[1].requierd",
        "check its spelling",
    ),
    "unknown type": (
        "usage",
        lambda c: _property(c, "day").update(logicalType="day"),
        "schema[0].properties[1].logicalType",
        "use one of the allowed values",
    ),
    "no role": ("usage", lambda c: _drop_own(c, "role"), "role", "add this key"),
    "no primary key": (
        "tickets",
        lambda c: _property(c, "ticket_id").pop("primaryKey"),
        "schema[0].properties",
        "say what identifies a row",
    ),
    "event without eventTime": (
        "tickets",
        lambda c: _drop_own(c, "eventTime"),
        "customProperties",
        "name its date or timestamp property",
    ),
    "eventTime that is no date": (
        "tickets",
        lambda c: _set_own(c, "eventTime", "channel"),
        "customProperties.eventTime",
        "date or timestamp",
    ),
    "eventTime unknown": (
        "tickets",
        lambda c: _set_own(c, "eventTime", "when"),
        "customProperties.eventTime",
        "use one of ticket_id",
    ),
    "customer unknown": (
        "tickets",
        lambda c: _drop_property(c, "customer_id"),
        "customProperties.customer",
        "use one of ticket_id",
    ),
    "customer that is a number": (
        "tickets",
        lambda c: _property(c, "customer_id").update(logicalType="integer"),
        "property customer_id",
        "declare it as string",
    ),
    "spell without spell": (
        "subscriptions",
        lambda c: _drop_own(c, "spell"),
        "customProperties",
        "name startedOn, endedOn and the reasons",
    ),
    "spell column unknown": (
        "subscriptions",
        lambda c: _drop_property(c, "notice_on"),
        "customProperties.spell.noticeOn",
        "use one of subscription_id",
    ),
    "spell column that is no time": (
        "subscriptions",
        lambda c: _property(c, "expires_on").update(logicalType="string", customProperties=[]),
        "customProperties.spell.expiresOn",
        "expires_on is no time. Remedy: name a date or timestamp property",
    ),
    "a first day with slashes": (
        "usage",
        lambda c: _promise(c, "generalAvailability", "2025/01/01"),
        "slaProperties[2].value: 2025/01/01 is no day",
        "as YYYY-MM-DD",
    ),
    "a first day without its noughts": (
        "usage",
        lambda c: _promise(c, "generalAvailability", "2025-1-01"),
        "slaProperties[2].value",
        "as YYYY-MM-DD",
    ),
    "a first day that does not exist": (
        "usage",
        lambda c: _promise(c, "generalAvailability", "2025-02-30"),
        "slaProperties[2].value",
        "as YYYY-MM-DD",
    ),
    "a first month in words": (
        "usage",
        lambda c: _promise(c, "generalAvailability", "January 2025"),
        "slaProperties[2].value",
        "as YYYY-MM-DD",
    ),
    "a frequency in words": (
        "usage",
        lambda c: _promise(c, "frequency", "monthly"),
        "slaProperties[1].value: monthly is no number of days",
        "write a number, and its `unit`",
    ),
    "a unit that is none": (
        "usage",
        lambda c: _promise(c, "latency", 2, "moons"),
        "slaProperties[1].unit: moons is no unit",
        "use one of h, d, w, m, y (hour, day, week, month, year)",
    ),
    "a promise twice": (
        "usage",
        lambda c: c["slaProperties"].append(dict(c["slaProperties"][0])),
        "slaProperties[2]: frequency is promised twice",
        "remove one",
    ),
    "own property twice": (
        "usage",
        lambda c: c["customProperties"].append({"property": "delivery", "value": "full"}),
        "at customProperties: delivery is given twice",
        "remove one",
    ),
    "rule twice": (
        "usage",
        lambda c: c["schema"][0]["quality"].append(dict(c["schema"][0]["quality"][0], severity="warn")),
        "schema[0].quality: there are two rules volume",
        "keep one",
    ),
    "property twice": (
        "usage",
        lambda c: c["schema"][0]["properties"].append(dict(_property(c, "data_mb"))),
        "schema[0].properties",
        "data_mb is declared twice. Remedy: remove one",
    ),
    "reserved name": (
        "usage",
        lambda c: _property(c, "sms_count").update(name="known_at"),
        "property known_at",
        "choose another name",
    ),
    "path that leads nowhere": (
        "tickets",
        lambda c: _property(c, "category").update(physicalName="issue."),
        "property category.physicalName",
        "issue. is no path inside a document. Remedy: name each step",
    ),
    "relation to nowhere": (
        "usage",
        lambda c: _property(c, "customer_id").update(relationships=[{"to": "crm.customer_id"}]),
        "property customer_id.relationships",
        "use one of customers",
    ),
    "encoding that Spark does not know": (
        "subscriptions",
        lambda c: c["servers"][0].update(customProperties=[{"property": "encoding", "value": "cp1252"}]),
        "servers[0].customProperties.encoding: csv is not read in cp1252",
        "use one of UTF-8, ISO-8859-1",
    ),
    "encoding that nobody knows": (
        "subscriptions",
        lambda c: c["servers"][0].update(customProperties=[{"property": "encoding", "value": "UTF-9"}]),
        "servers[0].customProperties.encoding: csv is not read in UTF-9",
        "use one of UTF-8, ISO-8859-1",
    ),
    "delimiter of two characters": (
        "subscriptions",
        lambda c: c["servers"][0].update(customProperties=[{"property": "delimiter", "value": r"\t"}]),
        r"servers[0].customProperties.delimiter: '\\t' is not one character",
        r'a tab is "\t" in double quotes',
    ),
    "JSON lines in wide characters": (
        "tickets",
        lambda c: c["servers"][0].update(customProperties=[{"property": "encoding", "value": "UTF-16"}]),
        "jsonl is not read in UTF-16",
        "use one of UTF-8, ISO-8859-1, and",
    ),
    "name of a table of ours": (
        "usage",
        lambda c: c.update(name="quarantine"),
        "name: quarantine is a table of the lake itself",
        "choose another name",
    ),
    "personal key": (
        "tickets",
        lambda c: _property(c, "ticket_id").update(classification="personal"),
        "property ticket_id: it is personal and stays in silver/customer_identity, but primaryKey is read by all",
        "classify it as internal, or name another property",
    ),
    "personal time": (
        "tickets",
        lambda c: _property(c, "opened_at").update(classification="personal"),
        "property opened_at: it is personal",
        "but customProperties.eventTime is read by all",
    ),
    "personal spell": (
        "subscriptions",
        lambda c: _property(c, "end_reason").update(classification="personal"),
        "property end_reason: it is personal",
        "but customProperties.spell.endReason is read by all",
    ),
    "personal column of two types": (
        "usage",
        lambda c: c["schema"][0]["properties"].append(
            {"name": "birth_date", "logicalType": "string", "classification": "personal"}
        ),
        "property birth_date: it is personal and a string here, but a date in customers",
        "give both one type",
    ),
    "name of another contract": ("usage", lambda c: c.update(name="tickets"), "name", "rename one"),
}


@pytest.mark.parametrize("case", CONTRACTS)
def test_a_mistake_in_a_contract_is_told_with_file_place_and_remedy(tmp_path: Path, case: str) -> None:
    source, edit, place, remedy = CONTRACTS[case]
    folder = business_copy(tmp_path)
    edit_yaml(folder / "contracts" / f"{source}.yaml", edit)
    with pytest.raises(DeclarationError) as caught:
        load_business(folder)
    message = str(caught.value)
    assert re.match(
        re.escape(str(folder / "contracts")) + r"/(usage|tickets|subscriptions)\.yaml: at ", message
    ), message
    assert place in message and remedy in message, message


@pytest.mark.parametrize(
    ("value", "unit", "days"),
    [
        *[(3, None, 3), (0, "d", 0), (24, "h", 1), (4, "hours", 1), (36, "Hours", 2)],
        *[(2, "weeks", 14), ("2", "W", 14), (1, "Month", 31), (1, "m", 31), (1, "y", 366)],
    ],
)
def test_promises_are_counted_in_whole_days(
    tmp_path: Path, value: str | int, unit: str | None, days: int
) -> None:
    file = business_copy(tmp_path) / "contracts" / "usage.yaml"
    edit_yaml(file, lambda c: _promise(c, "latency", value, unit))
    assert load_source(file).latency_days == days


def test_a_first_day_needs_no_quotes(tmp_path: Path) -> None:
    file = business_copy(tmp_path) / "contracts" / "usage.yaml"
    edit_yaml(file, lambda c: _promise(c, "generalAvailability", date(2025, 4, 1)))
    assert "value: 2025-04-01" in file.read_text(encoding="utf-8")
    assert load_source(file).first_month == "2025-04"


@pytest.mark.parametrize(
    ("said", "known"), [("latin-1", "ISO-8859-1"), ("utf8", "UTF-8"), ("utf_16_le", "UTF-16LE")]
)
def test_an_encoding_may_go_by_any_of_its_names(tmp_path: Path, said: str, known: str) -> None:
    file = business_copy(tmp_path) / "contracts" / "subscriptions.yaml"
    own = [{"property": "encoding", "value": said}]
    edit_yaml(file, lambda c: c["servers"][0].update(customProperties=own))
    assert load_source(file).encoding == known


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"version: 2.0.0", "version stands twice in one block. Remedy: remove one"),
        (b"crew: {name: a, name: b}", "name stands twice in one block"),
        (b"until: 2025-06-31", "2025-06-31 is no day: day is out of range for month"),
        ("# Käufe".encode("latin-1"), "the file is not UTF-8. Remedy: save it as UTF-8"),
    ],
)
def test_a_line_that_yaml_would_take_or_break_upon_is_named(tmp_path: Path, line: bytes, told: str) -> None:
    file = business_copy(tmp_path) / "contracts" / "usage.yaml"
    lines = file.read_bytes().splitlines()
    file.write_bytes(b"\n".join([*lines, line]))
    with pytest.raises(DeclarationError) as caught:
        load_source(file)
    assert str(caught.value).startswith(f"{file}: at line {len(lines) + 1}: {told}")


def test_files_that_are_no_declaration_are_named(tmp_path: Path) -> None:
    folder = business_copy(tmp_path)
    (folder / "contracts" / "usage.yaml").write_text("{ not yaml")
    with pytest.raises(DeclarationError, match=r"usage\.yaml.*not valid YAML"):
        load_business(folder)
    (folder / "contracts" / "usage.yaml").write_text("- a list")
    with pytest.raises(DeclarationError, match=r"usage\.yaml.*no mapping.*start from a shipped business"):
        load_business(folder)
    for file in (folder / "contracts").glob("*.yaml"):
        file.unlink()
    with pytest.raises(DeclarationError, match=r"contracts.*no contract.*one YAML file a source"):
        load_business(folder)
