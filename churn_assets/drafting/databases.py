"""Drafts from the tables of a database: a sample of each table stands in for its files."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from churn_assets.contracts.channels import FROM_ENVIRONMENT
from churn_assets.contracts.database import PASSWORD, SourceDatabase
from churn_assets.contracts.odcs import DatabaseKind
from churn_assets.drafting.doubt import Doubt, DraftError
from churn_assets.drafting.file_names import FileGroup, GivenFile, SampledTable
from churn_assets.drafting.names import source_name
from churn_assets.drafting.source import DraftSource
from churn_assets.months import month_of
from churn_assets.settings import SECRET_PARAMETER
from churn_assets.sources.databases.address import address_of, kind_of_location
from churn_assets.sources.databases.reading import schema_and_name, snapshot
from churn_assets.sources.live.attempts import Lost
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.rows import cast, common_type

MOST_ROWS = 200_000  # of a table
MISTAKES = 0.005  # of the events of a table, so many may lie before all others
CHANGED = re.compile(r"updat|modif|(^|_)chang|last_write|geaendert|aktualisiert|(^|_)mtime")
NOT_IN_FILES = re.compile(r"[/\\]")
PASSWORD_NAME = "DATABASE_PASSWORD"  # noqa: S105 (the name of a variable)


@dataclass(frozen=True)
class DatabaseToDraft:
    """An address as given, and the tables to draft from; none: all of its default schema."""

    location: str
    tables: tuple[str, ...] = ()


class FoundTables(NamedTuple):
    """The tables with rows as groups of one file, and what to tell of the others."""

    groups: list[FileGroup]
    doubts: list[Doubt]


def is_address(text: str) -> bool:
    """Whether it is the address of a database, or the variable with it, not a path."""
    return "://" in text or FROM_ENVIRONMENT.fullmatch(text) is not None


def find_tables(
    asked: DatabaseToDraft, folder: Path, today: date, environ: Mapping[str, str] = os.environ
) -> FoundTables:
    """Reads a sample of each table into a folder.

    Raises:
        DraftError: the database cannot be read; the message holds no secret.
    """
    found = FoundTables([], [])
    try:
        kind = kind_of_location(asked.location, environ)
        declared = _declared(asked.location)
        if declared != asked.location:
            said = f"the password does not stand in a file: set the environment variable {PASSWORD_NAME} before a run"
            found.doubts.append(Doubt(1, "contracts, location", said))
        for table in asked.tables or _tables(asked, kind, environ):
            database = SourceDatabase(kind, asked.location, table, None, None, None)
            try:
                rows, complete = _sample(database, environ)
            except Lost:
                raise
            except ExtractError as error:
                if asked.tables:
                    raise
                found.doubts.append(Doubt(3, table, f"left out: {error}"))
                continue
            if rows.num_rows == 0:
                found.doubts.append(Doubt(3, table, "left out: the table has no rows"))
                continue
            name = schema_and_name(table)[1]
            file = folder / f"{len(found.groups)}" / f"{NOT_IN_FILES.sub('_', name)}.parquet"
            file.parent.mkdir()
            pq.write_table(rows, file)
            sampled = SampledTable(kind, declared, table, complete)
            given = GivenFile(file, today, "table")
            found.groups.append(FileGroup(source_name(name), (given,), table=sampled))
    except ExtractError as error:
        raise DraftError(str(error)) from None
    return found


def _declared(location: str) -> str:
    """The location as a contract may hold it."""
    plain, instead = FROM_ENVIRONMENT.sub("", location), f"${{{PASSWORD_NAME}}}"
    if (written := PASSWORD.search(plain)) and written[1]:
        location = PASSWORD.sub(lambda m: m[0].replace(f":{m[1]}@", f":{instead}@"), location)
    if SECRET_PARAMETER.sub(r"\1", plain) != plain:
        location = SECRET_PARAMETER.sub(lambda m: f"{m[1]}{instead}", location)
    return location


def _tables(asked: DatabaseToDraft, kind: DatabaseKind, environ: Mapping[str, str]) -> list[str]:
    from sqlalchemy import inspect

    database = SourceDatabase(kind, asked.location, "", None, None, None)
    with snapshot(address_of(database, environ), database) as rows:
        names = sorted(inspect(rows.connection).get_table_names())
    return [f'"{name}"' if "." in name else name for name in names]


def _sample(database: SourceDatabase, environ: Mapping[str, str]) -> tuple[pa.Table, bool]:
    """The first rows of a table, and whether they are all."""
    parts: list[pa.Table] = []
    count = 0
    with snapshot(address_of(database, environ), database) as rows:
        for part in rows.batches(rows.table_columns(), None, None):
            parts.append(part)
            count += part.num_rows
            if count > MOST_ROWS:
                break
    types = parts[0].schema.types
    for part in parts[1:]:
        types = [common_type(one, other) for one, other in zip(types, part.schema.types, strict=True)]
    types = [pa.string() if pa.types.is_null(kind) else kind for kind in types]
    names = parts[0].column_names
    tables = [
        pa.table([cast(c, t) for c, t in zip(part.columns, types, strict=True)], names) for part in parts
    ]
    return pa.concat_tables(tables).slice(0, MOST_ROWS), count <= MOST_ROWS


def with_cursor(source: DraftSource) -> DraftSource:
    """Returns the source of a table with its delivery and cursor; other sources as they are."""
    table = source.group.table
    if table is None:
        return source
    changed = [c for c in source.columns if CHANGED.search(c.name) and _orders_rows(c.formats, c.is_time)]
    others = tuple(d for d in source.doubts if d.place != f"{source.file}, delivery")
    if changed:
        return _as(
            source,
            "changes",
            changed[0].physical,
            f"the cursor {changed[0].name} is a guess by its name",
            2,
            others,
        )
    if source.role in ("event", "treatment") and source.event_time:
        time = source.column(source.event_time).physical
        said = f"the cursor is the event time, {time}: right if a row never changes, and comes within an hour"
        return _as(source, "changes", time, said, 1, others)
    said = "no column tells when a row was changed, so the whole table is read each time"
    return _as(source, "full", None, said, 3, others)


def _orders_rows(formats: Sequence[str], is_time: bool) -> bool:
    """Whether a column of times can be a cursor; texts only if they are in ISO 8601."""
    return is_time and all(format_.startswith("yyyy-MM-dd") for format_ in formats)


def _as(
    source: DraftSource, delivery: str, cursor: str | None, said: str, rank: int, others: tuple[Doubt, ...]
) -> DraftSource:
    group = replace(source.group, table=replace(source.group.table, cursor=cursor))  # type: ignore[type-var]
    doubt = source.doubt(rank, "delivery", said)
    return replace(
        source,
        group=group,
        delivery=delivery,  # type: ignore[arg-type]
        doubts=(*others, doubt),
        notes=source.notes | {"delivery": f"guess: {said}"},
    )


def first_asked(source: DraftSource, today: date) -> str | None:
    """The month of the first events of a table that can be asked for past months; None of another source.

    A few days before all others are mistakes.
    """
    if source.group.table is None or source.group.table.cursor is None or source.event_time is None:
        return None
    if source.role not in ("event", "treatment") or (days := source.column(source.event_time).days) is None:
        return None
    known = days[days.notna() & (days < pd.Timestamp(today, tz="UTC") + pd.Timedelta(days=1))]
    return month_of(known.sort_values()[int(len(known) * MISTAKES)].date()) if len(known) else None
