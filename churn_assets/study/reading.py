"""A delimited text file as a table of text, whatever program wrote it: encoding, delimiter, header, crooked rows."""

import codecs
import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.csv as pacsv  # type: ignore[import-untyped]

from churn_assets.study.errors import StudyError

MAXIMUM_ROWS = 5_000_000
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
SAMPLE_BYTES = 1 << 18
SAMPLE_ROWS = 500
# More crooked rows than this, and the delimiter or the quoting is not understood.
CROOKED_SHARE = 0.01
_MAGIC = {
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF",
}
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True)
class FlatFile:
    """A file as read.

    Attributes:
        path, size: of the file; size in bytes.
        encoding: Python's name.
        delimiter: one character.
        table: every column as text, blanks and all; a row per record.
        crooked: line numbers (from 1, header included, quoted line breaks not counted) of rows with another number
            of fields; they were left out.
    """

    path: Path
    size: int
    encoding: str
    delimiter: str
    table: pa.Table
    crooked: tuple[int, ...]

    def words(self) -> str:
        """How it was read, for a person."""
        said = (
            f"{self.table.num_rows:,} rows x {self.table.num_columns} columns, {self.encoding}, "
            f"separated by {DELIMITERS[self.delimiter]}"
        )
        if self.crooked:
            lines = ", ".join(str(line) for line in self.crooked[:5])
            said += f"; {len(self.crooked):,} rows with a wrong number of fields were left out (line {lines})"
        return said


def read(path: Path) -> FlatFile:
    """Read a file whole, every field as text.

    Raises:
        StudyError: no such file; not text; neither UTF-8, UTF-16 nor latin-1; one column only; too many crooked rows;
            no rows or more than MAXIMUM_ROWS.
    """
    if not path.is_file():
        raise StudyError(f"{path}: there is no such file.")
    encoding = _encoding(path)
    head = _head(path, encoding)
    skip = 1 if head.lower().startswith("sep=") else 0  # Excel's own hint to itself
    delimiter, names = _shape(path, head.split("\n", skip)[-1])
    crooked: list[int] = []

    def leave_out(row: pacsv.InvalidRow) -> str:
        crooked.append(row.number or 0)
        return "skip"

    try:
        table = pacsv.read_csv(
            path,
            pacsv.ReadOptions(
                encoding=encoding,
                column_names=names,
                skip_rows=skip + 1,
                use_threads=False,
                block_size=1 << 23,
            ),
            pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=leave_out),
            pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, check_utf8=True
            ),
        )
    except (pa.ArrowInvalid, UnicodeError) as error:
        raise StudyError(
            f"{path.name} cannot be read as {encoding} text separated by {DELIMITERS[delimiter]}: {error}. "
            "Look for a quotation mark that is never closed, or export the file again as UTF-8."
        ) from error
    _refuse(path, table, delimiter, crooked)
    return FlatFile(path, path.stat().st_size, encoding, delimiter, table, tuple(crooked))


def _refuse(path: Path, table: pa.Table, delimiter: str, crooked: list[int]) -> None:
    if table.num_rows == 0 and not crooked:
        raise StudyError(f"{path.name} has a header but no rows.")
    if len(crooked) > max(1, CROOKED_SHARE * (table.num_rows + len(crooked))):
        raise StudyError(
            f"{path.name}: {len(crooked):,} rows do not have the {table.num_columns} fields of the header, "
            "the first in "
            f"line {crooked[0]}. Fields that contain a {DELIMITERS[delimiter]} must be quoted; export the file again."
        )
    if table.num_rows > MAXIMUM_ROWS:
        raise StudyError(
            f"{path.name} has {table.num_rows:,} rows; a study takes up to {MAXIMUM_ROWS:,}. Draw a sample of whole "
            "customers, or bring the data in as sources (README, Your own sources)."
        )


def _encoding(path: Path) -> str:
    """The encoding of the whole file: by its byte order mark, else the first of UTF-8 and cp1252 that fits."""
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
    if not head.strip():
        raise StudyError(f"{path.name} is empty.")
    for magic, what in _MAGIC.items():
        if head.startswith(magic):
            raise StudyError(f"{path.name} is {what}, not text. Export or unpack it as CSV.")
    for mark, name in _BOMS:
        if head.startswith(mark):
            return _checked(path, name)
    if (zeros := head.count(0)) > len(
        head
    ) // 4:  # Latin letters in UTF-16 without a mark: every other byte is zero
        return _checked(path, "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be")
    if zeros:
        raise StudyError(f"{path.name} holds zero bytes: it is not text. Export it as CSV.")
    try:
        return _checked(path, "utf-8")
    except StudyError:
        return _checked(path, "cp1252")  # latin-1 as Windows writes it; five bytes are no character in it


def _checked(path: Path, encoding: str) -> str:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeError as error:
        raise StudyError(
            f"{path.name} is neither UTF-8 nor UTF-16 nor latin-1 ({error}). Export it again as UTF-8."
        ) from error
    return encoding


def _head(path: Path, encoding: str) -> str:
    with path.open("rb") as file:
        text = codecs.getincrementaldecoder(encoding)().decode(file.read(SAMPLE_BYTES))
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _shape(path: Path, head: str) -> tuple[str, list[str]]:
    """Delimiter and column names: the delimiter by which most rows have as many fields as the header, the more the
    better."""
    best, names, merit = "", [], (0.0, 0)
    for delimiter in DELIMITERS:
        try:
            rows = [
                row
                for _, row in zip(
                    range(SAMPLE_ROWS), csv.reader(io.StringIO(head), delimiter=delimiter), strict=False
                )
            ]
        except csv.Error:
            continue
        rows = [row for row in rows if row]
        if not rows or len(rows[0]) < 2:
            continue
        widths = Counter(len(row) for row in rows[1:-1] or rows[1:])
        share = widths[len(rows[0])] / max(1, widths.total())
        if (round(share, 1), len(rows[0])) > merit:
            best, names, merit = delimiter, rows[0], (round(share, 1), len(rows[0]))
    if not best:
        raise StudyError(
            f"{path.name} has one column only, whether separated by {', '.join(DELIMITERS.values())}. "
            "A study needs a target and features; export the file with one of these separators."
        )
    if all(_looks_like_data(name) for name in names):
        raise StudyError(
            f"The first line of {path.name} looks like data ({', '.join(names[:4])}): a header with the names of the "
            "columns is needed."
        )
    return best, _distinct(names)


def _looks_like_data(name: str) -> bool:
    return not name.strip() or not any(letter.isalpha() for letter in name)


def _distinct(names: list[str]) -> list[str]:
    """Trimmed names; an empty one becomes column_<position>, a repeated one gets its position."""
    result: list[str] = []
    for position, name in enumerate(names, 1):
        trimmed = name.strip() or f"column_{position}"
        result.append(f"{trimmed}_{position}" if trimmed in result else trimmed)
    return result
