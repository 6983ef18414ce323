"""The databases that a release can be published to: PostgreSQL through SQLAlchemy, and a DuckDB file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from churn_assets.serving.publication.published_tables import PublishedTable
from churn_assets.serving.publication.statements import (
    COLUMNS,
    SCHEMA,
    PublicationError,
    first_line,
    kind_found,
    literal,
    place,
    quoted,
)
from churn_assets.settings import without_secrets

if TYPE_CHECKING:
    import duckdb
    from sqlalchemy import Connection

READER, ATTACHED = "churn_reader", "published"
BATCH = 10_000
# Any fixed number: publications with it wait for each other.
LOCK = 4_242_001
# SQLSTATE classes whose messages name no value: login, database, syntax and rights, resources, shutdown.
SAID = ("28", "3D", "42", "53", "57")
STAYS = "The rows of the former publication are still there."


class Database(Protocol):
    """A database in a transaction."""

    def execute(self, statement: str) -> None:
        """Runs a statement."""
        ...

    def columns(self, table: str) -> dict[str, str]:
        """Column -> kind of a published table; empty if there is none."""
        ...

    def insert(self, table: PublishedTable) -> None:
        """Adds the rows of a table, which has all of their columns."""
        ...

    def count(self, table: str) -> int:
        """Number of rows of a published table."""
        ...

    def let_read(self, tables: list[str]) -> str:
        """Lets the read-only role read these tables; what was not possible, or ""."""
        ...


class PostgreSql:
    """A transaction of PostgreSQL."""

    def __init__(self, connection: "Connection") -> None:
        self.connection = connection

    def execute(self, statement: str) -> None:
        """Runs a statement."""
        self.connection.exec_driver_sql(statement.replace("%", "%%"))  # else it would stand for a parameter

    def columns(self, table: str) -> dict[str, str]:
        """See `Database.columns`."""
        rows = self.connection.exec_driver_sql(COLUMNS + literal(table))
        return {row[0]: kind_found(*row[1:]) for row in rows}

    def insert(self, table: PublishedTable) -> None:
        """Copies the rows, which is much faster than to insert them."""
        names = ", ".join(quoted(name) for name in table.rows.column_names)
        cursor: Any = self.connection.connection.cursor()
        with cursor, cursor.copy(f"COPY {place(table.name)} ({names}) FROM STDIN") as copy:
            for batch in table.rows.to_batches(BATCH):
                for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    copy.write_row(row)

    def count(self, table: str) -> int:
        """See `Database.count`."""
        return int(self.connection.exec_driver_sql(f"SELECT count(*) FROM {place(table)}").scalar_one())

    def let_read(self, tables: list[str]) -> str:
        """See `Database.let_read`; makes the role if it may."""
        from sqlalchemy.exc import ProgrammingError

        there = self.connection.exec_driver_sql(f"SELECT 1 FROM pg_roles WHERE rolname = {literal(READER)}")
        if there.first() is None:
            try:
                with self.connection.begin_nested():
                    self.execute(f"CREATE ROLE {READER} NOLOGIN")
            except ProgrammingError:
                return (
                    f"There is no role {READER}, and this user may not make it. Let an administrator run "
                    f"`CREATE ROLE {READER} NOLOGIN`, then publish again."
                )
        self.execute(f"GRANT USAGE ON SCHEMA {SCHEMA} TO {READER}")
        self.execute(f"GRANT SELECT ON {', '.join(place(name) for name in tables)} TO {READER}")
        return ""


@contextmanager
def postgresql(target: str) -> "Iterator[PostgreSql]":
    """A transaction of a PostgreSQL database; waits until no other publication runs.

    Raises:
        PublicationError: the database cannot be reached, or refuses a statement.
    """
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.exc import ArgumentError, DBAPIError
    from sqlalchemy.pool import NullPool

    try:
        import psycopg
    except ImportError:
        raise PublicationError("psycopg is not installed. Run `pip install 'churn-assets[bi]'`.") from None
    shown = without_secrets(target)
    try:
        url = make_url(target).set(drivername="postgresql+psycopg")
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    except (ArgumentError, ValueError):  # a port that is no number is a ValueError
        raise PublicationError(
            f"{shown} is no address of a database. Write postgresql://user@host:5432/database."
        ) from None
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
            connection.exec_driver_sql("SET LOCAL TIME ZONE 'UTC'")
            known = connection.exec_driver_sql(f"SELECT 1 FROM pg_namespace WHERE nspname = '{SCHEMA}'")
            if known.first() is None:
                connection.exec_driver_sql(f"CREATE SCHEMA {SCHEMA}")
            yield PostgreSql(connection)
    except (DBAPIError, psycopg.Error) as error:
        raise PublicationError(f"{shown} refused the publication: {_of_server(error)} {STAYS}") from None


def _of_server(error: Exception) -> str:
    """What the server or the network said, without a value of a row."""
    own = getattr(error, "orig", None) or error
    state = getattr(own, "sqlstate", None)
    if state is None or state.startswith(SAID):
        return f"{first_line(own)}."
    return f"{type(own).__name__}, SQLSTATE {state}."


class DuckDb:
    """A transaction of a DuckDB file."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection") -> None:
        self.connection = connection

    def execute(self, statement: str) -> None:
        """Runs a statement."""
        self.connection.execute(statement)

    def columns(self, table: str) -> dict[str, str]:
        """See `Database.columns`."""
        rows = self.connection.execute(COLUMNS + literal(table)).fetchall()
        return {row[0]: kind_found(*row[1:]) for row in rows}

    def insert(self, table: PublishedTable) -> None:
        """Adds the rows as Arrow data."""
        names = ", ".join(quoted(name) for name in table.rows.column_names)
        self.connection.register("incoming", table.rows)
        self.connection.execute(f"INSERT INTO {place(table.name)} ({names}) SELECT {names} FROM incoming")
        self.connection.unregister("incoming")

    def count(self, table: str) -> int:
        """See `Database.count`."""
        [(rows,)] = self.connection.execute(f"SELECT count(*) FROM {place(table)}").fetchall()
        return int(rows)

    def let_read(self, tables: list[str]) -> str:
        """A file has no roles: whoever may read the file may read the tables."""
        return ""


@contextmanager
def duckdb_file(file: Path) -> "Iterator[DuckDb]":
    """A transaction of a DuckDB file, which is made if it is not there.

    Raises:
        PublicationError: another program has the file open, or it is no DuckDB file.
    """
    try:
        import duckdb
    except ImportError:
        raise PublicationError("duckdb is not installed. Run `pip install 'churn-assets[bi]'`.") from None
    with duckdb.connect() as connection:  # what was not committed is rolled back at its end
        try:
            # under a name of our own: a file called like the schema would make each table's name ambiguous
            connection.execute(f"ATTACH {literal(str(file))} AS {ATTACHED}")
        except duckdb.Error as error:
            raise PublicationError(
                f"{file} cannot be opened ({type(error).__name__}). Close the programs that have it open, and look "
                "whether it is a DuckDB file in a folder that exists."
            ) from None
        try:
            connection.execute(f"USE {ATTACHED}")
            connection.execute("SET TimeZone = 'UTC'")
            connection.begin()
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            yield DuckDb(connection)
            connection.commit()
        except duckdb.Error as error:
            raise PublicationError(
                f"{file} refused the publication ({type(error).__name__}). {STAYS}"
            ) from None
