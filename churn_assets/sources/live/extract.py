"""One extract: asks for what is new, or for a month again, and publishes the answer as one file."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol, TypeVar

from churn_assets.contracts.origin import Origin
from churn_assets.contracts.source import Source
from churn_assets.months import add_months, month_end, month_start
from churn_assets.progress import note
from churn_assets.sources.live.cursors import Cursor, is_beyond
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.landing_files import publish, remove_unfinished
from churn_assets.sources.live.records import Record, changed_columns, known_until, records

Rows = TypeVar("Rows")


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


class OpenDraft(Protocol):
    """Rows that have come, in a folder of their own, until they are one whole file."""

    ending: str
    rows: int

    def kinds(self) -> dict[str, str]:
        """Column -> what its values are."""

    def finish(self, record: bytes) -> str:
        """Ends the draft; returns the path or URI of its one file, which holds this record, too."""


@dataclass(frozen=True)
class Answer:
    """What a source has answered.

    Attributes:
        draft: its rows.
        newest: newest cursor value of the rows; None without rows or cursor.
        question: as it was put; without `start` if the source had to be asked anew.
        left_out: columns of the source that the contract does not name.
    """

    draft: OpenDraft
    newest: Cursor | None
    question: Question
    left_out: tuple[str, ...] = ()


class Asker(Protocol):
    """How sources of a kind are asked; one class per kind."""

    @property
    def source(self) -> Source:
        """The source that is asked."""

    def digest(self) -> str:
        """What tells this question from others, see `digest_of`.

        Raises:
            ExtractError: a variable is not set, or the address cannot be used.
        """

    def read(self, folder: str, question: Question) -> Answer:
        """Asks, and drafts the answer below a folder.

        Raises:
            ExtractError: the source does not answer, or its answer cannot be used; tells the remedy, and no secret.
        """

    def some_cursor(self) -> Cursor | None:
        """Some value of the cursor; None if the source is empty.

        Raises:
            ExtractError: as in `read`.
        """


def origin_of(source: Source) -> Origin:
    """Where the extracts of a source come from; ValueError if this product does not make them."""
    if source.origin is None:
        raise ValueError(f"{source.name} is not asked by this product")
    return source.origin


def why_not_again(source: Source) -> str | None:
    """Why months that are over cannot be asked again; None if they can, as far as the contract tells."""
    if source.origin is None or source.origin.cursor is None:
        return f"it delivers `{source.delivery}`, and holds today's rows only"
    if source.role not in ("event", "treatment"):
        return "a row holds only its newest state, not that of the month"
    return None


def extract_new(asker: Asker, landing: str, folder: str, now: datetime) -> Extract:
    """Asks for all rows, or with a cursor for those that are new since the last extract.

    Args:
        asker: of the source.
        landing: landing zone.
        folder: an empty folder for the draft.
        now: moment of UTC; its day is the extract date.

    Raises:
        ExtractError: see `Asker`; a source without rows that is read whole; nothing was published.
    """
    known = records(landing, asker.source)
    reach = known_until(known, asker.digest())
    question = Question(now.date(), now, start=reach)
    return _extract(asker, landing, folder, question, known)


def extract_month(asker: Asker, landing: str, folder: str, month: str, first: bool, now: datetime) -> Extract:
    """Asks for the rows of a month that is over; they are dated its last day.

    Args:
        month: YYYY-MM.
        first: it is the first of the calendar, and gets all earlier rows, too.
        asker, landing, folder, now: as in `extract_new`.

    Raises:
        CannotAskAgain: the source cannot tell what it held then.
        ExtractError: see `extract_new`.
    """
    source = asker.source
    if why := why_not_again(source):
        raise CannotAskAgain(f"{source.name} cannot be asked for {month}: {why}.")
    kind = asker.some_cursor()
    if kind is None:
        raise CannotAskAgain(f"{source.name} cannot be asked for {month}: it has no rows.")
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
    return _extract(asker, landing, folder, question, known)


def _extract(asker: Asker, landing: str, folder: str, question: Question, known: list[Record]) -> Extract:
    started, source, origin = time.monotonic(), asker.source, origin_of(asker.source)
    remove_unfinished(landing, source)
    answer = asker.read(folder, question)
    draft, question = answer.draft, answer.question
    if origin.cursor is None and draft.rows == 0:
        raise ExtractError(
            f"{_capital(origin.what)} has no rows. An extract without rows would say that everybody has gone, so none "
            "was made. Look whether this user may see the rows."
        )
    end, ahead = _end(question, answer.newest, time.monotonic() - started)
    record = Record(
        asker.digest(),
        question.taken_at,
        draft.rows,
        question.start,
        end,
        draft.kinds(),
        answer.left_out,
        question.month,
    )
    stem = f"changes_{question.taken_at:%Y%m%dT%H%M%S%fZ}" if origin.cursor else "full"
    name = f"{stem}{draft.ending}"
    size = publish(draft.finish(record.to_json()), landing, source, question.day, name)
    return Extract(
        f"{source.path}/extract_date={question.day}/{name}",
        size,
        time.monotonic() - started,
        record,
        question.start,
        answer.newest,
        ahead,
        tuple(changed_columns(known, record, sparse=source.format == "jsonl")),
    )


def _capital(words: str) -> str:
    """A table keeps its name, and words begin a sentence."""
    return words if " " not in words else words[0].upper() + words[1:]


def _end(question: Question, newest: Cursor | None, seconds: float) -> tuple[Cursor | None, Cursor | None]:
    """Up to which cursor value rows are known after this extract, and the newest value if it is in the future.

    A clock that runs ahead must not hide the rows of the days until then. A row that has changed in the `seconds` while
    the answer came is not of the future, but others of that time may have been missed.
    """
    if question.before is not None:
        return question.before, None
    end, ahead = newest, None
    if newest is not None and newest.is_time:
        now = newest.at(question.taken_at.astimezone(UTC).replace(tzinfo=None))
        if is_beyond(newest, now):
            end = now
        if newest.value > now.value + timedelta(seconds=seconds):  # type: ignore[operator]
            ahead = newest
    if question.start is not None and (end is None or is_beyond(question.start, end)):
        end = question.start
    return end, ahead


def newer(found: Cursor, before: Cursor | None, column: str) -> Cursor:
    """The newer one of a value and of those before it.

    Raises:
        ExtractError: they are not of one kind.
    """
    if before is not None and before.kind != found.kind:
        raise ExtractError(
            f"The cursor {column} has values of different kinds ({before.kind} and {found.kind})."
        )
    return found if before is None or is_beyond(found, before) else before


def announced(source: Source, parts: Iterator[Rows], size: Any = len) -> Iterator[Rows]:
    """The parts; tells from time to time how many rows have come. `size` counts those of a part."""
    rows, told = 0, time.monotonic()
    for part in parts:
        rows += size(part)
        if time.monotonic() - told > 1:
            told = time.monotonic()
            note(f"{source.name}: {rows:,} rows have come")
        yield part
