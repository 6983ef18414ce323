"""Contacts that people mark on the page: rows of the source `app_contacts`, as extracts in the landing zone.

Each act writes a file of its own, whole or not at all, so that several people and processes can mark at once. A mark
that is taken back on the same day disappears from its file. If the pipeline may have read it, a correcting row follows
it. Each act is in the audit before it is done.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from secrets import token_hex

import pyarrow.fs as pafs

from churn_assets.lakehouse.engine.processes import only_one
from churn_assets.operations.audit.chain import record
from churn_assets.operations.log.writing import event
from churn_assets.serving.release.root import Root
from churn_assets.settings import Settings, filesystem

SOURCE = "app_contacts"
LOCK = ".app_contacts.lock"
FOLDER = re.compile(r"extract_date=(\d{4}-\d{2}-\d{2})")
FILE = re.compile(r"\d{8}T\d{12}-[0-9a-f]{8}(_[0-9a-f]{8})?\.csv")  # what this module writes
MADE, WITHDRAWN = "made", "withdrawn"
# outcome -> what people read
OUTCOMES = {
    "accepted": "took the offer",
    "thinking": "thinks about it",
    "declined": "declined the offer",
    "leaving": "will leave",
    "not_reached": "not reached",
}
EARLIEST = 31  # days that a contact may lie back when it is marked


class ContactError(RuntimeError):
    """A contact cannot be marked or taken back; the message says why, and nothing was done."""


@dataclass(frozen=True)
class Contacted:
    """A customer who was contacted, and what the page recommended."""

    customer_key: str
    customer_id: str = field(repr=False)
    segment: str | None
    recommended: bool


@dataclass(frozen=True)
class ContactRow:
    """A row of the source, as its contract declares it."""

    mark_id: str
    customer_id: str = field(repr=False)
    contacted_on: date
    outcome: str
    segment: str
    recommended: str
    scored_on: date
    contacted_by: str = field(repr=False)
    state: str = MADE


@dataclass(frozen=True)
class Mark:
    """The newest row of a mark in the landing zone, its extract and file, and when the file was written."""

    row: ContactRow
    extract_date: date
    file: str
    written_at: datetime


def mark(
    settings: Settings,
    by: str,
    chosen: Sequence[Contacted],
    outcome: str,
    *,
    on: date,
    scored_on: date,
    now: datetime | None = None,
) -> list[str]:
    """Marks customers as contacted; returns the numbers of the marks.

    Args:
        settings: where the landing zone and the audit lie.
        by: the name of the reader; it goes into the file and is shown nowhere.
        chosen: whom.
        outcome: a key of OUTCOMES.
        on: day of the contact (UTC).
        scored_on: as_of_date of the scores that the reader saw.
        now: a moment of UTC; default: the clock.

    Raises:
        ContactError: nobody was chosen, the outcome is unknown, the day is in the future or long ago, or the landing
            zone cannot be written.
        AuditError: the act cannot be recorded; nothing was marked.
    """
    moment = now or datetime.now(UTC)
    today = moment.date()
    if not chosen:
        raise ContactError("Nobody is chosen. Choose customers in the table first.")
    if outcome not in OUTCOMES:
        raise ContactError("Say what came of the contact.")
    if not today - timedelta(days=EARLIEST) <= on <= today:
        raise ContactError(f"A contact is marked on its day or within {EARLIEST} days after it.")
    name = " ".join(by.split())
    rows = [
        ContactRow(
            token_hex(8),
            who.customer_id,
            on,
            outcome,
            who.segment or "",
            str(who.recommended).lower(),
            scored_on,
            name,
        )
        for who in chosen
    ]
    for who, row in zip(chosen, rows, strict=True):
        record(
            settings,
            "contact_marked",
            by,
            who.customer_key,
            customers=1,
            outcome=outcome,
            mark=row.mark_id,
        )
    _write(settings, today, f"{moment:%Y%m%dT%H%M%S%f}-{token_hex(4)}.csv", rows)
    return [row.mark_id for row in rows]


def withdraw(
    settings: Settings,
    by: str,
    mark_id: str,
    customer_key: str,
    *,
    was_read: bool,
    of_anybody: bool = False,
    now: datetime | None = None,
) -> None:
    """Takes back a mark of today.

    Args:
        settings: where the landing zone and the audit lie.
        by: the name of the reader.
        mark_id: number of the mark.
        customer_key: the customer, for the audit.
        was_read: whether the pipeline may have read the row: then it stays, and a correcting row follows it.
        of_anybody: whether the reader may take back what others marked.
        now: a moment of UTC; default: the clock.

    Raises:
        ContactError: there is no such mark, it was taken back, it is not of today, somebody else made it, or the
            landing zone cannot be written.
        AuditError: the act cannot be recorded; nothing was taken back.
    """
    today = (now or datetime.now(UTC)).date()
    with _alone(settings):
        found = next((m for m in marks(settings, today) if m.row.mark_id == mark_id), None)
        if found is None or found.extract_date != today:
            raise ContactError("A contact can be taken back on the day on which it was marked, not later.")
        if found.row.state == WITHDRAWN:
            raise ContactError("This contact was taken back already.")
        if found.row.contacted_by != " ".join(by.split()) and not of_anybody:
            raise ContactError("Somebody else marked this contact. Ask them or a manager to take it back.")
        record(settings, "contact_withdrawn", by, customer_key, customers=1, mark=mark_id)
        if was_read:
            # `_` sorts after `.`: silver takes the correction for the later row
            later = found.file.removesuffix(".csv") + f"_{token_hex(4)}.csv"
            _write(settings, today, later, [replace(found.row, state=WITHDRAWN)])
        else:
            rows = [row for row in _rows(settings, today, found.file) if row.mark_id != mark_id]
            _write(settings, today, found.file, rows)


def marks(settings: Settings, since: date) -> list[Mark]:
    """The marks of which an extract of `since` or later lies in the landing zone, each as its newest row tells it.

    Raises:
        ContactError: the landing zone cannot be read.
    """
    found: dict[str, Mark] = {}
    try:
        for info, day in _files(settings, since):
            written = datetime.fromtimestamp((info.mtime_ns or 0) / 1e9, UTC)
            for row in _parsed(settings.landing_uri, str(day), info.base_name, info.size, info.mtime_ns or 0):
                found[row.mark_id] = Mark(row, day, info.base_name, written)
    except (OSError, ValueError, TypeError, KeyError) as error:
        event("app.contacts_failed", "The landing zone cannot be read.", level=40, error=error)
        raise ContactError("The landing zone cannot be read now. The log tells why.") from None
    return list(found.values())


def _files(settings: Settings, since: date) -> Iterator[tuple[pafs.FileInfo, date]]:
    """The files of the source from a day on, in the order in which silver reads them."""
    store, root = filesystem(f"{settings.landing_uri}/{SOURCE}")
    folders = store.get_file_info(pafs.FileSelector(root, allow_not_found=True))
    for folder in sorted(folders, key=lambda info: info.base_name):
        told = FOLDER.fullmatch(folder.base_name)
        day = _day(told[1]) if told else None
        if day is None or day < since:
            continue
        files = store.get_file_info(pafs.FileSelector(folder.path))
        for info in sorted(files, key=lambda info: info.base_name):
            if info.is_file and FILE.fullmatch(info.base_name):
                yield info, day


def _day(text: str) -> date | None:
    """The day of a folder; None if there is no such day."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _place(landing: str, day: object) -> str:
    return f"{landing}/{SOURCE}/extract_date={day}"


