"""Fills the database and the service as the simulated company delivers, and asks them each evening."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.extracts.asking import asker_of
from churn_assets.local_servers.postgresql import PostgresqlServer
from churn_assets.local_servers.rest_service import RestService
from churn_assets.progress import note
from churn_assets.sources.landing import ExtractFile, list_extracts
from churn_assets.sources.live.extract import extract_new
from churn_assets.sources_demo.business import COLLECTIONS, DATABASE, SERVICE, TABLES, TOKEN

if TYPE_CHECKING:
    from psycopg import Connection

COMMITTED, ASKED = time(20, tzinfo=UTC), time(23, 15, tzinfo=UTC)
KINDS = {
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
    "bigint": "BIGINT",
    "int": "BIGINT",
    "boolean": "BOOLEAN",
}


@dataclass(frozen=True)
class DemoExtracts:
    """What was asked for: extracts, rows, and pages of the service."""

    extracts: int
    rows: int
    pages: int


def ask_day_by_day(
    files: Business, asked: Business, delivered: Path, landing: Path, drafts: Path
) -> DemoExtracts:
    """Starts the servers, replays what the company delivered, and asks for it; stops the servers.

    Args:
        files: the business whose files were simulated.
        asked: the same with sources that are asked.
        delivered: landing zone of the simulated files.
        landing: an empty landing zone; it gets the extracts, and the files of the other sources.
        drafts: an empty folder.

    Raises:
        PostgresqlError: the server of PostgreSQL cannot be started.
        ExtractError: a source does not answer.
    """
    import psycopg

    extracts = {
        source.name: list_extracts(str(delivered), source)
        for source in files.sources
        if source.name in (*TABLES, *COLLECTIONS)
    }
    days = sorted({file.extract_date for found in extracts.values() for file in found})
    for source in files.sources:
        if source.name not in extracts and (folder := delivered / source.path).exists():
            shutil.copytree(folder, landing / source.path, dirs_exist_ok=True)
    made = rows = 0
    with PostgresqlServer() as server, RestService(*COLLECTIONS) as service:
        environ = {DATABASE: server.url, SERVICE: service.url, TOKEN: service.token}
        with psycopg.connect(server.url, autocommit=True) as connection:
            for name in {*TABLES} & extracts.keys():
                connection.execute(_table_of(asked.source(name)))
            for day in days:
                note(f"the evening of {day}")
                for name, found in extracts.items():
                    today = [file for file in found if file.extract_date == day]
                    if not today:
                        continue
                    source = asked.source(name)
                    if name in TABLES:
                        _commit(connection, source, today, day)
                    else:
                        _keep(service.collections[name], source, today, day)
                    rows += _ask(source, environ, landing, drafts / str(made), day)
                    made += 1
        return DemoExtracts(made, rows, service.requests)


def _ask(source: Source, environ: Mapping[str, str], landing: Path, drafts: Path, day: date) -> int:
    drafts.mkdir(parents=True)
    now = datetime.combine(day, ASKED)
    done = extract_new(asker_of(source, environ), str(landing), str(drafts), now)
    shutil.rmtree(drafts)
    return done.record.rows


def _table_of(source: Source) -> Any:
    """The statement that makes the table of a source, with the types of its contract."""
    from psycopg import sql

    types = {c.field: KINDS.get(c.spark_type, "TEXT") for c in reversed(source.columns) if not c.transform}
    types |= {c.field: "NUMERIC" for c in source.columns if c.type == "number"}
    columns: list[sql.Composable] = [
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(types[name]))  # type: ignore[arg-type]
        for name in source.fields
    ]
    columns += [sql.SQL("updated_at TIMESTAMPTZ")]
    keys = sql.SQL(", ").join(map(sql.Identifier, _key_fields(source)))
    return sql.SQL("CREATE TABLE {} ({}, PRIMARY KEY ({}))").format(
        sql.Identifier(source.name), sql.SQL(", ").join(columns), keys
    )


def _key_fields(source: Source) -> list[str]:
    return [source.column(name).field for name in source.key]


def _commit(connection: "Connection[Any]", source: Source, files: list[ExtractFile], day: date) -> None:
    """Writes what was delivered on a day into the table: in place of all rows, or of those with the same key."""
    from psycopg import sql

    table, moment = sql.Identifier(source.name), datetime.combine(day, COMMITTED)
    with connection.transaction():
        if source.delivery == "full":
            connection.execute(sql.SQL("TRUNCATE {}").format(table))
        for file in files:
            content = Path(file.path).read_bytes()
            names = content.partition(b"\n")[0].decode().strip().split(",")
            columns = sql.SQL(", ").join(map(sql.Identifier, names))
            connection.execute(
                sql.SQL("CREATE TEMP TABLE came (LIKE {}, place BIGSERIAL) ON COMMIT DROP").format(table)
            )
            with connection.cursor().copy(
                sql.SQL("COPY came ({}) FROM STDIN WITH (FORMAT csv, HEADER)").format(columns)
            ) as copy:
                copy.write(content)
            keys = sql.SQL(", ").join(map(sql.Identifier, _key_fields(source)))
            connection.execute(
                sql.SQL("DELETE FROM {} AS old USING came WHERE {}").format(
                    table,
                    sql.SQL(" AND ").join(
                        sql.SQL("old.{0} = came.{0}").format(sql.Identifier(k)) for k in _key_fields(source)
                    ),
                )
            )
            connection.execute(
                sql.SQL(
                    "INSERT INTO {} ({}, updated_at) SELECT DISTINCT ON ({}) {}, {} + place * INTERVAL '1 microsecond' "
                    "FROM came ORDER BY {}, place DESC"
                ).format(table, columns, keys, columns, sql.Literal(moment), keys)
            )
            connection.execute("DROP TABLE came")


def _keep(collection: dict[str, dict[str, Any]], source: Source, files: list[ExtractFile], day: date) -> None:
    """Keeps the documents of a day, in place of those with the same key."""
    moment, fields = datetime.combine(day, COMMITTED), _key_fields(source)
    for file in files:
        for line in Path(file.path).read_text(encoding="utf-8").splitlines():
            moment += timedelta(microseconds=1)
            document = json.loads(line)
            key = json.dumps([document[field] for field in fields])
            collection[key] = document | {"updated_at": f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"}
