"""What each extract asked, told in its file: the only state, so that it cannot be lost without the rows.

A file that is deleted takes its record along, and the next extract asks for its rows again.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import partial
from hashlib import blake2s
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from churn_assets.contracts.origin import Origin
from churn_assets.contracts.source import Source
from churn_assets.settings import filesystem
from churn_assets.sources.landing import EXTRACT
from churn_assets.sources.live.cursors import Cursor, is_beyond
from churn_assets.sources.live.documents import ENDING as DOCUMENTS
from churn_assets.sources.live.documents import record_of
from churn_assets.sources.live.errors import ExtractError

KEY = b"churn_assets.extract"
ENDINGS = (".parquet", DOCUMENTS)
READ_AT_ONCE = 8  # files
END_BYTES = 2**16  # of a file, where its record is


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
        offsets: of a topic: partition -> offsets of its first message and of the one after its last.
        runs: of a topic with dead letters: (partition, offset of the first, number) of lines whose offsets follow each
            other, in the order of the lines.
        lost: of a topic: partition -> number of offsets that it had deleted before they were read.
    """

    asked: str
    taken_at: datetime
    rows: int
    start: Cursor | None
    end: Cursor | None
    kinds: dict[str, str]
    left_out: tuple[str, ...] = ()
    month: str | None = None
    offsets: Mapping[str, Sequence[int]] = field(default_factory=dict)
    runs: Sequence[Sequence[int]] = ()
    lost: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """The record as JSON, in ASCII; it lies in the footer or header of its file."""
        content = asdict(self) | {"taken_at": self.taken_at.isoformat()}
        content |= {"start": self.start and self.start.to_json(), "end": self.end and self.end.to_json()}
        return json.dumps(content).encode()

    @classmethod
    def of(cls, content: bytes) -> "Record":
        """The inverse of `to_json`."""
        found: dict[str, Any] = json.loads(content)
        found |= {name: Cursor.from_json(found[name]) for name in ("start", "end")}
        found |= {"taken_at": datetime.fromisoformat(found["taken_at"]), "left_out": tuple(found["left_out"])}
        found["runs"] = tuple(found.get("runs", ()))
        return cls(**found)


def digest_of(origin: Origin, place: str) -> str:
    """Digest of what is asked; changes when the contract asks for something else, or of another place.

    Args:
        origin: what the contract asks.
        place: where the source is, without user and secret, as the variables of the environment tell it.
    """
    return blake2s(json.dumps([place, *origin.asked]).encode(), digest_size=8).hexdigest()


def records(landing: str, source: Source) -> list[Record]:
    """The records of the extracts of a source that lie in the landing zone, oldest first.

    Files of others, and broken ones, have no record, nor have those whose record is of another version.

    Raises:
        ExtractError: the store does not give a file.
    """
    return [*named_records(landing, source).values()]


def named_records(landing: str, source: Source) -> dict[str, Record]:
    """Name below the landing zone -> record; see `records`."""
    fs, root = filesystem(f"{landing}/{source.path}")
    infos = fs.get_file_info(pafs.FileSelector(root, recursive=True, allow_not_found=True))
    paths = [info.path for info in infos if info.is_file and _is_extract(info.path)]
    with ThreadPoolExecutor(READ_AT_ONCE) as pool:  # of a store far away, each takes its time
        found = [pair for pair in zip(paths, pool.map(partial(_record, fs), paths), strict=True) if pair[1]]
    named = {
        f"{source.path}/{'/'.join(path.rsplit('/', 2)[-2:])}": record for path, record in found if record
    }
    return dict(sorted(named.items(), key=lambda pair: pair[1].taken_at))


def record_of_file(landing: str, name: str) -> Record | None:
    """The record of a file, by its name below the landing zone; None if it has none, or is gone.

    Raises:
        ExtractError: the store does not give the file.
    """
    fs, path = filesystem(f"{landing}/{name}")
    return _record(fs, path)


def newest_record(landing: str, source: Source) -> Record | None:
    """The record of the newest extract of what was new, not of a month that was asked again; None without any.

    Reads the files of the newest days alone.

    Raises:
        ExtractError: the store does not give a file.
    """
    fs, root = filesystem(f"{landing}/{source.path}")
    folders = fs.get_file_info(pafs.FileSelector(root, allow_not_found=True))
    for folder in sorted((f.path for f in folders if EXTRACT.fullmatch(f.base_name)), reverse=True):
        infos = fs.get_file_info(pafs.FileSelector(folder))
        found = [_record(fs, info.path) for info in infos if info.is_file and _is_extract(info.path)]
        new = [record for record in found if record and record.month is None]
        if new:
            return max(new, key=lambda record: record.taken_at)
    return None


def _is_extract(path: str) -> bool:
    folder, name = path.rsplit("/", 2)[-2:]
    return EXTRACT.fullmatch(folder) is not None and name.endswith(ENDINGS) and not name.startswith(".")


def _footer(file: pa.NativeFile) -> bytes | None:
    content: bytes | None = (pq.read_metadata(file).metadata or {}).get(KEY)
    return content


def _record(fs: pafs.FileSystem, path: str) -> Record | None:
    try:
        with fs.open_input_file(path) as file:
            content = record_of(file) if path.endswith(DOCUMENTS) else _footer(file)
    except FileNotFoundError:
        return None  # removed since it was listed
    except (pa.ArrowException, OSError):
        _require_readable(fs, path)
        return None  # broken: bronze tells of it
    if content is None:
        return None
    with suppress(ValueError, TypeError, KeyError):  # of another version: its rows are asked for again
        return Record.of(content)
    return None


def _require_readable(fs: pafs.FileSystem, path: str) -> None:
    """Raises ExtractError if the store does not give the bytes of a file: its rows would be asked for again."""
    try:
        with fs.open_input_file(path) as file:
            file.seek(max(file.size() - END_BYTES, 0))
            file.read()
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ExtractError(
            f"{path} cannot be read: {why}. Look whether the store answers, and whether this user may read the file."
        ) from None


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


def changed_columns(earlier: Sequence[Record], now: Record, sparse: bool) -> list[str]:
    """What has changed in the columns since the extracts before, as sentences without values.

    Args:
        earlier: oldest first.
        now: the new extract.
        sparse: a row may lack a column, as a document does, so that one which does not come is not gone.
    """
    if not earlier:
        return []
    before = earlier[-1]
    if sparse:
        kinds = {name: kind for r in earlier for name, kind in r.kinds.items() if kind != "nothing"}
        before = replace(before, kinds=before.kinds | kinds)
    said = [
        f"{name} was {old} and is {now.kinds[name]}"
        for name, old in before.kinds.items()
        if name in now.kinds and "nothing" not in (old, now.kinds[name]) and old != now.kinds[name]
    ]
    known, present = {*before.kinds, *before.left_out}, {*now.kinds, *now.left_out}
    said += [f"{name} is new" for name in sorted(present - known)]
    gone = [] if sparse else sorted(known - present)
    return said + [f"{name} is gone" for name in gone]
