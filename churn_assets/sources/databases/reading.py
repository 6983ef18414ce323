"""Reads a table or query in one read-only transaction, in batches, so that memory does not grow with the rows."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.database import SourceDatabase
from churn_assets.contracts.words import closest, listed
from churn_assets.sources.databases.address import ANSWER_SECONDS, DRIVERS, NOT_UTF8, OF_VALUES, Address
from churn_assets.sources.databases.endless import read_endless_days
from churn_assets.sources.databases.patience import Patience, patience_with
from churn_assets.sources.live.attempts import Lost
from churn_assets.sources.live.cursors import Cursor
from churn_assets.sources.live.errors import ExtractError

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import ColumnElement, Connection, FromClause, Select

BATCH = 10_000  # rows
LONGER = 60  # seconds, so that a server which runs tells its own limit first
# A login that was refused is not tried again: three attempts may lock an account.
FINAL = re.compile(
    r"password|authenti|access denied|login failed|does not exist|unknown database|no such", re.IGNORECASE
)
LOST_FILE = re.compile(r"locked|busy|unable to open|disk I/O", re.IGNORECASE)  # of SQLite


@contextmanager
def snapshot(address: Address, database: SourceDatabase) -> "Iterator[DatabaseSnapshot]":
    """A transaction in which every statement sees the same rows. It reads only, and is rolled back at the end.

    Raises:
        Lost: the database cannot be reached.
        ExtractError: it refuses the login or a statement.
    """
    from sqlalchemy.exc import DBAPIError

    isolation = DRIVERS[database.kind].isolation
    try:
        with address.engine.connect() as plain:
            options: dict[str, Any] = {"isolation_level": isolation} if isolation else {}
            if database.kind == "postgresql":
                options["postgresql_readonly"] = True
            connection = plain.execution_options(**options)
            _begin(connection, database)
            with patience_with(connection, ANSWER_SECONDS + LONGER) as patience:
                yield DatabaseSnapshot(connection, database, patience)
            connection.rollback()
    except DBAPIError as error:
        raise _told(address, error) from None
    except Exception as error:
        if not _is_of_driver(error, address):
            raise
        raise _told(address, error) from None


def _is_of_driver(error: Exception, address: Address) -> bool:
    """Whether the driver raised it while rows were fetched, where SQLAlchemy does not wrap it."""
    own = getattr(address.engine.dialect.dbapi, "Error", None)
    return own is not None and isinstance(error, own)


def _begin(connection: "Connection", database: SourceDatabase) -> None:
    """Begins the transaction; times are in UTC, and a statement has a limit, where the database knows one."""
    if database.kind == "sqlite":
        connection.exec_driver_sql("BEGIN")
    elif database.kind == "postgresql":
        connection.exec_driver_sql("SET LOCAL TIME ZONE 'UTC'")
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{ANSWER_SECONDS}s'")
        read_endless_days(connection)
    elif database.kind == "mysql":
        connection.exec_driver_sql("SET time_zone = '+00:00'")


def _told(address: Address, error: Exception) -> ExtractError:
    from sqlalchemy.exc import InterfaceError, OperationalError

    said = address.said(error)
    own = getattr(error, "orig", None) or error
    by_state = str(getattr(own, "sqlstate", None) or "08")[:2] in ("08", "57")
    lost = isinstance(error, (OperationalError, InterfaceError)) and by_state and not FINAL.search(said)
    if address.engine.dialect.name == "sqlite":  # which calls every error of a statement operational
        lost = lost and LOST_FILE.search(said) is not None
    if lost:
        return Lost(
            f"{address.shown} does not answer: {said} Is the address right, and does the database run?"
        )
    remedy = "Correct the contract's server, or the user's rights."
    if type(own).__name__ in OF_VALUES or NOT_UTF8.match(str(own)):
        remedy = (
            "A row has a value that cannot be read or converted: leave it out or convert it in a `query`."
        )
    return address.error(f"{address.shown} refuses", error, remedy)


class DatabaseSnapshot:
    """The rows of a table or query at one moment."""

    def __init__(
        self, connection: "Connection", database: SourceDatabase, patience: Patience | None = None
    ) -> None:
        self.connection, self.database, self.patience = connection, database, patience

    def table_columns(self) -> list[str]:
        """Names of the columns of the table.

        Raises:
            ExtractError: there is no such table; names the one that may be meant.
        """
        from sqlalchemy import inspect

        catalogue = inspect(self.connection)
        schema, name = schema_and_name(self.database.table)
        schemas = catalogue.get_schema_names() if schema is not None else []
        no_schema = schema is not None and schema not in schemas
        if (no_schema and self.database.kind in ("sqlite", "mysql")) or not catalogue.has_table(name, schema):
            if no_schema:
                raise ExtractError(
                    f"There is no schema {schema}. There are {listed(schemas)}. If the dot belongs to the name of the "
                    "table, put the name in double quotes."
                )
            known = [*catalogue.get_table_names(schema), *catalogue.get_view_names(schema)]
            meant = closest(name, known)
            raise ExtractError(
                f"There is no table {self.database.table}. "
                + (f"Did you mean {meant}? " if meant else "")
                + (
                    f"There are {listed(known)}."
                    if known
                    else "This user sees no table there: see its rights."
                )
            )
        return [str(column["name"]) for column in catalogue.get_columns(name, schema)]

    def some_value(self, column: str) -> Any:
        """One value of a column; None if it has none."""
        from sqlalchemy import column as named
        from sqlalchemy import select

        wanted: ColumnElement[Any] = named(column)
        one = select(wanted).select_from(self._rows()).where(wanted.is_not(None)).limit(1)
        return self.connection.execute(one).scalar()

    def batches(
        self, columns: Sequence[str] | None, start: Cursor | None, before: Cursor | None
    ) -> "Iterator[pa.Table]":
        """The rows as tables, at least one, which may be empty.

        Args:
            columns: to ask for; None: those of the query.
            start: rows from this value of the cursor on, and those without a value; None: all.
            before: only rows before this value, and without a start those without a value.
        """
        from churn_assets.sources.live.rows import table_of

        streamed = {"stream_results": True, "max_row_buffer": BATCH}
        statement = self._statement(columns, start, before)
        result = self.connection.execute(statement, execution_options=streamed)
        names = [*result.keys()]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ExtractError(
                f"The query has several columns called {', '.join(twice)}. Give each its own name."
            )
        none = True
        for rows in result.partitions(BATCH):
            none = False
            if self.patience is not None:
                self.patience.renew()
            yield table_of(names, rows)
        if none:
            yield table_of(names, [])

    def _statement(
        self, columns: Sequence[str] | None, start: Cursor | None, before: Cursor | None
    ) -> "Select[Any]":
        from sqlalchemy import column as named
        from sqlalchemy import literal_column, or_, select

        wanted: list[ColumnElement[Any]] = (
            [named(name) for name in columns] if columns else [literal_column("*")]
        )
        statement = select(*wanted).select_from(self._rows())
        if self.database.cursor is None:
            return statement
        cursor: ColumnElement[Any] = named(self.database.cursor)
        if start is not None:
            after = _from(cursor, start)
            statement = statement.where(after if before else or_(after, cursor.is_(None)))
        if before is not None:
            until = cursor < before.bound()
            statement = statement.where(until if start else or_(until, cursor.is_(None)))
        return statement

    def _rows(self) -> "FromClause":
        from sqlalchemy import table, text

        if self.database.query is None:
            schema, name = schema_and_name(self.database.table)
            return table(name, schema=schema)
        escaped = re.sub(r"(?<![:\\]):(?=\w)", r"\\:", self.database.query)  # a colon is no parameter
        return text(f"({escaped}\n) AS asked")  # type: ignore[return-value]


def _from(cursor: "ColumnElement[Any]", start: Cursor) -> "ColumnElement[bool]":
    """The condition for rows from a value on; texts of that day may be written with a blank in place of T."""
    from sqlalchemy import and_, or_

    after: ColumnElement[bool] = cursor >= start.bound()
    if start.kind != "text T":
        return after
    with_blank = cursor >= replace(start, kind="text").bound()
    return or_(after, and_(with_blank, cursor < f"{start.value:%Y-%m-%d}T"))


def schema_and_name(table: str | None) -> tuple[str | None, str]:
    """Schema and name of the table of a contract; a name in double quotes may have a dot."""
    written = table or ""
    if written.endswith('"'):
        schema, _, name = written[:-1].rpartition('"')
        schema = schema.removesuffix(".")
    else:
        schema, _, name = written.rpartition(".")
    return schema or None, name
