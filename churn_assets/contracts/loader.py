"""Reads a business folder: every `contracts/*.yaml` and `churn.yaml`, validated against each other."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NoReturn

from pydantic import BaseModel, ConfigDict

from churn_assets.contracts import odcs
from churn_assets.contracts.business import Business, BusinessFile
from churn_assets.contracts.columns import TIMES, column_of
from churn_assets.contracts.errors import DeclarationError
from churn_assets.contracts.promises import promises_of
from churn_assets.contracts.server import ServerProperties, delimiter_of, encoding_of
from churn_assets.contracts.source import Delivery, GapRule, MonthRule, Role, Source, SpellColumns
from churn_assets.contracts.validation import own_properties, validated
from churn_assets.contracts.yaml_file import read_yaml

SHARED_TABLES = ("quarantine", "customer_keys", "customer_identity", "reconciliation")  # of silver


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


def load_source(file: Path) -> Source:
    """One contract file as a `Source`.

    The customer's id is required and personal, event time and start of a spell are required, whatever the contract
    says: a row without them has no place in the lake and belongs in quarantine.

    Raises:
        DeclarationError: not YAML, not the ODCS shape, or contradictory; names file, path and remedy.
    """
    contract = validated(odcs.Contract, read_yaml(file), file)
    own = own_properties(_OwnProperties, contract.customProperties, "customProperties", file)
    server, table = contract.servers[0], contract.schema_[0]
    server_own = own_properties(
        ServerProperties, server.customProperties, "servers[0].customProperties", file
    )
    promises = promises_of(contract.slaProperties, file)
    columns = tuple(column_of(prop, server.format, file) for prop in table.properties)
    by_name = {c.name: c for c in columns}
    names = [c.name for c in columns]

    def refuse(path: str, problem: str, remedy: str) -> NoReturn:
        raise DeclarationError(file, path, problem, remedy)

    def must_exist(path: str, name: str | None) -> None:
        if name is not None and name not in names:
            refuse(path, f"{name} is not a property of the schema", f"use one of {', '.join(names)}.")

    if contract.name in SHARED_TABLES:
        refuse("name", f"{contract.name} is a table of the lake itself", "choose another name.")
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
    judged = [(quality.implementation, quality.severity) for quality in table.quality]
    rules = [rule.rule for rule, _ in judged]
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
    places = {name: "primaryKey" for _, _, name in keyed} | {own.eventTime: "customProperties.eventTime"}
    if own.spell is not None:
        told = own.spell.model_dump(exclude={"voluntaryReasons"})
        places |= {name: f"customProperties.spell.{key}" for key, name in told.items()}
    for column in columns:
        if column.personal and column.name in places and column.name != own.customer:
            refuse(
                f"property {column.name}",
                f"it is personal and stays in silver/customer_identity, but {places[column.name]} is read by all",
                "classify it as internal, or name another property.",
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
        delimiter=delimiter_of(server_own, file),
        encoding=encoding_of(server_own, server.format, file),
        columns=columns,
        key=tuple(name for _, _, name in keyed),
        customer=own.customer,
        event_time=own.eventTime,
        spell=spell or None,
        month_rules=tuple(
            MonthRule(rule.rule, rule.minShare, rule.maxShare, severity)
            for rule, severity in judged
            if isinstance(rule, odcs.Shares)
        ),
        gap=next(
            (GapRule(rule.maxDays, severity) for rule, severity in judged if isinstance(rule, odcs.Gap)), None
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
    _same_types_of_personal_columns(files, sources)
    file = folder / "churn.yaml"
    return validated(BusinessFile, read_yaml(file), file).with_sources(sources, file)


def _same_types_of_personal_columns(files: Sequence[Path], sources: Sequence[Source]) -> None:
    """Personal columns of one name share a column of silver/customer_identity."""
    first: dict[str, tuple[str, str]] = {}
    for file, source in zip(files, sources, strict=True):
        for column in source.personal:
            other, kind = first.setdefault(column.name, (source.name, column.spark_type))
            if kind != column.spark_type:
                raise DeclarationError(
                    file,
                    f"property {column.name}",
                    f"it is personal and a {column.spark_type} here, but a {kind} in {other}",
                    "give both one type, or one of them another name (keep physicalName).",
                )
