"""Reads the beginning of a file as a table of texts, and tells how the file is written."""

import csv
import gzip
import io
import json
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from churn_assets.contracts.odcs import FileFormat
from churn_assets.counts import counted
from churn_assets.drafting.doubt import DraftError
from churn_assets.drafting.file_names import GivenFile
from churn_assets.inference.delimiter_and_header import DELIMITERS, FileShape, ShapeError, shape
from churn_assets.inference.encodings import likely_encodings
from churn_assets.sources.csv_quotes import OPEN, line_of_open_quote
from churn_assets.sources.delivered_text import csv_rows
from churn_assets.sources.first_bytes import HEAD, kind_of

LEAST_BYTES, MOST_BYTES, ROW_BYTES = 2**20, 64 * 2**20, 500
HEAD_BYTES = 2**18
_READ = ("text", "wide text", "json lines")
ASCII = "ascii"


@dataclass(frozen=True)
class FileSample:
    """The first rows of a file.

    Attributes:
        file: the file.
        format, delimiter, encoding, compression: how it is written; encoding by Python's name, ASCII if it holds no
            other letters.
        table: columns as text (numbers as they were written), of Parquet in their own types.
        complete: all rows are in the table.
        notes: what a person should know about the file.
        lines: of JSON lines, the text of each row.
    """

    file: GivenFile
    format: FileFormat
    table: pa.Table
    complete: bool
    delimiter: str = ","
    encoding: str = "utf-8"
    compression: str | None = None
    notes: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Text:
    """The decoded beginning of a file, and what is known of the file; `whole`: it is all of it."""

    file: GivenFile
    text: str
    whole: bool
    encoding: str
    compression: str | None
    notes: tuple[str, ...]

    def sample(
        self, format_: FileFormat, table: pa.Table, complete: bool, *notes: str, **more: Any
    ) -> FileSample:
        """Returns the sample with these rows; `notes` are added to those of the text."""
        told = (*self.notes, *notes)
        return FileSample(
            self.file,
            format_,
            table,
            self.whole and complete,
            encoding=self.encoding,
            compression=self.compression,
            notes=told,
            **more,
        )


def read_sample(file: GivenFile, rows: int) -> FileSample:
    """Returns at most so many rows of a file.

    Raises:
        DraftError: the file is empty, no table, or of a kind that is not read.
    """
    try:
        with file.path.open("rb") as plain:
            kind = kind_of(plain.read(HEAD))
        if kind.name == "parquet":
            return _parquet(file, rows)
        with _opened(file, kind.name) as (stream, compression):
            data = stream.read(min(MOST_BYTES, max(LEAST_BYTES, rows * ROW_BYTES)))
            whole = not stream.read(1)
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        raise DraftError(
            f"{file.name} cannot be read: {error}. Deliver it again, or leave it out."
        ) from error
    kind = kind_of(data[:HEAD])
    if kind.name not in _READ:
        raise DraftError(f"{file.name} is {kind.words}. {kind.remedy} Otherwise leave it out.")
    if not (encodings := likely_encodings(data[:HEAD_BYTES])):
        raise DraftError(f"{file.name} holds zero bytes: it is not text. Export it as CSV.")
    text, encoding, notes = _decoded(data, encodings, whole)
    encoding = ASCII if text.isascii() and encoding == "utf-8" else encoding
    if not whole:
        text = text[: text.rfind("\n") + 1]
    given = _Text(file, text, whole, encoding, compression, notes)
    return _json_lines(given, rows) if text.lstrip()[:1] in ("{", "[") else _csv(given, rows)


@contextmanager
def _opened(file: GivenFile, kind: str) -> Iterator[tuple[BinaryIO, str | None]]:
    if kind == "gz":
        with gzip.open(file.path) as stream:
            yield cast(BinaryIO, stream), kind
    elif kind == "zst":
        with pa.CompressedInputStream(pa.OSFile(str(file.path)), "zstd") as stream:
            yield stream, kind
    else:
        with file.path.open("rb") as stream:
            yield stream, None


def _decoded(data: bytes, encodings: tuple[str, ...], whole: bool) -> tuple[str, str, tuple[str, ...]]:
    """Returns the text, the first encoding in which all bytes decode, and the first line that decided about it."""
    where = ""
    for encoding in encodings:
        for cut in range(1 if whole else 4):  # the last character may be cut
            try:
                text = data[: len(data) - cut].decode(encoding)
            except UnicodeDecodeError as error:
                at = error.start
                continue
            return text.removeprefix("\ufeff"), encoding, (where,) if where else ()
        where = f"line {data[:at].count(10) + 1} is not {encoding}"
    return data.decode("iso8859-1"), "iso8859-1", (f"{where}; no other encoding was tried",)


