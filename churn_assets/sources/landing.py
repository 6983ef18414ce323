"""The landing zone: which extract files a source delivered, and the columns of each file."""

import csv
import io
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from churn_assets.contracts.source import Source
from churn_assets.months import month_of
from churn_assets.settings import filesystem
from churn_assets.sources.text import REPLACED, CsvUtf8, Utf8, csv_rows

LONGEST_HEADER = 2**20  # characters
EXTRACT = re.compile(r"extract_date=([0-9]{4}-[0-9]{2}-[0-9]{2})")


class LandingError(ValueError):
    """A file or folder in the landing zone cannot be used; the message names it and the remedy."""


@dataclass(frozen=True)
class ExtractFile:
    """One delivered file. `path` is absolute (as Spark reads it), `name` relative to the landing zone."""

    path: str
    name: str
    extract_date: date
    size: int
    modified_ns: int = 0

    @property
    def month(self) -> str:
        """The ingest month it belongs to."""
        return month_of(self.extract_date)


def list_extracts(landing: str, source: Source, months: Iterable[str] | None = None) -> list[ExtractFile]:
    """Files of the source, ordered by extract date and name, only of the given months (all when None).

    A source folder that does not exist gives an empty list: the contract decides whether data is missing.

    Raises:
        LandingError: a folder that is not called extract_date=YYYY-MM-DD, a file of another format, a file in place
            of a folder, or a folder in place of a file.
    """
    wanted = None if months is None else set(months)
    fs, root = filesystem(f"{landing}/{source.path}")
    files = []
    try:
        folders = fs.get_file_info(pafs.FileSelector(root, allow_not_found=True))
    except NotADirectoryError:
        raise LandingError(
            f"{landing}/{source.path} is not a folder. Put the files of {source.name} into "
            f"{source.path}/extract_date=YYYY-MM-DD/, the day on which they were extracted."
        ) from None
    for folder in folders:
        if folder.base_name.startswith((".", "_")):
            continue
        match = EXTRACT.fullmatch(folder.base_name)
        if folder.type != pafs.FileType.Directory or match is None:
            raise LandingError(
                f"{landing}/{source.path}/{folder.base_name} is not an extract folder. "
                "Put files into extract_date=YYYY-MM-DD/, the day on which they were extracted."
            )
        try:
            day = date.fromisoformat(match[1])
        except ValueError as error:
            raise LandingError(
                f"{landing}/{source.path}/{folder.base_name}: {error}. Rename the folder."
            ) from error
        if wanted is not None and month_of(day) not in wanted:
            continue
        for info in fs.get_file_info(pafs.FileSelector(folder.path)):
            if info.base_name.startswith((".", "_")) or info.base_name.endswith(".part"):
                continue  # files with these names are still being written
            if info.type == pafs.FileType.Directory:
                raise LandingError(
                    f"{info.path} is a folder in place of a file. Put its files beside it, and remove it."
                )
            if info.extension != source.format:
                raise LandingError(
                    f"{info.path}: the contract of {source.name} expects *.{source.format}. "
                    "Remove the file or correct the contract."
                )
            name = f"{source.path}/{folder.base_name}/{info.base_name}"
            files.append(ExtractFile(f"{landing}/{name}", name, day, info.size, info.mtime_ns or 0))
    return sorted(files, key=lambda f: (f.extract_date, f.name))


def first_delivered_month(landing: str, sources: Iterable[Source], start: str) -> str | None:
    """The first month from `start` on of which the landing zone holds a file of any source; None without any.

    Looks at names only. Folders with other names are passed over, `list_extracts` speaks of them.
    """
    found: str | None = None
    for source in sources:
        fs, root = filesystem(f"{landing}/{source.path}")
        try:
            folders = fs.get_file_info(pafs.FileSelector(root, allow_not_found=True))
        except NotADirectoryError:
            continue
        named = ((EXTRACT.fullmatch(f.base_name), f.path) for f in folders)
        for month, folder in sorted((match[1][:7], path) for match, path in named if match):
            if month < start or not "01" <= month[5:] <= "12":
                continue
            if found is not None and month >= found:
                break
            names = [info.base_name for info in fs.get_file_info(pafs.FileSelector(folder))]
            if any(not name.startswith((".", "_")) for name in names):
                found = month
                break
    return found


