"""Copies what is new in a foreign folder; the name of each copy tells which file it is, which version, what content."""

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from hashlib import blake2s
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from churn_assets.contracts.source import Source
from churn_assets.progress import note
from churn_assets.settings import filesystem
from churn_assets.sources.folders.address import FolderAddress, folder_address, folder_of
from churn_assets.sources.landing import EXTRACT, SEEN_PREFIX
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.landing_files import publish, remove_unfinished

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

CHUNK = 2**20  # bytes
SETTLED_SECONDS = 60.0  # a younger file may still grow, where files are visible before they are whole
SHOWN = 5  # names in a message
NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")
# sales_march.002-0f3a51c2b9-77aa01be45.csv: the second version of the file; its place and version; its content
COPY = re.compile(r"(.+)\.(\d{3,})-([0-9a-f]{10})-([0-9a-f]{10})\.[a-z.]+")
# Beside a copy, an empty file: a later version of its file that has the same content, since the file was only touched.
SEEN = re.compile(rf"{re.escape(SEEN_PREFIX)}(.+)\.(\d{{3,}})-([0-9a-f]{{10}})")


@dataclass(frozen=True)
class ForeignFile:
    """A file in a foreign folder: its name below the folder, the date in it, its size if it is told, and version."""

    name: str
    path: str
    day: date
    size: int | None
    version: str
    changed: datetime | None

    @property
    def token(self) -> str:
        """What tells this version of this file from others."""
        return _digest(f"{self.name}|{self.size}|{self.version}".encode())


@dataclass
class CopiedFiles:
    """What a look into a folder gave.

    Attributes:
        copied: names of the copies below the landing zone -> their bytes.
        redelivered: names of files that have changed since they were copied before.
        growing: names of files that are still being written.
        future: names of files whose date is in the future.
        others: names of files that are not of the pattern.
        seconds: from the first look to the last copy.
    """

    copied: dict[str, int] = field(default_factory=dict)
    redelivered: list[str] = field(default_factory=list)
    growing: list[str] = field(default_factory=list)
    future: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    seconds: float = 0.0


def copy_new(
    source: Source,
    landing: str,
    folder: str,
    first: date,
    last: date,
    now: datetime,
    environ: Mapping[str, str] = os.environ,
) -> CopiedFiles:
    """Copies the files that are not in the landing zone yet, each under the extract date that its name tells.

    Args:
        source: with a folder.
        landing: landing zone.
        folder: an empty folder for drafts.
        first, last: only files with a date in this time.
        now: moment of UTC.
        environ: where the secrets are.

    Raises:
        ExtractError: the store does not answer, or no name in it is of the pattern; a folder that is empty now, after
            files were copied from it, is none.
    """
    started, done, address = time.monotonic(), CopiedFiles(), folder_address(folder_of(source), environ)
    remove_unfinished(landing, source)
    known = _copies(landing, source)
    fs, root = address.connect()
    files = [*_files(source, address, fs, root, done, bool(known))]
    present = {file.token for file in files}
    for file in files:
        stem, _ = _stem_and_ending(source, file.name)
        if file.day > now.date():
            done.future.append(file.name)
        elif first <= file.day <= last and not known.has(file.day, stem, file.token, present):
            _copy(source, landing, folder, address, fs, file, now, known, done)
    done.seconds = time.monotonic() - started
    return done