def _csv(given: _Text, rows: int) -> FileSample:
    file, text = given.file, given.text.replace("\r\n", "\n").replace("\r", "\n")
    if given.whole and not text.endswith("\n"):
        text += "\n"  # Arrow skips a header only with its line end
    try:
        found = shape(file.name, text[:HEAD_BYTES])
    except ShapeError as error:
        for delimiter in DELIMITERS:
            _require_closed_quotes(given, text, delimiter)
        raise DraftError(str(error)) from error
    _require_closed_quotes(given, text, found.delimiter)
    if found.titles:
        raise DraftError(
            f"{file.name} has {counted(found.titles, 'row')} above its header. Export it with the header first."
        )
    names = _header(file, text, found)
    crooked: list[int] = []

    def leave_out(row: pacsv.InvalidRow) -> str:
        crooked.append(row.number or 0)
        return "skip"

    try:
        table = pacsv.read_csv(
            io.BytesIO(text.encode()),
            pacsv.ReadOptions(
                column_names=names, skip_rows=found.lines, use_threads=False, block_size=1 << 23
            ),
            pacsv.ParseOptions(
                delimiter=found.delimiter, newlines_in_values=True, invalid_row_handler=leave_out
            ),
            pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
        )
    except pa.ArrowInvalid as error:
        raise DraftError(f"{file.name} cannot be read: {error}.") from error
    notes = []
    if crooked:
        notes.append(
            f"{counted(len(crooked), 'row has', 'rows have')} another number of fields than the header "
            f"(row {crooked[0] - 1:,})"
        )
    complete = table.num_rows <= rows
    return given.sample("csv", table.slice(0, rows), complete, *notes, delimiter=found.delimiter)


def _require_closed_quotes(given: _Text, text: str, delimiter: str) -> None:
    """Refuses a quote that never closes: everything after it would be one value.

    The sample of a large file may end inside a value, so there the value must be most of the sample.

    Raises:
        DraftError: a quote never closes; names the line.
    """
    if '"' not in text:
        return
    # only the last row can have such a quote: it contains everything after it
    [last] = deque(csv_rows(io.StringIO(text, newline=""), delimiter, len(text)), maxlen=1)
    if not given.whole and len(last.text) <= len(text) / 2:
        return
    if line := line_of_open_quote(last, delimiter):
        raise DraftError(
            f"{given.file.name}, line {line}: {OPEN}. Close the quote, or double it where it is part of the text."
        )


def _header(file: GivenFile, text: str, found: FileShape) -> list[str]:
    """Returns the names of the columns as the readers of the landing zone see them.

    Raises:
        DraftError: two are equal apart from case, so that a run would refuse the file.
    """
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=found.delimiter)
    given = [*next(row for row in rows if row), ""][: len(found.names)]
    names = [name.strip() or f"column {place}" for place, name in enumerate(given, 1)]
    lower = [name.lower() for name in names]
    if twice := sorted({name for name, small in zip(names, lower, strict=True) if lower.count(small) > 1}):
        raise DraftError(
            f"{file.name}: the header has a name twice: {', '.join(twice)}. "
            "Export it with names that differ by more than case."
        )
    return names


def _json_lines(given: _Text, rows: int) -> FileSample:
    file = given.file
    documents: list[dict[str, str | None]] = []
    left_out: dict[str, None] = {}
    lines = [line for line in given.text.split("\n") if line.strip()]
    for number, line in enumerate(lines[:rows], 1):
        try:
            document = json.loads(line, parse_int=str, parse_float=str)
            if "\\u" in line:
                json.dumps(document, ensure_ascii=False).encode()  # raises for half a character
        except (ValueError, RecursionError) as error:
            raise DraftError(
                f"{file.name}: line {number} is no JSON document. Write one document a line (JSON lines)."
            ) from error
        if not isinstance(document, dict):
            raise DraftError(f"{file.name}: line {number} is no JSON object. Write one object a line.")
        documents.append(dict(_flat(document, left_out)))
    names = list(dict.fromkeys(name for document in documents for name in document))
    columns = [pa.array([document.get(name) for document in documents], pa.string()) for name in names]
    notes = []
    if left_out:
        notes.append(f"lists are left out, because a contract has no type for them: {', '.join(left_out)}")
    table = pa.table(columns, names)
    return given.sample("jsonl", table, len(lines) <= rows, *notes, lines=tuple(lines[:rows]))


def _flat(
    document: dict[str, Any], left_out: dict[str, None], above: str = ""
) -> Iterator[tuple[str, str | None]]:
    """Yields path and text of each member; objects are opened, and the paths of lists are added to `left_out`."""
    for name, value in document.items():
        match value:
            case dict():
                yield from _flat(value, left_out, f"{above}{name}.")
            case list():
                left_out[f"{above}{name}"] = None
            case bool():
                yield f"{above}{name}", str(value).lower()
            case _:
                yield f"{above}{name}", value


def _parquet(file: GivenFile, rows: int) -> FileSample:
    parquet = pq.ParquetFile(file.path)
    batches, read = [], 0
    for batch in parquet.iter_batches(min(rows, 65_536)):
        batches.append(batch)
        read += batch.num_rows
        if read >= rows:
            break
    table = pa.Table.from_batches(batches, parquet.schema_arrow).slice(0, rows)
    left_out = [field.name for field in table.schema if _has_no_text(field.type)]
    notes = (
        (f"columns of lists, structures, bytes or durations are left out: {', '.join(left_out)}",)
        if left_out
        else ()
    )
    complete = table.num_rows == parquet.metadata.num_rows
    return FileSample(file, "parquet", table.drop_columns(left_out), complete, notes=notes)


def _has_no_text(kind: pa.DataType) -> bool:
    of_bytes = pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary
    others = pa.types.is_nested, pa.types.is_duration, pa.types.is_interval
    return any(is_such(kind) for is_such in (*of_bytes, *others))


def as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns a column as trimmed texts; null for blanks, whole numbers without a point."""
    if pa.types.is_floating(column.type):
        whole = pc.all(pc.equal(pc.floor(column), column)).as_py()
        column = pc.cast(column, pa.int64(), safe=False) if whole else column
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        column = pc.cast(
            column, pa.timestamp("us") if pa.types.is_timestamp(column.type) else pa.date32(), safe=False
        )
    texts = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    return pc.if_else(pc.equal(texts, ""), None, texts)