def extracts_without_rows(
    landing: str, source: Source, months: Iterable[str], with_rows: Container[str]
) -> list[ExtractFile]:
    """Extract files of these months without rows, which leave no trace in bronze. Files `with_rows` are not opened.

    Raises:
        LandingError: as `list_extracts`.
    """
    files = list_extracts(landing, source, months)
    return [file for file in files if file.name not in with_rows and not _may_have_rows(source, file)]


def _may_have_rows(source: Source, file: ExtractFile) -> bool:
    """True when the file has a row, or cannot be read; reads no further than the first row."""
    try:
        return bool(file.size) and _has_rows(source, file)
    except (LandingError, pa.ArrowInvalid):
        return True


def _has_rows(source: Source, file: ExtractFile) -> bool:
    """True when the file, which is not empty, has a row; reads no further than the first one."""
    if source.format == "parquet":
        fs, path = filesystem(file.path)
        with fs.open_input_file(path) as handle:
            return bool(pq.read_metadata(handle).num_rows)
    with open_text(source, file) as lines:
        if source.format == "jsonl":
            return any(line.strip() for line in lines)
        rows = csv.reader(lines, delimiter=source.delimiter)
        next(rows, None)  # the header
        return any(rows)


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


@contextmanager
def open_utf8(
    source: Source, file: ExtractFile, ending: str = "", instead: Mapping[str, str] | None = None
) -> Iterator[io.BufferedReader]:
    """The text of a file as UTF-8: JSON lines (see `Utf8`) or CSV (see `CsvUtf8`, which uses `instead`).

    Raises:
        LandingError: the file has another encoding than the contract says.
    """
    fs, path = filesystem(file.path)
    with fs.open_input_stream(path) as handle:
        if source.format == "csv":
            text: Utf8 = CsvUtf8(handle, source.encoding, ending, instead)
        else:
            text = Utf8(handle, source.encoding, ending)
        try:
            yield io.BufferedReader(text)
        except UnicodeError as error:
            raise LandingError(_other_encoding(source, file, str(error))) from error


@contextmanager
def open_text(source: Source, file: ExtractFile) -> Iterator[io.TextIOWrapper]:
    """`open_utf8` as characters."""
    with open_utf8(source, file) as stream:
        yield io.TextIOWrapper(stream, encoding="utf-8", newline="")


def _other_encoding(source: Source, file: ExtractFile, why: str) -> str:
    return f"{file.name} is not {source.encoding}: {why}. Set `encoding` in the contract's server."


def delivered_columns(landing: str, source: Source, file: ExtractFile) -> tuple[tuple[str, str], ...]:
    """Name and Arrow type of each top-level column of a file, in file order.

    CSV columns are strings; a column without a name is called by its position ("column 2"). The result is empty for
    JSON lines, which have the names in each row.

    Raises:
        LandingError: the header is missing or has another encoding; it has a column twice (names are compared without
            case); the Parquet file is broken.
    """
    if source.format == "jsonl":
        return ()
    if source.format == "parquet":
        fs, path = filesystem(file.path)
        with fs.open_input_file(path) as handle:
            try:
                columns = tuple((field.name, str(field.type)) for field in pq.read_schema(handle))
            except Exception as error:
                raise LandingError(
                    f"{file.name} is not a readable Parquet file: {error}. Deliver it again."
                ) from error
        return _distinct(columns, file)
    with open_text(source, file) as text:
        header = next(csv_rows(text, source.delimiter, LONGEST_HEADER), None)
    if header and REPLACED in header.text:
        raise LandingError(_other_encoding(source, file, "bytes of the header line do not decode"))
    names = [name.strip() for name in header.values] if header and header.line == 1 else []
    if not any(names):
        raise LandingError(
            f"{file.name} has no header line. Deliver it with the column names of its contract."
        )
    named = (name or f"column {place}" for place, name in enumerate(names, 1))
    return _distinct(tuple((name, "string") for name in named), file)


def _distinct(columns: tuple[tuple[str, str], ...], file: ExtractFile) -> tuple[tuple[str, str], ...]:
    names = [name.lower() for name, _ in columns]
    if twice := [str(place) for place, name in enumerate(names, 1) if names.count(name) > 1]:
        # positions, not names: without a header line the "names" are a customer's row
        raise LandingError(
            f"{file.name}: a name stands twice in the header, at columns {', '.join(twice)}. Has the file a header "
            "line? Deliver it with names that differ by more than case."
        )
    return columns