def _rows(settings: Settings, day: date, name: str) -> list[ContactRow]:
    return list(_read(settings.landing_uri, str(day), name))


@lru_cache(maxsize=4096)
def _parsed(landing: str, day: str, name: str, size: int, modified_ns: int) -> tuple[ContactRow, ...]:
    """The rows of a file; it is read again once its size or time of change is another."""
    return _read(landing, day, name)


def _read(landing: str, day: str, name: str) -> tuple[ContactRow, ...]:
    content = Root(_place(landing, day)).read(name)
    if content is None:
        return ()
    lines = csv.DictReader(io.StringIO(content.decode("utf-8"), newline=""))
    return tuple(_row(line) for line in lines)


def _row(line: dict[str, str]) -> ContactRow:
    days = {name: date.fromisoformat(line[name]) for name in ("contacted_on", "scored_on")}
    return ContactRow(**{**line, **days})  # type: ignore[arg-type]


def _write(settings: Settings, day: date, name: str, rows: Sequence[ContactRow]) -> None:
    """Writes an extract; without rows it holds its header alone, which silver takes for an extract without rows."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(ContactRow.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    try:
        Root(_place(settings.landing_uri, day)).replace(name, text.getvalue().encode("utf-8"))
    except OSError as error:
        event("app.contacts_failed", "The landing zone cannot be written.", level=40, error=error)
        raise ContactError(
            "The landing zone cannot be written now, so nothing was done. The log tells why."
        ) from None


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Keeps other processes of this machine from rewriting a file at the same time."""
    settings.home_path.mkdir(parents=True, exist_ok=True)
    with only_one(settings.home_path / LOCK):
        yield
