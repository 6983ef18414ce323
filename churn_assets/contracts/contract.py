"""One contract file -> a source: its parts are read one by one and checked against each other."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from churn_assets.contracts import odcs
from churn_assets.contracts.columns import column_of
from churn_assets.contracts.place import Place
from churn_assets.contracts.promises import promises_of
from churn_assets.contracts.server import ServerProperties, delimiter_of, encoding_of
from churn_assets.contracts.source import (
    TIMES,
    Column,
    Delivery,
    FileFormat,
    GapRule,
    MonthRule,
    Role,
    Source,
)
from churn_assets.contracts.spell import SpellProperty, require_column
from churn_assets.contracts.validation import own_properties, validated
from churn_assets.contracts.yaml_file import read_yaml

SHARED_TABLES = ("quarantine", "customer_keys", "customer_identity", "reconciliation")  # of silver


class _OwnProperties(BaseModel):
    """The customProperties of a contract that we give a meaning to."""

    model_config = ConfigDict(extra="forbid")
    role: Role
    delivery: Delivery
    customer: str
    eventTime: str | None = None
    spell: SpellProperty | None = None


def load_source(file: Path) -> Source:
    """One contract file as a `Source`.

    The customer's id is required and personal, event time and start of a spell are required, whatever the contract
    says: a row without them has no place in the lake and belongs in quarantine.

    Raises:
        DeclarationError: not YAML, not the ODCS shape, or contradictory; names file, path and remedy.
    """
    contract = validated(odcs.Contract, read_yaml(file), file)
    top = Place(file)
    if contract.name in SHARED_TABLES:
        top.at("name").refuse(f"{contract.name} is a table of the lake itself", "choose another name.")
    own = own_properties(_OwnProperties, contract.customProperties, top.at("customProperties"))
    server, table = contract.servers[0], contract.schema_[0]
    server_place = top.at("servers", 0, "customProperties")
    server_own = own_properties(ServerProperties, server.customProperties, server_place)
    promises = promises_of(contract.slaProperties, top.at("slaProperties"))
    schema = top.at("schema", 0)
    columns = _columns(table.properties, server.format, schema.at("properties"))
    key = _key(table.properties, schema.at("properties"))
    _check_own(own, columns, top.at("customProperties"))
    _check_personal(own, key, columns, top)
    month_rules, gap = _rules(table.quality, schema.at("quality"))
    needed = {own.customer, own.eventTime, own.spell and own.spell.startedOn}
    return Source(
        name=contract.name,
        description=contract.description.purpose,
        owner=f"team:{contract.team.name if contract.team else contract.domain or 'data'}",
        version=contract.version,
        role=own.role,
        delivery=own.delivery,
        format=server.format,
        path=server.path.strip("/"),
        delimiter=delimiter_of(server_own, server_place),
        encoding=encoding_of(server_own, server.format, server_place),
        columns=tuple(
            replace(c, required=c.required or c.name in needed, personal=c.personal or c.name == own.customer)
            for c in columns.values()
        ),
        key=key,
        customer=own.customer,
        event_time=own.eventTime,
        spell=own.spell.as_columns() if own.spell else None,
        month_rules=month_rules,
        gap=gap,
        frequency_days=promises.frequency_days,
        latency_days=promises.latency_days,
        first_month=promises.first_month,
    )


def _columns(
    properties: Sequence[odcs.Property], source_format: FileFormat, place: Place
) -> dict[str, Column]:
    """Name -> column, in the order of the contract."""
    columns: dict[str, Column] = {}
    for prop in properties:
        if prop.name in columns:
            place.refuse(f"{prop.name} is declared twice", "remove one.")
        columns[prop.name] = column_of(prop, source_format, Place(place.file, f"property {prop.name}"))
    return columns


def _key(properties: Sequence[odcs.Property], place: Place) -> tuple[str, ...]:
    keyed = sorted((p.primaryKeyPosition, i, p.name) for i, p in enumerate(properties) if p.primaryKey)
    if not keyed:
        place.refuse("no property has primaryKey: true", "say what identifies a row.")
    return tuple(name for _, _, name in keyed)


def _check_own(own: _OwnProperties, columns: Mapping[str, Column], place: Place) -> None:
    """What a role needs is there, and what is named is a column of a fitting type."""
    require_column(own.customer, columns, place.at("customer"))
    if columns[own.customer].spark_type != "string":
        Place(place.file, f"property {own.customer}").refuse(
            "it names the customer and is not a string", "declare it as string."
        )
    if own.eventTime is not None:
        require_column(own.eventTime, columns, place.at("eventTime"))
        if columns[own.eventTime].type not in TIMES:
            place.at("eventTime").refuse(f"{own.eventTime} is no time", "name a date or timestamp property.")
    elif own.role in ("event", "treatment"):
        place.refuse(f"a source of role {own.role} needs eventTime", "name its date or timestamp property.")
    if own.spell is not None:
        own.spell.check(place.at("spell"), columns)
    elif own.role == "spell":
        place.refuse("a source of role spell needs spell", "name startedOn, endedOn and the reasons.")


def _check_personal(
    own: _OwnProperties, key: Sequence[str], columns: Mapping[str, Column], top: Place
) -> None:
    """What all read is not personal; only the customer's id is replaced by a key."""
    read: dict[str | None, str] = dict.fromkeys(key, "primaryKey")
    read[own.eventTime] = "customProperties.eventTime"
    if own.spell is not None:
        read |= {name: f"customProperties.spell.{key}" for key, name in own.spell.columns.items()}
    for column in columns.values():
        if column.personal and column.name in read and column.name != own.customer:
            Place(top.file, f"property {column.name}").refuse(
                f"it is personal and stays in silver/customer_identity, but {read[column.name]} is read by all",
                "classify it as internal, or name another property.",
            )


def _rules(
    quality: Sequence[odcs.SchemaQuality], place: Place
) -> tuple[tuple[MonthRule, ...], GapRule | None]:
    rules = [q.implementation.rule for q in quality]
    for rule in rules:
        if rules.count(rule) > 1:
            place.refuse(f"there are two rules {rule}", "keep one: a month is judged by one.")
    shares: list[MonthRule] = []
    gap = None
    for q in quality:
        match q.implementation:
            case odcs.Shares() as s:
                shares.append(MonthRule(s.rule, s.minShare, s.maxShare, q.severity))
            case odcs.Gap() as g:
                gap = GapRule(g.maxDays, q.severity)
    return tuple(shares), gap
