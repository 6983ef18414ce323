"""One extract of a database: asks for what is new, or for a month again, and publishes the answer as one file."""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.contracts.database import SourceDatabase
from churn_assets.contracts.source import Source
from churn_assets.contracts.words import closest, listed
from churn_assets.months import add_months, month_end, month_start
from churn_assets.progress import note
from churn_assets.settings import filesystem
from churn_assets.sources.databases.address import Address, address_of
from churn_assets.sources.databases.reading import DatabaseSnapshot, again_if_lost, snapshot
from churn_assets.sources.live.cursors import Cursor, is_beyond
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.landing_files import ExtractDraft, publish, remove_unfinished, without
from churn_assets.sources.live.records import Record, changed_columns, digest_of, known_until, records


class CannotAskAgain(ExtractError):
    """The source cannot tell what it held in a month that is over."""


@dataclass(frozen=True)
class Extract:
    """An extract that lies in the landing zone.

    Attributes:
        name: of its file, below the landing zone.
        size: in bytes.
        seconds: from the first question to the whole file.
        record: what was asked and came.
        before: newest cursor value that was known before; None at the first extract.
        newest: newest cursor value of its rows; None without rows or cursor.
        ahead: newest cursor value, if it lies in the future; the next extract begins at this one's time instead.
        changes: what changed in the columns since the extract before.
    """

    name: str
    size: int
    seconds: float
    record: Record
    before: Cursor | None = None
    newest: Cursor | None = None
    ahead: Cursor | None = None
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """What is asked: from `start` on (less the overlap), before `before`; `day` is the extract date."""

    day: date
    taken_at: datetime
    start: Cursor | None = None
    before: Cursor | None = None
    month: str | None = None


def why_not_again(source: Source) -> str | None:
    """Why months that are over cannot be asked again; None if they can, as far as the contract tells."""
    if source.database is None or source.database.cursor is None:
        return f"it delivers `{source.delivery}`, and its table holds today's rows only"
    if source.role not in ("event", "treatment"):
        return "a row holds only its newest state, not that of the month"
    return None


def extract_new(
    source: Source, landing: str, folder: str, now: datetime, environ: Mapping[str, str] = os.environ
) -> Extract:
    """Asks for all rows, or with a cursor for those that are new since the last extract.

    Args:
        source: with a database.
        landing: landing zone.
        folder: an empty folder for the draft.
        now: moment of UTC; its day is the extract date.
        environ: where the secrets are.

    Raises:
        ExtractError: see `address_of` and `snapshot`; a table without rows that is read whole; nothing was published.
    """
    database = _database(source)
    known = records(landing, source)
    reach = known_until(known, digest_of(database))
    question = Question(now.date(), now, start=reach)
    return _extract(source, landing, folder, question, known[-1] if known else None, environ)


def extract_month(
    source: Source,
    landing: str,
    folder: str,
    month: str,
    first: bool,
    now: datetime,
    environ: Mapping[str, str] = os.environ,
) -> Extract:
    """Asks for the rows of a month that is over; they are dated its last day.

    Args:
        month: YYYY-MM.
        first: it is the first of the calendar, and gets all earlier rows, too.

    Raises:
        CannotAskAgain: the source cannot tell what it held then.
        ExtractError: see `extract_new`.
    """
    database = _database(source)
    if why := why_not_again(source):
        raise CannotAskAgain(f"{source.name} cannot be asked for {month}: {why}.")
    address = address_of(database, environ)

    def some() -> object:
        with snapshot(address, database) as rows:
            _known_columns(rows, source, database)
            return rows.some_value(str(database.cursor))

    raw = again_if_lost(some)
    if raw is None:
        raise CannotAskAgain(f"{source.name} cannot be asked for {month}: its table is empty.")
    kind = Cursor.of(raw, str(database.cursor))
    if not kind.is_time:
        raise CannotAskAgain(
            f"{source.name} cannot be asked for {month}: its cursor counts, and tells no month."
        )
    begin, end = (
        datetime.combine(month_start(m), datetime.min.time()) for m in (month, add_months(month, 1))
    )
    question = Question(
        month_end(month), now, None if first else kind.at(begin), before=kind.at(end), month=month
    )
    known = records(landing, source)
    return _extract(source, landing, folder, question, known[-1] if known else None, environ)