class _Copies:
    """The copies in the landing zone: per extract date and stem, tokens and content of each, by number.

    A copy has a second token if its file was touched since: a later version with the same content.
    """

    def __init__(self) -> None:
        self._copies: dict[tuple[date, str], dict[int, tuple[set[str], str]]] = {}

    def __len__(self) -> int:
        return len(self._copies)

    def has(self, day: date, stem: str, token: str, present: set[str]) -> bool:
        """Whether this version of a file was copied, and none after it that the folder no longer has.

        Args:
            day: extract date of the file.
            stem: of its copies; several files may share it.
            token: of the file.
            present: tokens of all files that the folder has now.
        """
        known = self._copies.get((day, stem), {})
        mine = max((number for number, copy in known.items() if token in copy[0]), default=None)
        return mine is not None and all(known[n][0] & present for n in known if n > mine)

    def newest(self, day: date, stem: str) -> tuple[int, str | None]:
        """Number and content of the newest copy; 0 and None without one."""
        known = self._copies.get((day, stem))
        return (max(known), known[max(known)][1]) if known else (0, None)

    def add(self, day: date, stem: str, number: int, token: str, content: str) -> None:
        """Adds a copy."""
        self._copies.setdefault((day, stem), {})[number] = ({token}, content)

    def touch(self, day: date, stem: str, number: int, token: str) -> None:
        """Adds the token of a later version with the content of a copy; without that copy it tells nothing."""
        if copy := self._copies.get((day, stem), {}).get(number):
            copy[0].add(token)


def _copies(landing: str, source: Source) -> _Copies:
    import pyarrow.fs as pafs

    fs, root = filesystem(f"{landing}/{source.path}")
    found, touched = _Copies(), []
    for info in fs.get_file_info(pafs.FileSelector(root, recursive=True, allow_not_found=True)):
        folder, _, name = info.path.rpartition("/")
        day = EXTRACT.fullmatch(folder.rpartition("/")[2])
        if not info.is_file or not day:
            continue
        if copy := COPY.fullmatch(name):
            found.add(date.fromisoformat(day[1]), copy[1], int(copy[2]), copy[3], copy[4])
        elif seen := SEEN.fullmatch(name):
            touched.append((date.fromisoformat(day[1]), seen[1], int(seen[2]), seen[3]))
    for day_, stem, number, token in touched:
        found.touch(day_, stem, number, token)
    return found


def _files(
    source: Source,
    address: FolderAddress,
    fs: "AbstractFileSystem",
    root: str,
    done: CopiedFiles,
    copied: bool,
) -> Iterator[ForeignFile]:
    """The files whose names are of the pattern, by date and name."""
    pattern, found, others = folder_of(source).pattern, [], []
    for path, info in address.listed(fs, root, pattern.text.count("/") + 1).items():
        name = path.removeprefix(root).lstrip("/")
        try:
            day = pattern.date_of(name)
            if day is None and address.driver.protocol == "http":  # a page names files as addresses do
                day = pattern.date_of(unquote(name))
        except ValueError as error:
            raise ExtractError(
                f"{address.shown}: the name {name} tells a day that does not exist ({error}). Have the file renamed."
            ) from None
        if day is None:
            others.append(name)
        else:
            found.append(
                _file(
                    address,
                    name,
                    path,
                    day,
                    info if _is_told(info) else _info(address, fs, path),
                )
            )
    if not found and (others or not copied):
        seen = (
            f"It has {len(others):,} others, such as {', '.join(sorted(others)[:SHOWN])}."
            if others
            else "It is empty."
        )
        raise ExtractError(
            f"{address.shown} has no file whose name is {pattern.text}. {seen} Correct the pattern or the location."
        )
    done.others = sorted(others)
    yield from sorted(found, key=lambda file: (file.day, file.name))


def _is_told(info: Mapping[str, Any]) -> bool:
    """Whether a listing tells the size; of a link it tells the time of the link, not of its file."""
    return info.get("size") is not None and not info.get("islink")


def _file(address: FolderAddress, name: str, path: str, day: date, info: Mapping[str, Any]) -> ForeignFile:
    version = next((str(info[key]) for key in address.driver.version if info.get(key)), "")
    changed = info.get("mtime")
    if isinstance(changed, (int, float)):
        changed = datetime.fromtimestamp(changed, UTC)
    elif isinstance(told := info.get("Last-Modified"), str):
        with suppress(ValueError):  # some servers tell words
            changed = parsedate_to_datetime(told)
    changed = changed if isinstance(changed, datetime) else None
    if changed is not None and changed.tzinfo is None:
        changed = changed.replace(tzinfo=UTC)
    size = info.get("size")
    return ForeignFile(name, path, day, None if size is None else int(size), version, changed)


