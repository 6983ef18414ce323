"""Reads a delimited text file into a table of text; detects encoding, delimiter, header and crooked rows.

Crooked rows have another number of fields than the header. The text may be compressed by gzip, or a sheet of an Excel
workbook.
"""

import codecs
import gzip
import re
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.csv as pacsv  # type: ignore[import-untyped]

from churn_assets.counts import counted
from churn_assets.inference.delimiter_and_header import DELIMITERS, FileShape, ShapeError, shape
from churn_assets.inference.encodings import likely_encodings
from churn_assets.study.errors import StudyError
from churn_assets.study.workbook import sheet_as_text

MAXIMUM_ROWS = 5_000_000
SAMPLE_BYTES = 1 << 18
# A larger share of crooked rows means that the delimiter or the quoting was detected wrongly.
CROOKED_SHARE = 0.01
# Databases write files with these delimiters without quoting, so a quotation mark may be part of the text.
OFTEN_UNQUOTED = "\t|"
# At most this many multi-line rows are checked for quotation marks that are not quotes.
JUDGED_ROWS = 10_000
_ZIP, _GZIP = b"PK\x03\x04", b"\x1f\x8b"
_MAGIC = {
    _ZIP: "a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF",
}


@dataclass(frozen=True)
class FlatFile:
    """A file as read.

    Attributes:
        path, size: of the file; size in bytes.
        encoding: its name in Python.
        delimiter: one character.
        table: every column as text, blanks unchanged; a row per record.
        crooked: line numbers (from 1, header included) of the crooked rows, which are left out; quoted line breaks of
            valid rows are not counted.
        notes: how else the file was interpreted, for the report.
    """

    path: Path
    size: int
    encoding: str
    delimiter: str
    table: pa.Table
    crooked: tuple[int, ...]
    notes: tuple[str, ...] = ()

    def words(self) -> str:
        """Returns one line for the report on how the file was read."""
        said = (
            f"{self.table.num_rows:,} rows x {self.table.num_columns} columns, {self.encoding}, "
            f"separated by {DELIMITERS[self.delimiter]}"
        )
        if self.crooked:
            lines = ", ".join(str(line) for line in self.crooked[:5])
            said += f"; {counted(len(self.crooked), 'line')} with a wrong number of fields left out (line {lines})"
        return "; ".join([said, *self.notes])


def read(path: Path, sheet: str | None = None) -> FlatFile:
    """Reads a whole file, every field as text.

    Args:
        sheet: name of the sheet of a workbook; None takes the first one with a header.

    Raises:
        StudyError: no such file; neither text nor workbook; neither UTF-8, UTF-16 nor latin-1; one column only; too
            many crooked rows; no rows or more than MAXIMUM_ROWS.
    """
    if not path.is_file():
        raise StudyError(f"{path}: there is no such file.")
    if _is_workbook(path):
        with sheet_as_text(path, sheet) as (text, name):
            found = _read_text(text, path.name)
        return replace(found, path=path, size=path.stat().st_size, notes=(f"sheet {name}", *found.notes))
    if sheet is not None:
        raise StudyError(f"--sheet {sheet}: {path.name} is no Excel workbook (.xlsx) and has no sheets.")
    return _read_text(path, path.name)


def _is_workbook(path: Path) -> bool:
    """Returns whether the file is a zip archive with the name of a workbook, or with its parts."""
    with path.open("rb") as file:
        if file.read(len(_ZIP)) != _ZIP:
            return False
    if path.suffix.lower() in (".xlsx", ".xlsm"):
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except zipfile.BadZipFile:
        return False


def _read_text(path: Path, name: str) -> FlatFile:
    encoding = _encoding(path, name)
    head = _head(path, encoding)
    hint = 1 if head.lower().lstrip('"').startswith("sep=") else 0  # Excel states its delimiter
    try:
        found = shape(name, head.split("\n", hint)[-1])
    except ShapeError as error:
        raise StudyError(str(error)) from error
    found = replace(found, lines=found.lines + hint)
    notes = ["rows above the header were skipped"] if found.titles else []
    try:
        parsed = _parsed(path, name, encoding, found, quoted=True)
        _refuse_swallowed(name, parsed, found)
    except StudyError:
        if found.delimiter not in OFTEN_UNQUOTED:
            raise
        parsed = _parsed(path, name, encoding, found, quoted=False)
        notes.append("quotation marks were read as part of the text")
    crooked = parsed.crooked()
    _refuse(name, parsed.table, found.delimiter, crooked)
    return FlatFile(
        path, path.stat().st_size, encoding, found.delimiter, parsed.table, tuple(crooked), tuple(notes)
    )


def _opened(path: Path) -> IO[bytes]:
    """Opens a file of text, decompressed if it was compressed by gzip, whatever its name."""
    with path.open("rb") as file:
        compressed = file.read(len(_GZIP)) == _GZIP
    return gzip.open(path, "rb") if compressed else path.open("rb")  # type: ignore[return-value]


@dataclass(frozen=True)
class _Parsed:
    """The valid rows, and (number of the first line, text) of each invalid row."""

    table: pa.Table
    invalid: list[tuple[int, str]]

    def crooked(self) -> list[int]:
        """Returns the line numbers of the invalid rows."""
        return [line + at for line, text in self.invalid for at in range(len(_lines(text)))]


