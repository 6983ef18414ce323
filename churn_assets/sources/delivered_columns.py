"""What an extract file contains: its columns, and whether it has rows."""

import csv
import io
from collections.abc import Collection, Container, Iterable

import pyarrow as pa
import pyarrow.parquet as pq

from churn_assets.contracts.source import Source
from churn_assets.contracts.words import closest, listed, plain
from churn_assets.counts import counted
from churn_assets.settings import filesystem
from churn_assets.sources.delivered_text import Row, csv_rows, undecoded
from churn_assets.sources.first_bytes import PARQUET_MARK
from churn_assets.sources.landing import ExtractFile, LandingError, list_everything
from churn_assets.sources.open_extract import open_text, refuse_other_kinds

LONGEST_HEADER = 2**20  # characters
SHOWN_HEADER = 300  # characters
SEPARATORS = (",", ";", "\t", "|", ":", "^", "~", "\x01", "\x1f", " ")

# Name and Arrow type of each column of a file; empty for JSON lines, which have the names in each row.
Columns = tuple[tuple[str, str], ...]


def delivered_columns(source: Source, file: ExtractFile) -> Columns:
    """Name and Arrow type of each top-level column of a file, in file order.

    CSV columns are strings; a column without a name is called by its position ("column 2"). The result is empty for
    JSON lines, which have the names in each row.

    Raises:
        LandingError: the file is of another kind than its contract says; the header is missing or has another encoding;
            it has a column twice (names are compared without case); the Parquet file is broken.
    """
    refuse_other_kinds(source, file)
    if source.format == "jsonl":
        return ()
    if source.format == "parquet":
        return _distinct(_parquet_columns(file), file)
    header = _header(source, file)
    if header and (bad := undecoded(header.text)):
        raise LandingError(
            f"{file.name} is not {source.encoding}: its header line has {bad}. "
            "Set `encoding` in the contract's server."
        )
    names = _names(header.values) if header and header.line == 1 else []
    if header is None or not any(names):
        raise LandingError(
            f"{file.name} has no header line. Deliver it with the column names of its contract."
        )
    named = (name or f"column {place}" for place, name in enumerate(names, 1))
    return _distinct(tuple((name, "string") for name in named), file)


def extracts_without_rows(
    landing: str, source: Source, months: Iterable[str], with_rows: Container[str]
) -> list[ExtractFile]:
    """Extract files of these months without rows, which leave no trace in bronze. Files `with_rows` are not opened."""
    files = list_everything(landing, source, months).files
    return [file for file in files if file.name not in with_rows and not _has_rows(source, file)]


def _has_rows(source: Source, file: ExtractFile) -> bool:
    """True when the file has a row, or cannot be read; reads no further than the first row."""
    if not file.size:
        return False
    try:
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
    except (LandingError, pa.ArrowException, csv.Error):
        return True


def _header(source: Source, file: ExtractFile) -> Row | None:
    with open_text(source, file) as text:
        return next(csv_rows(text, source.delimiter, LONGEST_HEADER), None)


def _names(values: Collection[str]) -> list[str]:
    return [name.strip() for name in values]


def _parquet_columns(file: ExtractFile) -> Columns:
    fs, path = filesystem(file.path)
    with fs.open_input_file(path) as handle:
        try:
            return tuple((field.name, str(field.type)) for field in pq.read_schema(handle))
        except Exception as error:
            handle.seek(max(handle.size() - len(PARQUET_MARK), 0))
            if handle.read(len(PARQUET_MARK)) != PARQUET_MARK:
                raise LandingError(
                    f"{file.name} lacks the end of a Parquet file: the file is cut off. Deliver it again."
                ) from error
            raise LandingError(
                f"{file.name} is not a readable Parquet file: {error}. Deliver it again."
            ) from error


def _distinct(columns: Columns, file: ExtractFile) -> Columns:
    names = [name.lower() for name, _ in columns]
    if twice := [str(place) for place, name in enumerate(names, 1) if names.count(name) > 1]:
        # positions, not names: without a header line the "names" are a customer's row
        raise LandingError(
            f"{file.name}: the header has the same name twice, at columns {', '.join(twice)}. Has the file a header "
            "line? Deliver it with names that differ by more than case."
        )
    return columns


def require_columns(source: Source, file: ExtractFile, columns: Columns) -> None:
    """Does nothing when a CSV or Parquet file has the columns that the contract requires.

    Raises:
        LandingError: one is missing under its name and its aliases. Names what was found instead, unless that may be
            values of a row, and a separator or names that are probably meant.
    """
    delivered = [name for name, _ in columns]
    required = {c.field: {c.field, *c.aliases} for c in source.columns if c.required}
    missing = [field for field, known in required.items() if not known & {*delivered}]
    if not missing:
        return
    header = _header(source, file) if source.format == "csv" else None
    if header and not header.text.endswith(("\n", "\r")) and set(delivered[:-1]) & _known(source):
        raise LandingError(
            f"{file.name} ends in the middle of its header line: the file is cut off. Deliver it again."
        )
    lacks = f"{file.name} lacks required columns: {', '.join(missing)}; "
    if header and (separator := _other_separator(source, header, len(missing))):
        raise LandingError(
            f"{lacks}its header line is {_shown(header)}. Is {separator!r} the separator? "
            f"Set `delimiter` in the contract's server; it is {source.delimiter!r}."
        )
    remedy = (
        "Deliver the file with these columns, or declare the new name under `aliases` in the contract of "
        f"{source.name}."
    )
    if not {plain(name) for name in delivered} & {plain(name) for name in _known(source)}:
        # without a header line these "names" are a customer's row
        question = " Has the file a header line?" if header else ""
        raise LandingError(
            f"{lacks}it has {counted(len(delivered), 'column')}, and the contract knows none of them.{question} "
            f"{remedy}"
        )
    others = [name for name in delivered if name not in _known(source)]
    guesses = {field: closest(field, others) for field in missing}
    meant = ", ".join(f"{guess} for {field}" for field, guess in guesses.items() if guess)
    question = f" Is it {meant}?" if meant else ""
    raise LandingError(f"{lacks}it has {listed(delivered)}.{question} {remedy}")


def _known(source: Source) -> set[str]:
    return {name for column in source.columns for name in (column.field, *column.aliases)}


def _other_separator(source: Source, header: Row, missing: int) -> str | None:
    """A separator that splits the header line into more of the contract's names; None if there is none."""
    required = [{c.field, *c.aliases} for c in source.columns if c.required]
    best, least = None, missing
    for separator in SEPARATORS:
        row = next(csv_rows(io.StringIO(header.text, newline=""), separator, LONGEST_HEADER))
        lacking = sum(not known & {*_names(row.values)} for known in required)
        if separator != source.delimiter and lacking < least:
            best, least = separator, lacking
    return best


def _shown(header: Row) -> str:
    text = header.text.rstrip("\r\n")
    return repr(text if len(text) <= SHOWN_HEADER else f"{text[:SHOWN_HEADER]}...")
