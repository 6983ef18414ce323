"""The address of a database: secrets from the environment, the driver, and errors that tell no secret."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from churn_assets.contracts.channels import FROM_ENVIRONMENT
from churn_assets.contracts.database import SourceDatabase
from churn_assets.contracts.odcs import DatabaseKind
from churn_assets.settings import HIDDEN, SECRET_PARAMETER, without_secrets
from churn_assets.sources.live.errors import ExtractError

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

CONNECT_SECONDS, ANSWER_SECONDS = 15, 600
# SQLSTATE classes whose messages name no value of a row: connection, login, database, rights and names, resources.
SAID = ("08", "28", "3D", "3F", "42", "53", "57")
OF_VALUES = ("DataError", "IntegrityError")  # errors of drivers without SQLSTATE whose messages name values
NOT_UTF8 = re.compile(
    r"Could not decode to UTF-8 column '(.*)' with text", re.DOTALL
)  # SQLite shows the text
SHORTEST_SECRET = 3  # characters; the replacement of a shorter one would make messages unreadable


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
        "pip install pymysql",
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
        secrets: texts that no message may hold.
    """

    engine: "Engine"
    shown: str
    secrets: tuple[str, ...]

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
        for secret in self.secrets:
            text = text.replace(secret, HIDDEN)
        return f"{text.rstrip('.')}."


def with_secrets(location: str, environ: Mapping[str, str]) -> tuple[str, list[str]]:
    """Returns a location with the values of its variables, and these values.

    A variable that is the whole location is a URL; any other value is quoted, so that it may hold any character.

    Raises:
        ExtractError: a variable is not set, or its file cannot be read.
    """
    secrets = []

    def value(found: re.Match[str]) -> str:
        secret = _secret(found[1], environ)
        secrets.append(secret)
        return secret if found[0] == location else quote(secret, safe="")

    return FROM_ENVIRONMENT.sub(value, location), secrets


def _secret(name: str, environ: Mapping[str, str]) -> str:
    if value := environ.get(name):
        return value
    file = environ.get(f"{name}_FILE")
    if not file:
        raise ExtractError(
            f"The environment variable {name} is not set. Set it, or set {name}_FILE to a file that holds its value."
        )
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ExtractError(
            f"The file that {name}_FILE names cannot be read: {type(error).__name__}."
        ) from None


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
    if database.kind == "sqlite":
        url = _only_read(url)
    try:
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args={**driver.connect})
    except (ArgumentError, ImportError) as error:  # the URL names a driver of its own
        what = f"{type(error).__name__} of {url.drivername}"
        raise ExtractError(
            f"{shown} cannot be used: {what}. Install its driver, or correct the address."
        ) from None
    found = tuple(sorted({s for s in secrets if len(s) >= SHORTEST_SECRET}, key=len, reverse=True))
    return Address(engine, shown, found)


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