def _parsed(path: Path, name: str, encoding: str, found: FileShape, quoted: bool) -> _Parsed:
    invalid: list[tuple[int, str]] = []

    def leave_out(row: pacsv.InvalidRow) -> str:
        invalid.append((row.number or 0, row.text))
        return "skip"

    try:
        with _opened(path) as file:
            table = pacsv.read_csv(
                file,
                pacsv.ReadOptions(
                    encoding=encoding,
                    column_names=found.names,
                    skip_rows=found.lines,
                    use_threads=False,
                    block_size=1 << 23,
                ),
                pacsv.ParseOptions(
                    delimiter=found.delimiter,
                    quote_char='"' if quoted else False,
                    newlines_in_values=quoted,
                    invalid_row_handler=leave_out,
                ),
                pacsv.ConvertOptions(
                    column_types=dict.fromkeys(found.names, pa.string()),
                    strings_can_be_null=False,
                    check_utf8=True,
                ),
            )
    except (pa.ArrowInvalid, UnicodeError) as error:
        raise StudyError(
            f"{name} cannot be read as {encoding} text separated by {DELIMITERS[found.delimiter]}: {error}. "
            "Look for a quotation mark that is never closed, or export the file again as UTF-8."
        ) from error
    return _Parsed(table, invalid)


def _refuse_swallowed(name: str, parsed: _Parsed, found: FileShape) -> None:
    """Raises StudyError if quotation marks are no quotes: each line of most multi-line rows is a whole row."""
    several = np.zeros(parsed.table.num_rows, dtype=bool)
    for column in parsed.table.columns:
        for end in "\n\r":
            several |= pc.match_substring(column, end).to_numpy()
    at = np.flatnonzero(several)[:JUDGED_ROWS]
    rows = list(parsed.invalid)
    line = found.lines + 1
    for position, row in zip(at.tolist(), parsed.table.take(at).to_pylist(), strict=True):
        text = found.delimiter.join(row.values())
        rows.append((line + position, text))
        line += len(_lines(text)) - 1
    several_lines = [(line, lines) for line, text in rows if len(lines := _lines(text)) > 1]
    width = len(found.names) - 1
    swallowed = [
        (line, lines)
        for line, lines in several_lines
        if all(each.count(found.delimiter) == width for each in lines)
    ]
    if 2 * len(swallowed) > len(several_lines):
        line, lines = min(swallowed)
        raise StudyError(
            f"{name}: a quotation mark near line {line:,} ({lines[0][:60]!r}) swallows the {len(lines) - 1:,} "
            "lines after it. Close it, take it out, or double it inside a quoted field."
        )


def _lines(text: str) -> list[str]:
    return re.split("\r\n|\r|\n", text.rstrip("\r\n"))


def _refuse(name: str, table: pa.Table, delimiter: str, crooked: list[int]) -> None:
    if table.num_rows == 0:
        said = f", only lines with another number of fields (line {crooked[0]})" if crooked else ""
        raise StudyError(f"{name} has a header but no rows{said}.")
    if len(crooked) > max(1, CROOKED_SHARE * (table.num_rows + len(crooked))):
        raise StudyError(
            f"{name}: {counted(len(crooked), 'line does', 'lines do')} not have the {table.num_columns} fields of "
            f"the header, the first in line {crooked[0]}. Quote fields that contain a {DELIMITERS[delimiter]}, and "
            "export the file again."
        )
    if table.num_rows > MAXIMUM_ROWS:
        raise StudyError(
            f"{name} has {table.num_rows:,} rows; a study takes up to {MAXIMUM_ROWS:,}. Draw a sample of whole "
            "customers, or bring the data in as sources (README, Your own sources)."
        )


def _encoding(path: Path, name: str) -> str:
    """Returns the encoding of the whole file: by its byte order mark, by zero bytes, else UTF-8 or cp1252.

    Raises:
        StudyError: empty; not text; in none of these encodings; a damaged gzip file.
    """
    try:
        with _opened(path) as file:
            head = file.read(SAMPLE_BYTES)
        if not head.strip():
            raise StudyError(f"{name} is empty.")
        for magic, what in _MAGIC.items():
            if head.startswith(magic):
                raise StudyError(f"{name} is {what}, not text. Export or unpack it as CSV.")
        encodings = likely_encodings(head)
        if not encodings:
            raise StudyError(f"{name} holds zero bytes: it is not text. Export it as CSV.")
        *others, last = encodings
        for encoding in others:
            try:
                return _checked(path, name, encoding)
            except StudyError:
                continue
        return _checked(path, name, last)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise StudyError(
            f"{name} is a damaged gzip file ({error}). Compress it again, or unpack it."
        ) from error


def _checked(path: Path, name: str, encoding: str) -> str:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with _opened(path) as file:
            while block := file.read(1 << 22):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeError as error:
        raise StudyError(
            f"{name} is neither UTF-8 nor UTF-16 nor latin-1 ({error}). Export it again as UTF-8."
        ) from error
    return encoding


def _head(path: Path, encoding: str) -> str:
    with _opened(path) as file:
        text = codecs.getincrementaldecoder(encoding)().decode(file.read(SAMPLE_BYTES))
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
