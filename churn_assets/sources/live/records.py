"""What each extract asked, told in the footer of its file: the only state, so that it cannot be lost without the rows.

A file that is deleted takes its record along, and the next extract asks for its rows again.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import blake2s
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from churn_assets.contracts.database import SourceDatabase
from churn_assets.contracts.source import Source
from churn_assets.settings import filesystem
from churn_assets.sources.landing import EXTRACT
from churn_assets.sources.live.cursors import Cursor, is_beyond

KEY = b"churn_assets.extract"


@dataclass(frozen=True)
class Record:
    """One extract.

    Attributes:
        asked: digest of the table or query and the cursor; extracts with another one tell nothing of this one.
        taken_at: when the source was asked, UTC.
        rows: number of rows.
        start: cursor value from which on rows are known by this extract; None: all up to `end`.
        end: newest cursor value; None without a cursor, or without rows so far.
        kinds: column -> kind of its values.
        left_out: columns of the table that the contract does not name.
        month: the month that was asked again; None for an extract of what is new.
    """

    asked: str
    taken_at: datetime
    rows: int
    start: Cursor | None
    end: Cursor | None
    kinds: dict[str, str]
    left_out: tuple[str, ...] = ()
    month: str | None = None

    def footer(self) -> dict[bytes, bytes]:
        """The record as metadata of a Parquet file."""
        content = asdict(self) | {"taken_at": self.taken_at.isoformat()}
        content |= {"start": self.start and self.start.to_json(), "end": self.end and self.end.to_json()}
        return {KEY: json.dumps(content).encode()}

    @classmethod
    def of(cls, content: bytes) -> "Record":
        """The inverse of `footer`."""
        found: dict[str, Any] = json.loads(content)
        found |= {name: Cursor.from_json(found[name]) for name in ("start", "end")}
        found |= {"taken_at": datetime.fromisoformat(found["taken_at"]), "left_out": tuple(found["left_out"])}
        return cls(**found)


def digest_of(database: SourceDatabase) -> str:
    """Digest of what is asked; changes when the table, the query or the cursor of the contract changes."""
    asked = json.dumps([database.table, database.query, database.cursor])
    return blake2s(asked.encode(), digest_size=8).hexdigest()


def records(landing: str, source: Source) -> list[Record]:
    """The records of the extracts of a source that lie in the landing zone, oldest first.

    Files of others, and broken ones, have no record, nor have those whose record cannot be read.
    """
    fs, root = filesystem(f"{landing}/{source.path}")
    found = []
    for info in fs.get_file_info(pafs.FileSelector(root, recursive=True, allow_not_found=True)):
        folder, name = info.path.rsplit("/", 2)[-2:]
        if not (EXTRACT.fullmatch(folder) and name.endswith(".parquet")) or name.startswith("."):
            continue
        try:
            with fs.open_input_file(info.path) as file:
                metadata = pq.read_metadata(file).metadata or {}
        except (pa.ArrowException, OSError):
            continue  # bronze tells of it
        if KEY in metadata:
            with suppress(
                ValueError, TypeError, KeyError
            ):  # of another version: its rows are asked for again
                found.append(Record.of(metadata[KEY]))
    return sorted(found, key=lambda record: record.taken_at)


def known_until(some: Iterable[Record], asked: str) -> Cursor | None:
    """The cursor value up to which these extracts hold all rows; None if they do not hold the first ones.

    The extracts follow each other without a gap, so what comes after a deleted one does not count. If the cursor was a
    number and is a time now, or the other way round, only the extracts since count.
    """
    spans = sorted((r for r in some if r.asked == asked and r.end), key=lambda r: r.taken_at)
    spans = [r for r in spans if r.end and spans[-1].end and r.end.is_time == spans[-1].end.is_time]
    reach: Cursor | None = None
    for record in spans:
        if record.start is None and record.end and (reach is None or is_beyond(record.end, reach)):
            reach = record.end
    if reach is None:
        return None
    for record in sorted((r for r in spans if r.start), key=lambda r: r.start.value):  # type: ignore[union-attr,arg-type,return-value]
        if record.start and record.end and not is_beyond(record.start, reach):
            reach = record.end if is_beyond(record.end, reach) else reach
    return reach


def changed_columns(before: Record | None, now: Record) -> list[str]:
    """What has changed in the columns since the extract before, as sentences without values."""
    if before is None:
        return []
    said = [
        f"{name} was {old} and is {now.kinds[name]}"
        for name, old in before.kinds.items()
        if name in now.kinds and "nothing" not in (old, now.kinds[name]) and old != now.kinds[name]
    ]
    known, present = {*before.kinds, *before.left_out}, {*now.kinds, *now.left_out}
    said += [f"{name} is new" for name in sorted(present - known)]
    return said + [f"{name} is gone" for name in sorted(known - present)]
