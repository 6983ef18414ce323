"""Converts extract files to Parquet files with the same rows, which any engine reads fast and in parallel."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from hashlib import blake2s
from itertools import count
from typing import NamedTuple

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from churn_assets.contracts.source import Source
from churn_assets.settings import filesystem
from churn_assets.sources.csv_quotes import LINE_BREAK, check_quotes
from churn_assets.sources.delivered_columns import Columns, delivered_columns, require_columns
from churn_assets.sources.landing import ExtractFile, LandingError, RefusedFile
from churn_assets.sources.readers.delimited import read_csv
from churn_assets.sources.readers.json_lines import read_json_lines
from churn_assets.sources.readers.parquet import read_parquet

ROW_GROUP_BYTES = 16 * 2**20
MOST_AT_ONCE = 4  # files; each takes about 100 MB
CONSTANTS = ("source_file", "extract_month")


class Staged(NamedTuple):
    """Extract files as Parquet files.

    Attributes:
        folders: columns -> folder of the files with these columns; those without rows are left out.
        rows: name of each file that was read -> number of its rows.
        refused: files that cannot be read, in the order of the extracts; none of their rows count.
    """

    folders: dict[Columns, str]
    rows: dict[str, int]
    refused: list[RefusedFile]


def stage(source: Source, files: Sequence[ExtractFile], folder: str) -> Staged:
    """Writes the rows of all files as Parquet below `folder` (a path or URI), several files at a time.

    Files with the same columns share a folder. Their rows have the columns of the format's reader and those of the
    origin (extract_date, source_file, extract_month). A file is refused that is of another kind than its contract says,
    that is cut, whose quotes would hide rows, that lacks a required column, or that is gone or may not be read; the
    others are read all the same.
    """
    with ThreadPoolExecutor(min(MOST_AT_ONCE, pa.cpu_count())) as pool:
        results = [*pool.map(partial(_stage, source, folder), files, count())]
    staged = Staged({}, {}, [])
    for file, result in zip(files, results, strict=True):
        if isinstance(result, LandingError):
            staged.refused.append(RefusedFile(file.name, file.month, result))
            continue
        columns, place, staged.rows[file.name] = result
        if staged.rows[file.name]:
            staged.folders[columns] = place
    return staged


def _stage(
    source: Source, folder: str, file: ExtractFile, number: int
) -> tuple[Columns, str, int] | LandingError:
    try:
        columns = _columns(source, file)
        if source.format == "csv" and any(LINE_BREAK.search(name) for name, _ in columns):
            check_quotes(source, file)
        if source.format != "jsonl":
            require_columns(source, file, columns)
        place = f"{folder}/{blake2s(repr(columns).encode(), digest_size=8).hexdigest()}"
        tables = (_with_origin(table, file) for table in _tables(source, file, len(columns)))
        return columns, place, _write(tables, place, f"{number}.parquet")
    except LandingError as error:
        return error


def _columns(source: Source, file: ExtractFile) -> Columns:
    try:
        return delivered_columns(source, file)
    except (FileNotFoundError, PermissionError) as error:
        raise LandingError(
            f"{file.name} cannot be opened ({type(error).__name__}). Give this user the right to read it; if it was "
            "removed meanwhile, deliver it again."
        ) from error


def _tables(source: Source, file: ExtractFile, columns: int) -> Iterator[pa.Table]:
    if source.format == "csv":
        return read_csv(source, file, columns)
    return read_json_lines(source, file) if source.format == "jsonl" else read_parquet(file)


def _with_origin(table: pa.Table, file: ExtractFile) -> pa.Table:
    same = pa.repeat(pa.scalar(0, pa.int32()), table.num_rows)
    return (
        table.append_column("extract_date", pa.repeat(pa.scalar(file.extract_date), table.num_rows))
        .append_column("source_file", pa.DictionaryArray.from_arrays(same, [file.name]))
        .append_column("extract_month", pa.DictionaryArray.from_arrays(same, [file.month]))
    )


def _write(tables: Iterable[pa.Table], folder: str, name: str) -> int:
    """Writes the tables as one file and returns the number of rows; without rows it writes nothing.

    A file whose tables raise an error is removed: its rows do not count.
    """
    fs, place = filesystem(folder)
    rows = 0
    try:
        with ExitStack() as stack:
            writer = None
            for group in _row_groups(tables):
                if writer is None:
                    fs.create_dir(place)
                    writer = stack.enter_context(_writer(fs, f"{place}/{name}", group.schema))
                writer.write_table(group)
                rows += group.num_rows
    except LandingError:
        if rows:
            fs.delete_file(f"{place}/{name}")
        raise
    return rows


def _writer(fs: pafs.FileSystem, path: str, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        path,
        schema,
        filesystem=fs,
        use_dictionary=list(CONSTANTS),
        write_statistics=False,
        coerce_timestamps="us",  # Spark reads no nanoseconds
        allow_truncated_timestamps=True,
        store_schema=False,
    )


def _row_groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of about ROW_GROUP_BYTES."""
    taken: list[pa.Table] = []
    for table in tables:
        taken.append(table)
        if sum(t.nbytes for t in taken) >= ROW_GROUP_BYTES:
            yield pa.concat_tables(taken)
            taken = []
    if taken:
        yield pa.concat_tables(taken)