def _database(source: Source) -> SourceDatabase:
    if source.database is None:
        raise ValueError(f"{source.name} has no database")
    return source.database


def _extract(
    source: Source,
    landing: str,
    folder: str,
    question: Question,
    last: Record | None,
    environ: Mapping[str, str],
) -> Extract:
    started, database = time.monotonic(), _database(source)
    address = address_of(database, environ)
    remove_unfinished(landing, source)
    attempts = iter(range(1, 100))
    read = again_if_lost(lambda: _read(source, address, f"{folder}/{next(attempts)}", question))
    draft, newest, left_out, question = read
    if database.cursor is None and draft.rows == 0:
        raise ExtractError(
            f"{database.table or 'The query'} has no rows. An extract without rows would say that everybody has gone, "
            "so none was made. Look whether this user may see the rows."
        )
    end, ahead = _end(question, newest)
    record = Record(
        digest_of(database),
        question.taken_at,
        draft.rows,
        question.start,
        end,
        draft.kinds(),
        left_out,
        question.month,
    )
    name = f"changes_{question.taken_at:%Y%m%dT%H%M%S%fZ}.parquet" if database.cursor else "full.parquet"
    size = publish(draft.finish(record.footer()), landing, source, question.day, name)
    return Extract(
        f"{source.path}/extract_date={question.day}/{name}",
        size,
        time.monotonic() - started,
        record,
        question.start,
        newest,
        ahead,
        tuple(changed_columns(last, record)),
    )


def _end(question: Question, newest: Cursor | None) -> tuple[Cursor | None, Cursor | None]:
    """Up to which cursor value rows are known after this extract, and the newest value if it is in the future.

    A clock that runs ahead must not hide the rows of the days until then.
    """
    if question.before is not None:
        return question.before, None
    end, ahead = newest, None
    if newest is not None and newest.is_time:
        now = newest.at(question.taken_at.astimezone(UTC).replace(tzinfo=None))
        if is_beyond(newest, now):
            end, ahead = now, newest
    if question.start is not None and (end is None or is_beyond(question.start, end)):
        end = question.start
    return end, ahead


def _read(
    source: Source, address: Address, folder: str, question: Question
) -> tuple[ExtractDraft, Cursor | None, tuple[str, ...], Question]:
    """The draft, its newest cursor value, the columns of the table that were left out, and what was asked."""
    database = _database(source)
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
            for table in _announced(source, rows.batches(wanted, start, question.before)):
                newest = _newest(table, database, newest)
                draft.add(without(table, (str(name) for name in extra if name)))
    except BaseException:
        draft.close()
        raise
    return draft, newest, left_out, question


def _in_type_of(rows: DatabaseSnapshot, database: SourceDatabase, question: Question) -> Question:
    """The question in the type that the cursor has now; it begins anew if that is of another sort."""
    raw = None if question.start is None else rows.some_value(str(database.cursor))
    if question.start is None or raw is None:
        return question
    return replace(question, start=question.start.of_type(raw, str(database.cursor)))


def _announced(source: Source, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The tables; tells from time to time how many rows have come."""
    rows, told = 0, time.monotonic()
    for table in tables:
        rows += table.num_rows
        if time.monotonic() - told > 1:
            told = time.monotonic()
            note(f"{source.name}: {rows:,} rows have come")
        yield table


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
    found = Cursor.of(largest, database.cursor)
    if before is not None and before.kind != found.kind:
        raise ExtractError(
            f"The cursor {database.cursor} has values of different kinds ({before.kind} and {found.kind})."
        )
    return found if before is None or is_beyond(found, before) else before