def _info(address: FolderAddress, fs: "AbstractFileSystem", path: str) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = fs.info(path)
    except Exception as error:  # noqa: BLE001 (each driver raises its own)
        raise address.error(error) from None
    return found


def _copy(
    source: Source,
    landing: str,
    folder: str,
    address: FolderAddress,
    fs: "AbstractFileSystem",
    file: ForeignFile,
    now: datetime,
    known: _Copies,
    done: CopiedFiles,
) -> None:
    """Copies a file, unless it is still growing, or has the content of a copy."""
    age = (now - file.changed).total_seconds() if file.changed else None
    if not address.driver.whole and age is not None and abs(age) < SETTLED_SECONDS:
        done.growing.append(file.name)
        return
    note(f"{source.name}: copying {file.name}")
    draft, content, size = _drafted(folder, address, fs, file)
    if not address.driver.whole:
        after = _file(address, file.name, file.path, file.day, _info(address, fs, file.path))
        if (after.size, after.version) != (file.size, file.version) or after.size not in (size, None):
            done.growing.append(file.name)
            return
    stem, ending = _stem_and_ending(source, file.name)
    before, present = known.newest(file.day, stem)
    if content == present:
        _remember(landing, source, file, stem, before)
        known.touch(file.day, stem, before, file.token)
        return
    number = before + 1
    name = f"{stem}.{number:03d}-{file.token}-{content}{ending}"
    publish(draft, landing, source, file.day, name)
    known.add(file.day, stem, number, file.token, content)
    done.copied[f"{source.path}/extract_date={file.day}/{name}"] = size
    if before:
        done.redelivered.append(file.name)


def _remember(landing: str, source: Source, file: ForeignFile, stem: str, number: int) -> None:
    """Leaves a mark that a version of a file has the content of a copy, so that it is not read again."""
    import pyarrow.fs as pafs

    fs, folder = filesystem(f"{landing}/{source.path}/extract_date={file.day}")
    name = f"{SEEN_PREFIX}{stem}.{number:03d}-{file.token}"
    fs.open_output_stream(f"{folder}/{name}", compression=None).close()
    for info in fs.get_file_info(pafs.FileSelector(folder)):
        mark = SEEN.fullmatch(info.base_name)
        if mark and (mark[1], int(mark[2])) == (stem, number) and info.base_name != name:
            fs.delete_file(info.path)  # a file that is touched each day leaves one mark


def _drafted(
    folder: str, address: FolderAddress, fs: "AbstractFileSystem", file: ForeignFile
) -> tuple[str, str, int]:
    """Reads a file into the folder of drafts; returns the draft's path, the digest of its content, and its size."""
    draft, content, size = f"{folder}/{file.token}", blake2s(digest_size=5), 0
    to, path = filesystem(draft)
    with to.open_output_stream(path, compression=None) as out:
        try:
            with fs.open(file.path, "rb") as read:
                while chunk := read.read(CHUNK):
                    out.write(chunk)
                    content.update(chunk)
                    size += len(chunk)
        except Exception as error:  # noqa: BLE001 (each driver raises its own)
            raise address.error(error) from None
    return draft, content.hexdigest(), size


def _stem_and_ending(source: Source, name: str) -> tuple[str, str]:
    """The name of a copy without what tells its version, and the ending that readers expect."""
    flat, compressed = name.replace("/", "_"), ""
    for ending in (".gz", ".zst"):
        if flat.lower().endswith(ending):
            flat, compressed = flat[: -len(ending)], ending
    if flat.lower().endswith(f".{source.format}"):
        flat = flat[: -len(source.format) - 1]
    stem = NOT_IN_NAMES.sub("_", flat).lstrip("_") or "file"
    if stem != flat:  # another name may become the same
        stem = f"{stem}_{_digest(flat.encode(errors='surrogateescape'))[:6]}"
    return stem, f".{source.format}{compressed}"


def _digest(text: bytes) -> str:
    return blake2s(text, digest_size=5).hexdigest()
