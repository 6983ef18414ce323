"""Drafts from the tables of a database: a sample of each table stands in for its files."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from churn_assets.contracts.database import SourceDatabase
from churn_assets.contracts.odcs import DatabaseKind
from churn_assets.drafting.doubt import Doubt, DraftError
from churn_assets.drafting.file_names import FileGroup, FoundOrigins, GivenFile
from churn_assets.drafting.given_address import PASSWORD_NAME, to_set, without_password
from churn_assets.drafting.names import source_name
from churn_assets.drafting.origin import SampledOrigin
from churn_assets.sources.databases.address import address_of, kind_of_location
from churn_assets.sources.databases.reading import schema_and_name, snapshot
from churn_assets.sources.live.attempts import Lost
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.rows import cast, common_type

MOST_ROWS = 200_000  # of a table
NOT_IN_FILES = re.compile(r"[/\\]")


@dataclass(frozen=True)
class DatabaseToDraft:
    """An address as given, and the tables to draft from; none: all of its default schema."""

    location: str
    tables: tuple[str, ...] = ()


def find_tables(
    asked: DatabaseToDraft, folder: Path, today: date, environ: Mapping[str, str] = os.environ
) -> FoundOrigins:
    """Reads a sample of each table into a folder.

    Raises:
        DraftError: the database cannot be read; the message holds no secret.
    """
    found = FoundOrigins([], [])
    try:
        kind = kind_of_location(asked.location, environ)
        declared = without_password(asked.location)
        if declared != asked.location:
            found.doubts.append(to_set(PASSWORD_NAME))
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
            server = {"server": "database", "type": kind, "location": declared}
            sampled = SampledOrigin("rows", server, {"table": table}, f"the table {table}", complete)
            given = GivenFile(file, today, "table")
            found.groups.append(FileGroup(source_name(name), (given,), origin=sampled))
    except ExtractError as error:
        raise DraftError(str(error)) from None
    return found


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
