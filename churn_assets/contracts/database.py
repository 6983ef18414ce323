"""Reads the server of a contract whose source is a database: where it lies, and what is asked of it."""

import re
from dataclasses import dataclass

from churn_assets.contracts.channels import FROM_ENVIRONMENT
from churn_assets.contracts.custom_properties import DatabaseProperties
from churn_assets.contracts.odcs import DatabaseKind, DatabaseServer
from churn_assets.contracts.place import Place
from churn_assets.contracts.validation import own_properties, peek, refuse_without_cursor
from churn_assets.settings import SECRET_PARAMETER

PASSWORD = re.compile(r"://[^/?#@:]*:([^@]*)@")


@dataclass(frozen=True)
class SourceDatabase:
    """A table or query of a database.

    Attributes:
        kind: of the database.
        location: SQLAlchemy URL; `${NAME}` in it stands for an environment variable.
        table, query: what is asked; one of them is None.
        cursor: the column that tells new and changed rows; None: every extract holds all rows.
        overlap: how far before the newest known cursor value an extract begins, in minutes, or as a difference of
            numbers; None: the default of the cursor's type.
    """

    kind: DatabaseKind
    location: str
    table: str | None
    query: str | None
    cursor: str | None
    overlap: int | None

    @property
    def what(self) -> str:
        """What is asked, in words."""
        return self.table or "a query"

    @property
    def asked(self) -> tuple[str | None, ...]:
        """What tells this question from others, apart from the place."""
        return (self.table, self.query, self.cursor)


def read_database(place: Place) -> SourceDatabase | None:
    """Reads a server of a database; None if it is not one, or cannot be read."""
    server = peek(DatabaseServer, place)
    if server is None:
        return None
    here = place.at("customProperties")
    own = own_properties(DatabaseProperties, here)
    check_location(server.location, place.at("location"), "postgresql://user@host/database")
    if own is None:
        return None
    if (own.table is None) == (own.query is None):
        here.refuse("a database needs either `table` or `query`", "give one of them")
        return None
    refuse_without_cursor(here, own.cursor, overlap=own.overlap)
    query = own.query.strip().rstrip(";") if own.query else None
    return SourceDatabase(server.type, server.location, own.table, query, own.cursor, own.overlap)


def check_location(location: str, place: Place, example: str) -> None:
    """Reports a location that is no address, or holds a password."""
    if "://" not in location and not FROM_ENVIRONMENT.fullmatch(location):
        place.refuse(
            "the location is no address",
            f"write {example}, or ${{NAME}} of an environment variable",
        )
    plain = FROM_ENVIRONMENT.sub("", location)
    written = PASSWORD.search(plain)
    if (written and written[1]) or SECRET_PARAMETER.sub(r"\1", plain) != plain:
        place.refuse(
            "a secret does not stand in a file",
            "write ${NAME} in its place, and set the environment variable NAME",
        )
