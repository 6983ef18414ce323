"""The SQL that PostgreSQL and DuckDB share, and the types of the columns in both."""

import re
from collections.abc import Mapping

import pyarrow as pa

from churn_assets.serving.publication.published_tables import PublishedTable

SCHEMA = "churn_assets"
# What a type is called in SQL. Whole numbers are all of one type, so that a wider one needs no other column.
SQL = {
    "text": "TEXT",
    "integer": "BIGINT",
    "double": "DOUBLE PRECISION",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "list": "TEXT[]",
}
# How the databases call these types in information_schema, by their first letters.
FOUND = {
    "text": ("text", "varchar"),
    "integer": ("bigint",),
    "double": ("double",),
    "boolean": ("boolean",),
    "date": ("date",),
    "timestamp": ("timestamp with time zone",),
    "list": ("array",),
}
COLUMNS = (
    "SELECT column_name, lower(data_type), numeric_precision, numeric_scale FROM information_schema.columns "
    f"WHERE table_schema = '{SCHEMA}' AND table_name = "
)


class PublicationError(RuntimeError):
    """A publication failed, and the former rows are still there; the message holds no password and no row."""


def kind_of(column: pa.DataType) -> str:
    """The kind of an Arrow type, a key of SQL or `numeric(10,2)`."""
    if pa.types.is_dictionary(column):
        column = column.value_type
    if pa.types.is_decimal(column):
        return f"numeric({column.precision},{column.scale})"
    kinds = {
        "boolean": pa.types.is_boolean,
        "integer": pa.types.is_integer,
        "double": pa.types.is_floating,
        "date": pa.types.is_date,
        "timestamp": pa.types.is_timestamp,
        "list": lambda t: pa.types.is_list(t) or pa.types.is_large_list(t),
    }
    return next((kind for kind, holds in kinds.items() if holds(column)), "text")


def kind_found(data_type: str, precision: int | None, scale: int | None) -> str:
    """The kind of a column in the database; its own name if it is none that a publication makes."""
    if data_type.startswith(("numeric", "decimal")):
        return f"numeric({precision},{scale})"
    if data_type.endswith("[]"):
        return "list"
    return next((kind for kind, names in FOUND.items() if data_type.startswith(names)), data_type)


def quoted(name: str) -> str:
    """A name as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a literal."""
    return "'" + text.replace("'", "''") + "'"


def place(name: str) -> str:
    """A table with its schema."""
    return f"{SCHEMA}.{quoted(name)}"


def changes(table: PublishedTable, found: Mapping[str, str]) -> list[str]:
    """The statements that give the database the table with all its columns.

    Args:
        table: the table.
        found: column -> kind, as the database has it; empty if it has no such table.

    Raises:
        PublicationError: a column has another type.
    """
    wanted = {field.name: kind_of(field.type) for field in table.rows.schema}
    typed = {name: f"{quoted(name)} {SQL.get(kind) or kind.upper()}" for name, kind in wanted.items()}
    if not found:
        return [f"CREATE TABLE {place(table.name)} ({', '.join(typed.values())})"]
    for name, kind in wanted.items():
        if found.get(name, kind) != kind:
            raise PublicationError(
                f"The column {name} of {SCHEMA}.{table.name} is of type {found[name]}, and the release has {kind}. "
                f"Drop {SCHEMA}.{table.name} with the views that need it, then publish again."
            )
    return [
        f"ALTER TABLE {place(table.name)} ADD COLUMN {typed[name]}" for name in typed if name not in found
    ]


def comments(table: PublishedTable) -> list[str]:
    """The statements that say what the table and its columns mean."""
    of_columns = [
        f"COMMENT ON COLUMN {place(table.name)}.{quoted(name)} IS {literal(meaning)}"
        for name, meaning in table.columns.items()
    ]
    return [f"COMMENT ON TABLE {place(table.name)} IS {literal(table.comment)}", *of_columns]


def first_line(error: BaseException) -> str:
    """The first line of an error without quoted values."""
    lines = str(error).splitlines() or [type(error).__name__]
    return re.sub(r"\s+", " ", lines[0]).strip()
