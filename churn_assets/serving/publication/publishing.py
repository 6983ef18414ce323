"""Publishes a release: DELETE and INSERT of all tables in one transaction."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from churn_assets.serving.publication.databases import STAYS, Database, duckdb_file, postgresql
from churn_assets.serving.publication.published_tables import PublishedTable, absent_tables, published_tables
from churn_assets.serving.publication.statements import PublicationError, changes, comments, place
from churn_assets.serving.release.reading import Release
from churn_assets.settings import without_secrets

POSTGRESQL, DUCKDB = ("postgresql://", "postgres://"), "duckdb:"


@dataclass(frozen=True)
class Published:
    """What a publication wrote.

    Attributes:
        target: where to, without a password.
        rows: table -> number of rows.
        absent: table -> why the release does not hold it; rows of an earlier release are deleted.
        note: what the read-only role still needs, or "".
    """

    target: str
    rows: Mapping[str, int]
    absent: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


def publish(release: Release, target: str) -> Published:
    """Replaces the rows of all published tables by those of a release, or leaves all of them as they are.

    Args:
        release: the release, which the caller has proved.
        target: `postgresql://user@host:5432/database` or `duckdb:FILE`.

    Raises:
        PublicationError: the target cannot be written; its rows are as they were.
    """
    absent = absent_tables(release)
    rows, note = replace_rows(target, published_tables(release), absent)
    return Published(without_secrets(target), rows, absent, note)


def replace_rows(
    target: str, tables: Iterable[PublishedTable], absent: Iterable[str] = ()
) -> tuple[dict[str, int], str]:
    """Replaces the rows of the tables, and empties those that are `absent`; table -> rows, and the note of the role."""
    rows: dict[str, int] = {}
    with _opened(target) as database:
        for table in tables:
            for statement in changes(table, database.columns(table.name)):
                database.execute(statement)
            database.execute(f"DELETE FROM {place(table.name)}")
            database.insert(table)
            if (found := database.count(table.name)) != table.rows.num_rows:
                raise PublicationError(
                    f"{place(table.name)} holds {found:,} rows, and the release {table.rows.num_rows:,}. A trigger or "
                    f"a rule of the database changes them. Remove it, then publish again. {STAYS}"
                )
            for statement in comments(table):
                database.execute(statement)
            rows[table.name] = table.rows.num_rows
        for name in absent:
            if database.columns(name):
                database.execute(f"DELETE FROM {place(name)}")
        note = database.let_read(list(rows))
    return rows, note


def _opened(target: str) -> AbstractContextManager[Database]:
    if target.startswith(POSTGRESQL):
        return postgresql(target)
    if target.startswith(DUCKDB) and len(target) > len(DUCKDB):
        return duckdb_file(Path(target.removeprefix(DUCKDB)).expanduser())
    raise PublicationError(
        "This is no place to publish to. Write postgresql://user@host:5432/database or duckdb:FILE."
    )
