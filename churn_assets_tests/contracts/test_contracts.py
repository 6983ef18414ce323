"""Whatever is wrong in a contract is said with file, place and remedy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.contracts.mistakes import DeclarationErrors
from churn_assets_tests.contracts.edits import promise
from churn_assets_tests.contracts.reports import only_mistake
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


def _own_of(contract: dict[str, Any], column: str, **values: object) -> None:
    own = _property(contract, column).setdefault("customProperties", [])
    own += [{"property": name, "value": value} for name, value in values.items()]


CONTRACTS: dict[str, tuple[str, Edit, str, str]] = {
    "a number has no day that means none": (
        "usage",
        lambda c: _own_of(c, "data_mb", meansNone=["9999-12-31"]),
        "schema[0].properties[data_mb].customProperties[meansNone].value",
        "meansNone is for dates and timestamps, not for a number; remove them",
    ),
    "a number has no day": (
        "usage",
        lambda c: _own_of(c, "data_mb", maxDaysAhead=10),
        "schema[0].properties[data_mb].customProperties[maxDaysAhead].value",
        "maxDaysAhead is for dates and timestamps, not for a number; remove it",
    ),
    "a day that means none is no day": (
        "usage",
        lambda c: _own_of(c, "day", meansNone=["9999-12-31", "31.12.9999"]),
        "schema[0].properties[day].customProperties[meansNone].value[1]",
        "'31.12.9999' is not a date; write it as 9999-12-31, or 0000-00-00",
    ),
    "a required value made null": (
        "usage",
        lambda c: _own_of(c, "data_mb", severity="null_value"),
        "schema[0].properties[data_mb].customProperties[severity].value",
        "a row is useless without data_mb, so its value cannot be made null; write `quarantine`, or make the column",
    ),
    "an end made null": (
        "subscriptions",
        lambda c: _own_of(c, "ended_on", severity="null_value"),
        "schema[0].properties[ended_on].customProperties[severity].value",
        "a row is useless without ended_on, so its value cannot be made null",
    ),
    "a required category made null": (
        "subscriptions",
        lambda c: _property(c, "plan")["quality"][0].update(severity="null_value"),
        "schema[0].properties[plan].quality[0].severity",
        "a row is useless without plan, so its value cannot be made null",
    ),
    "a state of the customer made null": (
        "customers",
        lambda c: (
            _property(c, "status").update(required=False),
            _property(c, "status")["quality"][0].update(severity="null_value"),
        ),
        "schema[0].properties[status].quality[0].severity",
        "a row is useless without status, so its value cannot be made null; write `quarantine`",
    ),
    "order of dates": (
        "subscriptions",
        lambda c: c["customProperties"][3]["value"].update(dateOrder="block"),
        "customProperties[spell].value.dateOrder",
        "found 'block'; allowed: one of quarantine, warn",
    ),
    "unknown key": (
        "usage",
        lambda c: c.update(colour="red"),
        "colour",
        "there is no key 'colour'; allowed: apiVersion, kind, id, name, version, status, domain",
    ),
    "missing key": ("usage", lambda c: c.pop("version"), "version", "the key version is missing; add it"),
    "unknown property key": (
        "usage",
        lambda c: _property(c, "day").update(requierd=True),
        "schema[0].properties[day].requierd",
        "there is no key 'requierd'; allowed: name, logicalType, physicalName, physicalType, description",
    ),
    "unknown type": (
        "usage",
        lambda c: _property(c, "day").update(logicalType="day"),
        "schema[0].properties[day].logicalType",
        "found 'day'; allowed: one of string, date, timestamp, number, integer, boolean",
    ),
    "no role": (
        "usage",
        lambda c: _drop_own(c, "role"),
        "customProperties.role",
        "the key role is missing; add it",
    ),
    "no primary key": (
        "tickets",
        lambda c: _property(c, "ticket_id").pop("primaryKey"),
        "schema[0].properties",
        "no property has primaryKey: true; say what identifies a row",
    ),
    "event without eventTime": (
        "tickets",
        lambda c: _drop_own(c, "eventTime"),
        "customProperties",
        "a source of role event needs eventTime; name its date or timestamp property",
    ),
    "eventTime that is no date": (
        "tickets",
        lambda c: _set_own(c, "eventTime", "channel"),
        "customProperties[eventTime].value",
        "channel is not a date or timestamp; name a date or timestamp property",
    ),
    "eventTime unknown": (
        "tickets",
        lambda c: _set_own(c, "eventTime", "when"),
        "customProperties[eventTime].value",
        "when is not a property of the schema; use one of ticket_id, customer_id, opened_at, closed_at",
    ),
    "customer unknown": (
        "tickets",
        lambda c: _drop_property(c, "customer_id"),
        "customProperties[customer].value",
        "customer_id is not a property of the schema; use one of ticket_id, opened_at, closed_at, category",
    ),
    "customer that is a number": (
        "tickets",
        lambda c: _property(c, "customer_id").update(logicalType="integer"),
        "customProperties[customer].value",
        "customer_id identifies the customer but is not a string; declare it as string",
    ),
    "spell without spell": (
        "subscriptions",
        lambda c: _drop_own(c, "spell"),
        "customProperties",
        "a source of role spell needs spell; name startedOn, endedOn and the reasons",
    ),
    "spell column unknown": (
        "subscriptions",
        lambda c: _drop_property(c, "notice_on"),
        "customProperties[spell].value.noticeOn",
        "notice_on is not a property of the schema; use one of subscription_id, customer_id, plan",
    ),
    "spell column that is no time": (
        "subscriptions",
        lambda c: _property(c, "expires_on").update(logicalType="string", customProperties=[]),
        "customProperties[spell].value.expiresOn",
        "expires_on is not a date or timestamp; name a date or timestamp property",
    ),
    "former of a spell": (
        "subscriptions",
        lambda c: _set_own(c, "former", {"column": "plan", "values": ["basic"]}),
        "customProperties[former].value",
        "a source of role spell cannot have former; remove it",
    ),
    "former by a column that is not there": (
        "customers",
        lambda c: _set_own(c, "former", {"column": "state", "values": ["former"]}),
        "customProperties[former].value.column",
        "state is not a property of the schema",
    ),
    "former by a value that never comes": (
        "customers",
        lambda c: _set_own(c, "former", {"column": "status", "values": ["gone"]}),
        "customProperties[former].value.values",
        "status is never 'gone'; use one of its validValues: active, former",
    ),
    "former by a personal column": (
        "customers",
        lambda c: _set_own(c, "former", {"column": "email", "values": ["none"]}),
        "customProperties[former].value.column",
        "email is personal, and no table after silver may read it; name another column",
    ),
    "merged into a number": (
        "customers",
        lambda c: _set_own(c, "mergedInto", "birth_date"),
        "customProperties[mergedInto].value",
        "birth_date identifies a customer but is not a string; declare it as string",
    ),
    "merged into itself": (
        "customers",
        lambda c: _set_own(c, "mergedInto", "customer_id"),
        "customProperties[mergedInto].value",
        "customer_id is the customer itself; name the column of the surviving id",
    ),
    "a contact column that everybody may see": (
        "customers",
        lambda c: _set_own(c, "contact", ["email", "phone", "region"]),
        "customProperties[contact].value",
        "region is not personal, and every table may show it; classify it as personal",
    ),
    "a consent of a spell": (
        "subscriptions",
        lambda c: _set_own(c, "consent", {"column": "plan", "values": ["basic"]}),
        "customProperties[consent].value",
        "a source of role spell cannot have consent; remove it",
    ),
    "a boolean consent with values": (
        "customers",
        lambda c: _set_own(c, "consent", {"column": "marketing_consent", "values": ["yes"]}),
        "customProperties[consent].value.values",
        "marketing_consent is a boolean, and true means yes; remove the values",
    ),
    "an objection in words without values": (
        "customers",
        lambda c: _set_own(c, "objection", {"column": "payment_method"}),
        "customProperties[objection].value",
        "nobody knows which values of payment_method mean yes; name them in `values`",
    ),
    "an objection by a personal column": (
        "customers",
        lambda c: _set_own(c, "objection", {"column": "phone", "values": ["none"]}),
        "customProperties[objection].value.column",
        "phone is personal, and no table after silver may read it; name another column",
    ),
    "an account owner that is not there": (
        "customers",
        lambda c: _set_own(c, "accountOwner", "agent"),
        "customProperties[accountOwner].value",
        "agent is not a property of the schema",
    ),
    "a first day with slashes": (
        "usage",
        lambda c: promise(c, "generalAvailability", "2025/01/01"),
        "slaProperties[2].value",
        "2025/01/01 is not a date; write the first day as YYYY-MM-DD",
    ),
    "a first day without its noughts": (
        "usage",
        lambda c: promise(c, "generalAvailability", "2025-1-01"),
        "slaProperties[2].value",
        "2025-1-01 is not a date; write the first day as YYYY-MM-DD",
    ),
    "a first day that does not exist": (
        "usage",
        lambda c: promise(c, "generalAvailability", "2025-02-30"),
        "slaProperties[2].value",
        "2025-02-30 is not a date; write the first day as YYYY-MM-DD",
    ),
    "a first month in words": (
        "usage",
        lambda c: promise(c, "generalAvailability", "January 2025"),
        "slaProperties[2].value",
        "January 2025 is not a date; write the first day as YYYY-MM-DD",
    ),
    "a frequency in words": (
        "usage",
        lambda c: promise(c, "frequency", "monthly"),
        "slaProperties[1].value",
        "monthly is not a number of days; write a number, and its `unit`",
    ),
    "a unit that is none": (
        "usage",
        lambda c: promise(c, "latency", 2, "moons"),
        "slaProperties[1].unit",
        "moons is not a known unit; did you mean month?; use one of h, d, w, m, y (hour, day, week, month, year)",
    ),
    "a promise twice": (
        "usage",
        lambda c: c["slaProperties"].append(dict(c["slaProperties"][0])),
        "slaProperties[2]",
        "frequency is promised twice; remove one",
    ),
    "own property twice": (
        "usage",
        lambda c: c["customProperties"].append({"property": "delivery", "value": "full"}),
        "customProperties[4]",
        "delivery is given twice; remove one",
    ),
    "rule twice": (
        "usage",
        lambda c: c["schema"][0]["quality"].append(dict(c["schema"][0]["quality"][0], severity="warn")),
        "schema[0].quality[3]",
        "the rule volume is declared twice; keep one",
    ),
    "property twice": (
        "usage",
        lambda c: c["schema"][0]["properties"].append(dict(_property(c, "data_mb"))),
        "schema[0].properties[8].name",
        "data_mb is declared twice; remove one",
    ),
    "reserved name": (
        "usage",
        lambda c: c["schema"][0]["properties"].append({"name": "known_at", "logicalType": "string"}),
        "schema[0].properties[known_at].name",
        "the name known_at is used by the lake itself; choose another name and keep physicalName",
    ),
    "path that leads nowhere": (
        "tickets",
        lambda c: _property(c, "category").update(physicalName="issue."),
        "schema[0].properties[category].physicalName",
        "issue. is not a path inside a document; name each step: issue.category",
    ),
    "relation to nowhere": (
        "usage",
        lambda c: _property(c, "customer_id").update(relationships=[{"to": "crm.customer_id"}]),
        "schema[0].properties[customer_id].relationships[0].to",
        (
            "there is no source crm; "
            "use one of app_contacts, customers, invoices, retention_contacts, subscriptions, tickets"
        ),
    ),
    "encoding that nobody knows": (
        "subscriptions",
        lambda c: c["servers"][0].update(customProperties=[{"property": "encoding", "value": "window-1252"}]),
        "servers[0].customProperties[encoding].value",
        "there is no encoding window-1252; did you mean windows-1252?; use one that Python knows: UTF-8, windows-1252,",
    ),
    "encoding that makes no text": (
        "tickets",
        lambda c: c["servers"][0].update(customProperties=[{"property": "encoding", "value": "base64"}]),
        "servers[0].customProperties[encoding].value",
        "there is no encoding base64;",
    ),
    "encoding of Parquet": (
        "usage",
        lambda c: c["servers"][0].update(customProperties=[{"property": "encoding", "value": "cp1252"}]),
        "servers[0].customProperties[encoding].value",
        "the text of Parquet is UTF-8; remove the encoding",
    ),
    "compression of another name": (
        "subscriptions",
        lambda c: c["servers"][0].update(customProperties=[{"property": "compression", "value": "gzip"}]),
        "servers[0].customProperties[compression].value",
        "found 'gzip'; did you mean gz?; allowed: one of gz, zst",
    ),
    "compression of Parquet": (
        "usage",
        lambda c: c["servers"][0].update(customProperties=[{"property": "compression", "value": "gz"}]),
        "servers[0].customProperties[compression].value",
        "Parquet is compressed inside; remove it",
    ),
    "delimiter of two characters": (
        "subscriptions",
        lambda c: c["servers"][0].update(customProperties=[{"property": "delimiter", "value": r"\t"}]),
        "servers[0].customProperties[delimiter].value",
        "'\\\\t' is not one character; use one; a tab is \"\\t\" in double quotes",
    ),
    "quote as delimiter": (
        "subscriptions",
        lambda c: c["servers"][0].update(customProperties=[{"property": "delimiter", "value": '"'}]),
        "servers[0].customProperties[delimiter].value",
        """'"' cannot separate values; use another character""",
    ),
    "name of a table of ours": (
        "usage",
        lambda c: c.update(name="quarantine"),
        "name",
        "quarantine is a table of the lake itself; choose another name",
    ),
    "personal key": (
        "tickets",
        lambda c: _property(c, "ticket_id").update(classification="personal"),
        "schema[0].properties[ticket_id].classification",
        "ticket_id is personal and stays in silver/customer_identity, but later tables read primaryKey",
    ),
    "personal time": (
        "tickets",
        lambda c: _property(c, "opened_at").update(classification="personal"),
        "schema[0].properties[opened_at].classification",
        "opened_at is personal and stays in silver/customer_identity, but later tables read customProperties.eventTime",
    ),
    "personal spell": (
        "subscriptions",
        lambda c: _property(c, "end_reason").update(classification="personal"),
        "schema[0].properties[end_reason].classification",
        (
            "end_reason is personal and stays in silver/customer_identity, "
            "but later tables read customProperties.spell.endReason"
        ),
    ),
    "personal column of two types": (
        "usage",
        lambda c: c["schema"][0]["properties"].append(
            {"name": "birth_date", "logicalType": "string", "classification": "personal"}
        ),
        "schema[0].properties[birth_date].logicalType",
        "birth_date is personal and of type string here, but of type date in customers; give both one type, or",
    ),
    "name of another contract": (
        "usage",
        lambda c: c.update(name="tickets"),
        "name",
        "two contracts are called tickets; rename one",
    ),
}


@pytest.mark.parametrize("case", CONTRACTS)
def test_a_mistake_in_a_contract_is_told_with_file_place_and_remedy(tmp_path: Path, case: str) -> None:
    source, edit, place, words = CONTRACTS[case]
    folder = business_copy(tmp_path)
    file = folder / "contracts" / f"{source}.yaml"
    edit_yaml(file, edit)
    told = only_mistake(lambda: load_business(folder))
    assert told[:2] == (file, place)
    assert told[2].startswith(words), told


def test_only_a_treatment_may_deliver_as_needed(tmp_path: Path) -> None:
    """A lost extract of events would look like a quiet month, and quiet customers like leaving ones."""
    folder = business_copy(tmp_path)
    edit_yaml(folder / "contracts" / "usage.yaml", _as_needed)
    with pytest.raises(DeclarationErrors, match="a source of role event cannot deliver as needed"):
        load_business(folder)


def _as_needed(contract: dict[str, Any]) -> None:
    [delivery] = [p for p in contract["customProperties"] if p["property"] == "delivery"]
    delivery["value"] = "as_needed"
