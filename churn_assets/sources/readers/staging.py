"""Converts extract files to Parquet files with the same rows, which any engine reads fast and in parallel."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from hashlib import blake2s
from itertools import count

import pyarrow as pa
import pyarrow.parquet as pq

from churn_assets.contracts.source import Source
from churn_assets.settings import filesystem
from churn_assets.sources.landing import ExtractFile, LandingError, delivered_columns
from churn_assets.sources.quotes import LINE_BREAK, check_quotes
from churn_assets.sources.readers.delimited import read_csv
from churn_assets.sources.readers.documents import read_json_lines
from churn_assets.sources.readers.parquet import read_parquet

ROW_GROUP_BYTES = 16 * 2**20
MOST_AT_ONCE = 4  # files; each takes about 100 MB
CONSTANTS = ("source_file", "extract_month")

# Name and Arrow type of each column of a file; empty for JSON lines, which have the names in each row.
Columns = tuple[tuple[str, str], ...]


def stage(source: Source, landing: str, files: Sequence[ExtractFile], folder: str) -> dict[Columns, str]:
    """Writes the rows of all files as Parquet below `folder` (a path or URI); returns columns -> their folder.

    Files with the same columns share a folder. Their rows have the columns of the format's reader and those of the
    origin (extract_date, source_file, extract_month). Columns are left out when none of their files has rows.

    Raises:
        LandingError: a file cannot be read at all, a misplaced quote would hide rows, or a required column is missing;
            names file and remedy, never the file's content.
    """
    with ThreadPoolExecutor(min(MOST_AT_ONCE, pa.cpu_count())) as pool:
        staged = [*pool.map(partial(_stage, source, landing, folder), files, count())]
    return {columns: place for columns, place in staged if place is not None}


def _stage(
    source: Source, landing: str, folder: str, file: ExtractFile, number: int
) -> tuple[Columns, str | None]:
    columns = delivered_columns(landing, source, file)
    if source.format == "csv" and any(LINE_BREAK.search(name) for name, _ in columns):
        check_quotes(source, file)
    if source.format != "jsonl":
        _require_fields(source, file, [name for name, _ in columns])
    place = f"{folder}/{blake2s(repr(columns).encode(), digest_size=8).hexdigest()}"
    tables = (_with_origin(table, file) for table in _tables(source, file, len(columns)))
    return columns, place if _write(tables, place, f"{number}.parquet") else None


def _tables(source: Source, file: ExtractFile, columns: int) -> Iterator[pa.Table]:
    if source.format == "csv":
        return read_csv(source, file, columns)
    return read_json_lines(source, file) if source.format == "jsonl" else read_parquet(file)


def _require_fields(source: Source, file: ExtractFile, delivered: Collection[str]) -> None:
    """Raises LandingError when a required field is missing under its name and its aliases."""
    names = {c.field: {c.field, *c.aliases} for c in source.columns if c.required}
    if missing := [field for field, known in names.items() if not known & set(delivered)]:
        # the number of delivered columns, not their names: without a header line these are a customer's row
        header = " Has the file a header line?" if source.format == "csv" else ""
        raise LandingError(
            f"{file.name} lacks required columns: {', '.join(missing)}; it has {len(delivered)} columns.{header} "
            f"Deliver it with them, or declare the new name under `aliases` in the contract of {source.name}."
        )


def _with_origin(table: pa.Table, file: ExtractFile) -> pa.Table:
    same = pa.repeat(pa.scalar(0, pa.int32()), table.num_rows)
    return (
        table.append_column("extract_date", pa.repeat(pa.scalar(file.extract_date), table.num_rows))
        .append_column("source_file", pa.DictionaryArray.from_arrays(same, [file.name]))
        .append_column("extract_month", pa.DictionaryArray.from_arrays(same, [file.month]))
    )


def _write(tables: Iterable[pa.Table], folder: str, name: str) -> bool:
    """Writes the tables as one file; without rows it writes nothing and returns False."""
    fs, place = filesystem(folder)
    writer = None
    with ExitStack() as stack:
        for group in _row_groups(tables):
            if writer is None:
                fs.create_dir(place)
                writer = pq.ParquetWriter(
                    f"{place}/{name}",
                    group.schema,
                    filesystem=fs,
                    use_dictionary=list(CONSTANTS),
                    write_statistics=False,
                    coerce_timestamps="us",  # Spark reads no nanoseconds
                    allow_truncated_timestamps=True,
                    store_schema=False,
                )
                stack.enter_context(writer)
            writer.write_table(group)
    return writer is not None


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
