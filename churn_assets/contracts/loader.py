"""Reads a business folder: every `contracts/*.yaml` and `churn.yaml`, validated against each other."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from churn_assets.contracts import odcs
from churn_assets.contracts.business import Business, BusinessFile
from churn_assets.contracts.errors import DeclarationError, from_validation_error
from churn_assets.contracts.promises import promises_of
from churn_assets.contracts.server import ServerProperties, encoding_of
from churn_assets.contracts.source import Column, Delivery, MonthRule, Role, Source, SpellColumns
from churn_assets.contracts.yaml_file import read_yaml

SPARK_TYPES = {
    "string": "string",
    "date": "date",
    "timestamp": "timestamp",
    "number": "double",
    "integer": "bigint",
    "boolean": "boolean",
}
TIMES = ("date", "timestamp")
PROVENANCE = ("extract_date", "extract_month", "source_file", "row_number", "rescued")
RESERVED = frozenset(
    {"customer_key", "known_at", "sequence", "latest_in_month", "copies", "as_of_date", *PROVENANCE}
)
Model = TypeVar("Model", bound=BaseModel)


class _SpellProperty(BaseModel):
    model_config = ConfigDict(extra="forbid")
    startedOn: str
    expiresOn: str | None = None
    noticeOn: str | None = None
    endedOn: str
    endReason: str | None = None
    voluntaryReasons: list[str] = []


class _OwnProperties(BaseModel):
    """The customProperties of a contract that we give a meaning to."""

    model_config = ConfigDict(extra="forbid")
    role: Role
    delivery: Delivery
    customer: str
    eventTime: str | None = None
    spell: _SpellProperty | None = None


class _OwnColumnProperties(BaseModel):
    model_config = ConfigDict(extra="forbid")
    aliases: list[str] = []
    alternativeFormats: list[str] = []


def _validate(model: type[Model], content: dict[str, Any], file: Path) -> Model:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise from_validation_error(file, error) from error


def _own(model: type[Model], properties: list[odcs.CustomProperty], path: str, file: Path) -> Model:
    names = [p.property for p in properties]
    for name in names:
        if names.count(name) > 1:
            raise DeclarationError(file, path, f"{name} is given twice", "remove one.")
    return _validate(model, {p.property: p.value for p in properties}, file)


def _column(prop: odcs.Property, source_format: str, file: Path) -> Column:
    own = _own(_OwnColumnProperties, prop.customProperties, f"property {prop.name}.customProperties", file)
    options = prop.logicalTypeOptions
    physical = prop.physicalName or prop.name
    delivered, _, inner = physical.partition(".")
    taken = delivered.lower() in PROVENANCE
    if inner and source_format != "jsonl":
        raise DeclarationError(
            file,
            f"property {prop.name}.physicalName",
            f"{physical} is a path inside a document",
            "only jsonl has those.",
        )
    if prop.name in RESERVED:
        raise DeclarationError(
            file,
            f"property {prop.name}",
            "this name is used by the lake itself.",
            "choose another name, keep physicalName.",
        )
    if len(prop.quality) > 1 or any(set(q.arguments) != {"validValues"} for q in prop.quality):
        raise DeclarationError(
            file, f"property {prop.name}.quality", "one invalidValues rule with validValues at the most."
        )
    spark_type = (
        prop.physicalType
        if prop.logicalType == "number" and prop.physicalType
        else SPARK_TYPES[prop.logicalType]
    )
    formats = tuple(f for f in [options.format, *own.alternativeFormats] if f)
    return Column(
        name=prop.name,
        type=prop.logicalType,
        spark_type=spark_type,
        # beside ours the bronze table cannot hold a column of their name
        field=f"delivered_{delivered}" if taken else delivered,
        json_path=f"$.{inner}" if inner else None,
        aliases=(*([delivered] if taken else []), *own.aliases),
        formats=formats,
        required=prop.required or prop.primaryKey,
        personal=prop.classification == "personal",
        minimum=options.minimum,
        maximum=options.maximum,
        pattern=options.pattern,
        valid_values=tuple(prop.quality[0].arguments["validValues"]) if prop.quality else (),
        valid_severity=prop.quality[0].severity if prop.quality else "warn",
        transform=prop.transformLogic,
        refers_to=prop.relationships[0].to if prop.relationships else None,
    )


def load_source(file: Path) -> Source:
    """One contract file as a `Source`.

    The customer's id is required and personal, event time and start of a spell are required, whatever the contract
    says: a row without them has no place in the lake and belongs in quarantine.

    Raises:
        DeclarationError: not YAML, not the ODCS shape, or contradictory; names file, path and remedy.
    """
    contract = _validate(odcs.Contract, read_yaml(file), file)
    own = _own(_OwnProperties, contract.customProperties, "customProperties", file)
    server, table = contract.servers[0], contract.schema_[0]
    server_own = _own(ServerProperties, server.customProperties, "servers[0].customProperties", file)
    promises = promises_of(contract.slaProperties, file)
    columns = tuple(_column(prop, server.format, file) for prop in table.properties)
    by_name = {c.name: c for c in columns}
    names = [c.name for c in columns]

    def refuse(path: str, problem: str, remedy: str) -> NoReturn:
        raise DeclarationError(file, path, problem, remedy)

    def must_exist(path: str, name: str | None) -> None:
        if name is not None and name not in names:
            refuse(path, f"{name} is not a property of the schema", f"use one of {', '.join(names)}.")

    for name in {n for n in names if names.count(n) > 1}:
        refuse("schema[0].properties", f"{name} is declared twice", "remove one.")
    must_exist("customProperties.customer", own.customer)
    must_exist("customProperties.eventTime", own.eventTime)
    keyed = sorted((p.primaryKeyPosition, i, p.name) for i, p in enumerate(table.properties) if p.primaryKey)
    if not keyed:
        refuse("schema[0].properties", "no property has primaryKey: true", "say what identifies a row.")
    if own.role in ("event", "treatment") and own.eventTime is None:
        refuse(
            "customProperties",
            f"a source of role {own.role} needs eventTime",
            "name its date or timestamp property.",
        )
    if own.role == "spell" and own.spell is None:
        refuse(
            "customProperties",
            "a source of role spell needs spell",
            "name startedOn, endedOn and the reasons.",
        )
    rules = [q.implementation.rule for q in table.quality]
    for rule in rules:
        if rules.count(rule) > 1:
            refuse("schema[0].quality", f"there are two rules {rule}", "keep one: a month is judged by one.")
    spell = own.spell and SpellColumns(
        started_on=own.spell.startedOn,
        expires_on=own.spell.expiresOn,
        notice_on=own.spell.noticeOn,
        ended_on=own.spell.endedOn,
        end_reason=own.spell.endReason,
        voluntary_reasons=tuple(own.spell.voluntaryReasons),
    )
    if own.spell is not None:
        for key, value in own.spell.model_dump(exclude={"voluntaryReasons"}).items():
            must_exist(f"customProperties.spell.{key}", value)
            if value is not None and key != "endReason" and by_name[value].type not in TIMES:
                refuse(
                    f"customProperties.spell.{key}",
                    f"{value} is no time",
                    "name a date or timestamp property.",
                )
    if by_name[own.customer].spark_type != "string":
        refuse(
            f"property {own.customer}", "it names the customer and is not a string", "declare it as string."
        )
    if own.eventTime is not None and by_name[own.eventTime].type not in TIMES:
        refuse(
            "customProperties.eventTime", f"{own.eventTime} is no time", "name a date or timestamp property."
        )
    needed = {own.customer, own.eventTime, own.spell and own.spell.startedOn}
    columns = tuple(
        replace(c, required=c.required or c.name in needed, personal=c.personal or c.name == own.customer)
        for c in columns
    )
    return Source(
        name=contract.name,
        description=contract.description.purpose,
        owner=f"team:{contract.team.name if contract.team else contract.domain or 'data'}",
        version=contract.version,
        role=own.role,
        delivery=own.delivery,
        format=server.format,
        path=server.path.strip("/"),
        delimiter=server_own.delimiter,
        encoding=encoding_of(server_own, server.format, file),
        columns=columns,
        key=tuple(name for _, _, name in keyed),
        customer=own.customer,
        event_time=own.eventTime,
        spell=spell or None,
        month_rules=tuple(
            MonthRule(q.implementation.rule, q.implementation.minShare, q.implementation.maxShare, q.severity)
            for q in table.quality
        ),
        frequency_days=promises.frequency_days,
        latency_days=promises.latency_days,
        first_month=promises.first_month,
    )


@cache
def load_business(folder: Path) -> Business:
    """The business in `folder`: its churn.yaml and contracts, checked against each other; read once per process.

    Raises:
        DeclarationError: anything in the folder is wrong; names file, path and remedy.
    """
    files = sorted((folder / "contracts").glob("*.yaml"))
    if not files:
        raise DeclarationError(
            folder / "contracts", "", "there is no contract.", "write one YAML file a source."
        )
    sources = tuple(load_source(file) for file in files)
    names = [s.name for s in sources]
    for file, source in zip(files, sources, strict=True):
        if names.count(source.name) > 1:
            raise DeclarationError(file, "name", f"two contracts are called {source.name}", "rename one.")
        for column in source.columns:
            target = (column.refers_to or "").partition(".")[0]
            if target and target not in names:
                raise DeclarationError(
                    file,
                    f"property {column.name}.relationships",
                    f"there is no source {target}",
                    f"use one of {', '.join(names)}.",
                )
    file = folder / "churn.yaml"
    return _validate(BusinessFile, read_yaml(file), file).with_sources(sources, file)
