"""Reads one contract file into a `Source`: reads its parts one by one and checks them against each other."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from churn_assets.contracts import odcs
from churn_assets.contracts.columns import column_of
from churn_assets.contracts.custom_properties import ContractProperties
from churn_assets.contracts.entity import check_entity, former_column, reach_of
from churn_assets.contracts.mistakes import DeclarationErrors
from churn_assets.contracts.odcs import FileFormat
from churn_assets.contracts.origin import check_delivery
from churn_assets.contracts.place import Names, Place
from churn_assets.contracts.promises import promises_of
from churn_assets.contracts.server import read_server
from churn_assets.contracts.source import (
    TIMES,
    Column,
    GapRule,
    MonthRule,
    Source,
)
from churn_assets.contracts.sources import ReadContract
from churn_assets.contracts.spell import check_spell, find_column, spell_columns
from churn_assets.contracts.validation import own_properties, peek, property_place, read
from churn_assets.contracts.yaml_file import YamlDocument, read_yaml

SHARED_TABLES = (
    "quarantine",
    "customer_keys",
    "customer_identity",
    "findings",
    "reconciliation",
)  # of silver
NAME = re.compile(r"^name: *[\"']?([a-z][a-z0-9_]*)", re.MULTILINE)  # of a source, in invalid YAML


def load_source(file: Path) -> Source:
    """Reads one contract file into a `Source`.

    Raises:
        DeclarationErrors: the contract has mistakes; lists all of them.
    """
    document = read_yaml(file)
    source = read_contract(document).source
    if document.mistakes or source is None:
        raise DeclarationErrors(document.mistakes)
    return source


def read_contract(document: YamlDocument) -> ReadContract:
    """Reads as much of a contract as possible, and adds its mistakes to `document.mistakes`.

    Whatever the contract says, the customer's id is required, ids of customers are personal, and the event time and
    the start of a spell are required: silver cannot use a row without them and puts it into quarantine.
    """
    top = Place(document)
    if not document.readable:
        found = NAME.search(document.text)
        return ReadContract(top, found and found[1], None, Names((), complete=False))
    contract = read(odcs.Contract, top)
    name = top.at("name").content()
    if name in SHARED_TABLES:
        top.at("name").refuse(f"{name} is a table of the lake itself", "choose another name")
        name = None
    own_place, properties = top.at("customProperties"), top.at("schema", 0, "properties")
    own = own_properties(ContractProperties, own_place)
    server = read_server(top.at("servers", 0))
    spell = own.spell.columns if own and own.spell else {}
    columns, names = _columns(properties, server.format, {name: key for key, name in spell.items()})
    key = _key(properties)
    month_rules, gap = _rules(top.at("schema", 0, "quality"))
    promises = promises_of(top.at("slaProperties"))
    unread = Names(tuple(n for n in names.known if n not in columns), names.complete)
    if not isinstance(name, str):
        return ReadContract(top, None, None, unread)
    if own is None:
        return ReadContract(top, name, None, unread)
    customer = _check_own(own, names, columns, own_place)
    _check_personal(own, key, columns, properties)
    _check_nulled(own, customer, columns, properties)
    if server.origin is not None:
        check_delivery(server.origin, own, top.at("servers", 0))
    needed = {customer, own.eventTime, own.spell and own.spell.startedOn}
    ids = {customer, own.mergedInto}
    source = Source(
        name=name,
        description=contract.description.purpose if contract else "",
        owner=_owner(contract),
        version=contract.version if contract else "",
        role=own.role,
        delivery=own.delivery,
        format=server.format,
        path=name if server.origin else server.path,
        delimiter=server.delimiter,
        encoding=server.encoding,
        compression=server.compression,
        columns=tuple(
            replace(c, required=c.required or c.name in needed, personal=c.personal or c.name in ids)
            for c in columns.values()
        ),
        key=key,
        customer=customer or own.customer,
        event_time=own.eventTime,
        spell=spell_columns(own.spell) if own.spell else None,
        former=former_column(own),
        merged_into=own.mergedInto,
        month_rules=month_rules,
        gap=gap,
        frequency_days=promises.frequency_days,
        latency_days=promises.latency_days,
        first_month=promises.first_month,
        reach=reach_of(own),
        origin=server.origin,
    )
    return ReadContract(top, name, source, unread)


def _owner(contract: odcs.Contract | None) -> str:
    if contract is None:
        return ""
    return f"team:{contract.team.name if contract.team else contract.domain or 'data'}"


def _columns(
    place: Place, source_format: FileFormat, of_spell: Mapping[str, str]
) -> tuple[dict[str, Column], Names]:
    """Returns name -> column for the columns that could be read, and all names, in the order of the contract.

    `of_spell`: name of a column -> what it is of the spell.
    """
    columns: dict[str, Column] = {}
    names: dict[str, None] = {}
    complete = isinstance(place.content(), list)
    for item in place.items():
        name = item.at("name").content()
        if not isinstance(name, str):
            complete = False
            continue
        if name in names:
            item.at("name").refuse(f"{name} is declared twice", "remove one")
        names[name] = None
        if (prop := peek(odcs.Property, item)) is not None:
            columns[name] = column_of(prop, source_format, item, of_spell.get(name))
    return columns, Names(tuple(names), complete)


def _key(place: Place) -> tuple[str, ...]:
    properties = [peek(odcs.Property, item) for item in place.items()]
    keyed = sorted((p.primaryKeyPosition, i, p.name) for i, p in enumerate(properties) if p and p.primaryKey)
    if properties and not keyed and None not in properties:
        place.refuse("no property has primaryKey: true", "say what identifies a row")
    return tuple(name for _, _, name in keyed)


def _check_own(
    own: ContractProperties, names: Names, columns: Mapping[str, Column], place: Place
) -> str | None:
    """Checks that the properties that the role needs exist and name columns of a suitable type.

    Returns:
        The name of the customer's column, or the one probably meant; None if unknown.
    """
    here = property_place(place, "customer")
    customer = find_column(own.customer, names, here)
    if (column := columns.get(customer or "")) and column.spark_type != "string":
        here.refuse(f"{column.name} identifies the customer but is not a string", "declare it as string")
    if own.eventTime is not None:
        here = property_place(place, "eventTime")
        column = columns.get(find_column(own.eventTime, names, here) or "")
        if column and column.type not in TIMES:
            here.refuse(f"{column.name} is not a date or timestamp", "name a date or timestamp property")
    elif own.role in ("event", "treatment"):
        place.refuse(f"a source of role {own.role} needs eventTime", "name its date or timestamp property")
    if own.spell is not None:
        check_spell(own.spell, property_place(place, "spell"), names, columns)
    elif own.role == "spell":
        place.refuse("a source of role spell needs spell", "name startedOn, endedOn and the reasons")
    check_entity(own, place, names, columns)
    return customer


def _check_personal(
    own: ContractProperties, key: Sequence[str], columns: Mapping[str, Column], place: Place
) -> None:
    """Reports personal columns in the key, the event time or the spell: everyone may read these.

    The customer's id is the exception, because silver replaces it by customer_key.
    """
    read: dict[str | None, str] = dict.fromkeys(key, "primaryKey")
    read[own.eventTime] = "customProperties.eventTime"
    if own.spell is not None:
        read |= {name: f"customProperties.spell.{key}" for key, name in own.spell.columns.items()}
    for item in place.items():
        column = columns.get(str(item.at("name").content()))
        if column and column.personal and column.name in read and column.name != own.customer:
            item.at("classification").refuse(
                f"{column.name} is personal and stays in silver/customer_identity, "
                f"but later tables read {read[column.name]}",
                "classify it as internal, or name another property",
            )


def _check_nulled(
    own: ContractProperties, customer: str | None, columns: Mapping[str, Column], place: Place
) -> None:
    """Reports `severity: null_value` of columns that a row cannot do without.

    Without its end a spell would run on, and without their state former customers would be active: what is not known
    would look like what is known.
    """
    needed = {customer, own.eventTime, *(own.spell.columns.values() if own.spell else ())}
    needed |= {own.mergedInto, own.former.column if own.former else None}
    for item in place.items():
        column = columns.get(str(item.at("name").content()))
        if column is None or not (column.required or column.name in needed):
            continue
        for here, severity in (
            (property_place(item.at("customProperties"), "severity"), column.severity),
            (item.at("quality", 0, "severity"), column.valid_severity),
        ):
            if severity == "null_value":
                here.refuse(
                    f"a row is useless without {column.name}, so its value cannot be made null",
                    "write `quarantine`" + ", or make the column optional" * (column.name not in needed),
                )


def _rules(place: Place) -> tuple[tuple[MonthRule, ...], GapRule | None]:
    shares: list[MonthRule] = []
    gaps: list[GapRule] = []
    rules: set[str] = set()
    for item in place.items():
        if (quality := peek(odcs.SchemaQuality, item)) is None:
            continue
        if quality.implementation.rule in rules:
            item.refuse(f"the rule {quality.implementation.rule} is declared twice", "keep one")
        rules.add(quality.implementation.rule)
        match quality.implementation:
            case odcs.Shares() as s:
                shares.append(MonthRule(s.rule, s.minShare, s.maxShare, quality.severity))
            case odcs.FillShare() as f:
                shares.append(MonthRule(f.rule, f.minShare, 1.0, quality.severity))
            case odcs.Strangers() as r:
                shares.append(MonthRule(r.rule, None, r.maxShare, quality.severity))
            case odcs.IdOverlap() as o:
                shares.append(MonthRule(o.rule, o.minShare, o.maxAlike, quality.severity))
            case odcs.Gap() as g:
                gaps.append(GapRule(g.maxDays, quality.severity))
    return tuple(shares), gaps[0] if gaps else None
