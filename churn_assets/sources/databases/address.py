"""The address of a database: secrets from the environment, the driver, and errors that tell no secret."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from churn_assets.contracts.database import SourceDatabase
from churn_assets.contracts.odcs import DatabaseKind
from churn_assets.settings import SECRET_PARAMETER, without_secrets
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.secrets import hidden, long_enough, with_secrets

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

CONNECT_SECONDS, ANSWER_SECONDS = 15, 600
# SQLSTATE classes whose messages name no value of a row: connection, login, database, rights and names, resources.
SAID = ("08", "28", "3D", "3F", "42", "53", "57")
OF_VALUES = ("DataError", "IntegrityError")  # errors of drivers without SQLSTATE whose messages name values
NOT_UTF8 = re.compile(
    r"Could not decode to UTF-8 column '(.*)' with text", re.DOTALL
)  # SQLite shows the text


@dataclass(frozen=True)
class DatabaseDriver:
    """How SQLAlchemy reaches a kind of database.

    Attributes:
        names: backends in URLs of this kind.
        dialect: dialect and driver for URLs that name no driver.
        module: package of the driver.
        install: command that installs it.
        isolation: isolation level in which all statements see the same rows.
        connect: arguments of a connection.
    """

    names: tuple[str, ...]
    dialect: str
    module: str
    install: str
    isolation: str | None
    connect: Mapping[str, Any]


DRIVERS: dict[DatabaseKind, DatabaseDriver] = {
    "postgresql": DatabaseDriver(
        ("postgresql", "postgres"),
        "postgresql+psycopg",
        "psycopg",
        "pip install 'churn-assets[postgresql]'",
        "REPEATABLE READ",
        {"connect_timeout": CONNECT_SECONDS, "application_name": "churn-assets"},
    ),
    "mysql": DatabaseDriver(
        ("mysql", "mariadb"),
        "mysql+pymysql",
        "pymysql",
        "pip install 'churn-assets[mysql]'",
        "REPEATABLE READ",
        {"connect_timeout": CONNECT_SECONDS, "read_timeout": ANSWER_SECONDS},
    ),
    "sqlserver": DatabaseDriver(
        ("mssql", "sqlserver"),
        "mssql+pyodbc",
        "pyodbc",
        "pip install pyodbc",
        "SNAPSHOT",
        {"timeout": CONNECT_SECONDS},
    ),
    "sqlite": DatabaseDriver(("sqlite",), "sqlite", "sqlite3", "", None, {"timeout": CONNECT_SECONDS}),
}


@dataclass(frozen=True)
class Address:
    """A database to connect to.

    Attributes:
        engine: for one connection.
        shown: the address without secrets.
        place: which database it is, whoever logs in: kind, host, port and name, or the file.
        secrets: texts that no message may hold.
    """

    engine: "Engine"
    shown: str
    place: str
    secrets: tuple[str, ...] = field(repr=False)

    def error(self, what: str, error: Exception, remedy: str) -> ExtractError:
        """Returns the error for what a database or driver has said, without a secret or a value of a row."""
        return ExtractError(f"{what}: {self.said(error)} {remedy}".strip())

    def said(self, error: Exception) -> str:
        """Returns the first line of what the database or its driver has said, if it cannot name a value of a row."""
        own = getattr(error, "orig", None) or error
        state = getattr(own, "sqlstate", None)
        if type(own).__name__ in OF_VALUES or (state is not None and not state.startswith(SAID)):
            return f"{type(own).__name__}{f', SQLSTATE {state}' if state else ''}."
        if decoding := NOT_UTF8.match(str(own)):
            return f"the column {decoding[1]} holds text that is not UTF-8."
        text = next((line.strip() for line in str(own).splitlines() if line.strip()), type(own).__name__)
        return f"{hidden(text, self.secrets).rstrip('.')}."


def kind_of_location(location: str, environ: Mapping[str, str] = os.environ) -> DatabaseKind:
    """Returns the kind of database that an address names.

    Raises:
        ExtractError: a variable is not set, or the address names none of the kinds.
    """
    backend = with_secrets(location, environ)[0].partition("://")[0].partition("+")[0]
    for kind, driver in DRIVERS.items():
        if backend in driver.names:
            return kind
    raise ExtractError(
        f"The address names none of {', '.join(DRIVERS)}. Write postgresql://user@host/database."
    )


def address_of(database: SourceDatabase, environ: Mapping[str, str] = os.environ) -> Address:
    """Returns the database to connect to; connects to nothing.

    Raises:
        ExtractError: a variable is not set, the location is no address of this kind, or its driver is not installed.
    """
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.exc import ArgumentError
    from sqlalchemy.pool import NullPool

    driver = DRIVERS[database.kind]
    location, secrets = with_secrets(database.location, environ)
    try:
        url = make_url(location)
        backend, _, named = url.drivername.partition("+")
    except (ArgumentError, ValueError):  # a port that is no number is a ValueError
        raise _no_address(database, driver) from None
    if backend not in driver.names:
        raise _no_address(database, driver)
    if database.kind != "sqlite" and "@" in f"{url.host}{url.database}":
        raise ExtractError(
            "The address has an @ too many. In a password write %40 for @, or use ${NAME} for the password alone."
        )
    url = url if named else url.set(drivername=driver.dialect)
    if not named and find_spec(driver.module) is None:
        raise ExtractError(
            f"{driver.module}, the driver of {database.kind}, is not installed. Run `{driver.install}`."
        )
    if url.password:
        secrets += [str(url.password), quote(str(url.password), safe=""), unquote(str(url.password))]
    secrets += [str(value) for name, value in url.query.items() if SECRET_PARAMETER.match(f"?{name}=")]
    shown = without_secrets(url.render_as_string(hide_password=True))
    place = f"{database.kind}://{url.host or ''}:{url.port or ''}/{url.database or ''}"
    if database.kind == "sqlite":
        place = str(Path(url.database or "").absolute())
        url = _only_read(url)
    try:
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args={**driver.connect})
    except (ArgumentError, ImportError) as error:  # the URL names a driver of its own
        what = f"{type(error).__name__} of {url.drivername}"
        raise ExtractError(
            f"{shown} cannot be used: {what}. Install its driver, or correct the address."
        ) from None
    return Address(engine, shown, place, long_enough(secrets))


def _no_address(database: SourceDatabase, driver: DatabaseDriver) -> ExtractError:
    example = (
        "sqlite:////folder/file.db"
        if database.kind == "sqlite"
        else f"{driver.names[0]}://user@host/database"
    )
    return ExtractError(
        f"The location of the server is no address of {database.kind}. Write {example}, with ${{NAME}} for a secret."
    )


def _only_read(url: "URL") -> "URL":
    """The address of an SQLite file, which must be there and is opened for reading only."""
    file = Path(url.database or "")
    if not file.is_file():
        raise ExtractError(f"There is no database file {file}. Correct the location of the server.")
    return url.set(database=f"file:{quote(str(file.absolute()))}", query={"mode": "ro", "uri": "true"})
