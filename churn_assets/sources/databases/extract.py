"""How a database is asked: the columns that the contract names, from the cursor's value on, as a Parquet draft."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.contracts.database import SourceDatabase
from churn_assets.contracts.source import Source
from churn_assets.contracts.words import closest, listed
from churn_assets.settings import filesystem
from churn_assets.sources.databases.address import Address, address_of
from churn_assets.sources.databases.reading import DatabaseSnapshot, snapshot
from churn_assets.sources.live.attempts import again_if_lost
from churn_assets.sources.live.cursors import Cursor
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.extract import Answer, Question, announced, newer
from churn_assets.sources.live.landing_files import ExtractDraft, without
from churn_assets.sources.live.records import digest_of


@dataclass(frozen=True)
class DatabaseAsker:
    """Asks a table or query of a database; see `Asker`."""

    source: Source
    database: SourceDatabase
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def digest(self) -> str:
        """See `Asker`."""
        return digest_of(self.database, address_of(self.database, self.environ).place)

    def some_cursor(self) -> Cursor | None:
        """See `Asker`."""
        address, cursor = address_of(self.database, self.environ), str(self.database.cursor)

        def some() -> object:
            with snapshot(address, self.database) as rows:
                _known_columns(rows, self.source, self.database)
                return rows.some_value(cursor)

        raw = again_if_lost(some)
        return None if raw is None else Cursor.of(raw, cursor)

    def read(self, folder: str, question: Question) -> Answer:
        """See `Asker`; a lost connection is tried again, each time with a draft of its own."""
        address, attempts = address_of(self.database, self.environ), iter(range(1, 100))
        return again_if_lost(
            lambda: _read(self.source, self.database, address, f"{folder}/{next(attempts)}", question)
        )


def _read(
    source: Source, database: SourceDatabase, address: Address, folder: str, question: Question
) -> Answer:
    fs, path = filesystem(folder)
    fs.create_dir(path)
    draft, newest = ExtractDraft(folder), None
    try:
        with snapshot(address, database) as rows:
            wanted, left_out = _known_columns(rows, source, database)
            if question.month is None:
                question = _in_type_of(rows, database, question)
            start = question.start
            if start is not None and question.month is None:
                start = start.before(database.overlap)
            extra = {database.cursor} - {*source.fields, *_aliases(source)} if database.table else set()
            for table in announced(source, rows.batches(wanted, start, question.before)):
                newest = _newest(table, database, newest)
                draft.add(without(table, (str(name) for name in extra if name)))
    except BaseException:
        draft.close()
        raise
    return Answer(draft, newest, question, left_out)


def _in_type_of(rows: DatabaseSnapshot, database: SourceDatabase, question: Question) -> Question:
    """The question in the type that the cursor has now; it begins anew if that is of another sort."""
    raw = None if question.start is None else rows.some_value(str(database.cursor))
    if question.start is None or raw is None:
        return question
    return replace(question, start=question.start.of_type(raw, str(database.cursor)))


def _aliases(source: Source) -> set[str]:
    return set(chain.from_iterable(column.aliases for column in source.columns))


def _known_columns(
    rows: DatabaseSnapshot, source: Source, database: SourceDatabase
) -> tuple[list[str] | None, tuple[str, ...]]:
    """The columns of the table that the contract names, with the cursor, and the others; None for a query.

    Raises:
        ExtractError: a column that the contract requires, or the cursor, is not there.
    """
    if database.table is None:
        return None, ()
    there = rows.table_columns()
    known = {*source.fields, *_aliases(source)}
    required = {c.field: {c.field, *c.aliases} for c in source.columns if c.required}
    missing = [field for field, names in required.items() if not names & {*there}]
    if database.cursor and database.cursor not in there:
        missing.append(database.cursor)
    if missing:
        guesses = [f"{meant} for {name}" for name in missing if (meant := closest(name, there))]
        raise ExtractError(
            f"{database.table} has no column {', '.join(missing)}. "
            + (f"Is it {', '.join(guesses)}? " if guesses else "")
            + f"It has {listed(there)}. Declare the right name as physicalName, or under aliases."
        )
    wanted = [name for name in there if name in known or name == database.cursor]
    return wanted, tuple(name for name in there if name not in wanted)


def _newest(table: pa.Table, database: SourceDatabase, before: Cursor | None) -> Cursor | None:
    """The newest cursor value of a table and of those before it.

    Raises:
        ExtractError: the values are not all of one kind, or the query has no such column.
    """
    if database.cursor is None:
        return before
    if database.cursor not in table.column_names:
        raise ExtractError(f"The query has no column {database.cursor}, the cursor. Add it to the query.")
    values = table[database.cursor].drop_null()
    if len(values) == 0:
        return before
    largest = pc.max(values).as_py()
    return newer(Cursor.of(largest, database.cursor), before, database.cursor)
