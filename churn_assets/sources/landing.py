"""The landing zone: the extract files of a source, and its files that are not read, each with the reason."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pyarrow.fs as pafs

from churn_assets.contracts.source import Compression, Source
from churn_assets.months import month_of
from churn_assets.settings import COMING, filesystem

EXTRACT = re.compile(r"extract_date=([0-9]{4}-[0-9]{2}-[0-9]{2})")
# a month in another name: 2025-03-31, 20250331, 2025-3, 31.03.2025
NAMED_MONTHS = (
    re.compile(r"(?<!\d)((?:19|20)\d\d)[-_.]?(\d\d?)(?:[-_.]?\d\d?)?(?!\d)"),
    re.compile(r"(?<!\d)(\d\d?)[-_.]((?:19|20)\d\d)(?!\d)"),
)
COMPRESSED = re.compile(r"(.+)\.(gz|zst)", re.IGNORECASE | re.DOTALL)
SEEN_PREFIX = ".seen-"  # marks of copies from foreign folders, which are nobody's deliveries


class LandingError(ValueError):
    """A file or folder in the landing zone cannot be used; the message names it and the remedy."""


@dataclass(frozen=True)
class ExtractFile:
    """One delivered file.

    Attributes:
        path: absolute path or URI.
        name: path relative to the landing zone.
        extract_date: the day of its extract.
        size: in bytes, as delivered.
        modified_ns: time of its last change.
        compression: how its content is compressed.
    """

    path: str
    name: str
    extract_date: date
    size: int
    modified_ns: int = 0
    compression: Compression | None = None

    @property
    def month(self) -> str:
        """The ingest month it belongs to."""
        return month_of(self.extract_date)


class NotRead(NamedTuple):
    """A file or folder of a source that no reader opens; `month` is None outside the extract folders."""

    name: str
    month: str | None
    reason: str


class RefusedFile(NamedTuple):
    """A file or folder that cannot be used, and why.

    Outside the extract folders `month` is the one that its name tells; None if it tells none, or several.
    """

    name: str
    month: str | None
    error: LandingError


class Listing(NamedTuple):
    """Everything in the folder of a source: files to read, what is passed over, and what stops the month.

    A name that begins with `.` or `_` or ends with `.part` is passed over: others write such files for themselves, or
    are still writing them. Anything else that is not an extract file is refused, since it may hold rows.
    """

    files: list[ExtractFile]
    not_read: list[NotRead]
    refused: list[RefusedFile]


def list_extracts(landing: str, source: Source, months: Iterable[str] | None = None) -> list[ExtractFile]:
    """Files of the source, ordered by extract date and name, only of the given months (all when None).

    A source folder that does not exist gives an empty list: the contract decides whether data is missing.

    Raises:
        LandingError: a folder that is not called extract_date=YYYY-MM-DD, a file of another format, a file in place
            of a folder, or a folder in place of a file; names all of them.
    """
    listing = list_everything(landing, source, months)
    refuse(listing.refused)
    return listing.files


def refuse(refused: Sequence[RefusedFile]) -> None:
    """Raises one LandingError that says what is wrong with each of the files; does nothing without files."""
    if refused:
        raise LandingError("\n".join(str(file.error) for file in refused))


def list_everything(landing: str, source: Source, months: Iterable[str] | None = None) -> Listing:
    """What lies in the folder of the source, by extract date and name, only of the given months (all when None).

    What lies beside the extract folders and tells no month in its name stands in every listing.
    """
    wanted = None if months is None else set(months)
    fs, root = filesystem(f"{landing}/{source.path}")
    found = Listing([], [], [])
    try:
        folders = fs.get_file_info(pafs.FileSelector(root, allow_not_found=True))
    except NotADirectoryError:
        problem = (
            f"{landing}/{source.path} is not a folder. Put the files of {source.name} into "
            f"{source.path}/extract_date=YYYY-MM-DD/, the day on which they were extracted."
        )
        found.refused.append(RefusedFile(source.path, None, LandingError(problem)))
        return found
    for folder in sorted(folders, key=lambda info: info.base_name):
        name = f"{source.path}/{folder.base_name}"
        if reason := _passed_over(folder.base_name):
            found.not_read.append(NotRead(name, None, reason))
            continue
        try:
            day = _day_of_folder(folder, f"{landing}/{name}")
        except LandingError as error:
            month = month_in_name(folder.base_name)
            if wanted is None or month is None or month in wanted:
                found.refused.append(RefusedFile(name, month, error))
            continue
        if wanted is None or month_of(day) in wanted:
            _list_folder(fs.get_file_info(pafs.FileSelector(folder.path)), landing, name, day, source, found)
    found.files.sort(key=lambda file: (file.extract_date, file.name))
    return found


def month_in_name(name: str) -> str | None:
    """The month that the name of a file or folder tells; None if it tells none, or several."""
    by_year, by_day = NAMED_MONTHS
    told = by_year.findall(name) or [(year, month) for month, year in by_day.findall(name)]
    months = {f"{year}-{int(month):02d}" for year, month in told if 1 <= int(month) <= 12}
    return months.pop() if len(months) == 1 else None


def _passed_over(name: str) -> str | None:
    """Why a file or folder of that name is not read; None if it is."""
    if name.startswith((".", "_")):
        return f"its name begins with {name[0]}"
    return "its name ends with .part" if name.lower().endswith(".part") else None


def _day_of_folder(folder: pafs.FileInfo, shown: str) -> date:
    """The day of an extract folder.

    Raises:
        LandingError: it is none.
    """
    match = EXTRACT.fullmatch(folder.base_name)
    if folder.type != pafs.FileType.Directory or match is None:
        raise LandingError(
            f"{shown} is not an extract folder. "
            "Put files into extract_date=YYYY-MM-DD/, the day on which they were extracted."
        )
    try:
        return date.fromisoformat(match[1])
    except ValueError as error:
        raise LandingError(f"{shown}: {error}. Rename the folder.") from error


def _list_folder(
    infos: Iterable[pafs.FileInfo], landing: str, folder: str, day: date, source: Source, found: Listing
) -> None:
    """Adds what lies in an extract folder."""
    for info in sorted(infos, key=lambda info: info.base_name):
        name = f"{folder}/{info.base_name}"
        if info.base_name.startswith(SEEN_PREFIX):
            continue
        if reason := _passed_over(info.base_name):
            found.not_read.append(NotRead(name, month_of(day), reason))
            continue
        plain, compression = info.base_name, source.compression
        if match := COMPRESSED.fullmatch(info.base_name):
            plain, compression = match[1], "gz" if match[2].lower() == "gz" else "zst"
        problem = None
        if info.type == pafs.FileType.Directory:
            problem = " is a folder in place of a file. Put its files beside it, and remove it."
        elif not plain.lower().endswith(f".{source.format}"):
            problem = (
                f": the contract of {source.name} expects *.{source.format}. "
                "Remove the file, rename it or correct the contract."
            )
        elif compression and source.format == "parquet":
            problem = " is compressed as a whole, and Parquet is compressed inside. Unpack it."
        if problem:
            error = LandingError(f"{landing}/{name}{problem}")
            found.refused.append(RefusedFile(name, month_of(day), error))
            continue
        path, changed = f"{landing}/{name}", info.mtime_ns or 0
        found.files.append(ExtractFile(path, name, day, info.size, changed, compression))


def first_delivered_month(landing: str, sources: Iterable[Source], start: str) -> str | None:
    """The first month from `start` on of which the landing zone holds a file of any source; None without any.

    Looks at names only. Folders with other names are passed over, `list_extracts` speaks of them.
    """
    found: str | None = None
    for source in sources:
        for told, folder in _extract_folders(landing, source):
            month = told[:7]
            if month < start or not "01" <= month[5:] <= "12":
                continue
            if found is not None and month >= found:
                break
            if _holds_files(landing, folder):
                found = month
                break
    return found


def newest_extract(landing: str, sources: Iterable[Source], last: date) -> date | None:
    """The day of the newest extract up to `last`, of any source, of which the landing zone holds a file; None if none.

    Looks at names only, and passes over folders with other names.
    """
    found: date | None = None
    for source in sources:
        for told, folder in reversed(_extract_folders(landing, source)):
            if told > last.isoformat() or not _is_day(told):
                continue
            if found is not None and told <= found.isoformat():
                break
            if _holds_files(landing, folder):
                found = date.fromisoformat(told)
                break
    return found


def days_wait(home: Path) -> bool:
    """Whether extracts of a simulated world wait in a home for their day to come."""
    return any((home / COMING).glob("*/extract_date=*/*"))


def _extract_folders(landing: str, source: Source) -> list[tuple[str, str]]:
    """The day, as its name tells it, and the path of each extract folder of a source, ascending."""
    fs, root = filesystem(f"{landing}/{source.path}")
    try:
        folders = fs.get_file_info(pafs.FileSelector(root, allow_not_found=True))
    except NotADirectoryError:
        return []
    named = ((EXTRACT.fullmatch(folder.base_name), folder.path) for folder in folders)
    return sorted((match[1], path) for match, path in named if match)


def _holds_files(landing: str, folder: str) -> bool:
    fs, _ = filesystem(landing)
    return any(not _passed_over(info.base_name) for info in fs.get_file_info(pafs.FileSelector(folder)))


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def delivered_months(landing: str, source: Source) -> set[str]:
    """The months of which the landing zone holds files of a source, by names only, in one look."""
    fs, root = filesystem(f"{landing}/{source.path}")
    wanted = pafs.FileSelector(root, recursive=True, allow_not_found=True)
    try:
        files = [PurePosixPath(info.path) for info in fs.get_file_info(wanted) if info.is_file]
    except NotADirectoryError:
        return set()
    folders = (EXTRACT.fullmatch(f.parent.name) for f in files if not _passed_over(f.name))
    return {match[1][:7] for match in folders if match}


def unclaimed(landing: str, sources: Sequence[Source]) -> list[str]:
    """Entries of the landing zone that no contract names, relative to it, sorted by name."""
    fs, root = filesystem(landing)
    claimed = {source.path for source in sources}
    above = {str(folder) for path in claimed for folder in PurePosixPath(path).parents} - claimed
    found = []
    for folder in above:
        place = root if folder == "." else f"{root}/{folder}"
        for info in fs.get_file_info(pafs.FileSelector(place, allow_not_found=True)):
            name = str(PurePosixPath(folder) / info.base_name)
            if name not in claimed | above and not info.base_name.startswith((".", "_")):
                found.append(name)
    return sorted(found)
