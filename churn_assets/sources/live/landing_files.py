"""Writes an extract: aside first, and into the landing zone under its name only when it is whole."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from churn_assets.contracts.source import Source
from churn_assets.durable import sync_file, sync_folder
from churn_assets.settings import filesystem, is_uri
from churn_assets.sources.live.records import KEY
from churn_assets.sources.live.rows import cast, common_type, kind_of

PART = ".part"


class ExtractDraft:
    """Rows of an extract in a folder of its own.

    A part is a Parquet file of tables with the same types. When a type changes on the way, a new part begins, and at
    the end all are put together in types that hold every value.
    """

    ending = ".parquet"

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.parts: list[str] = []
        self.schema: pa.Schema | None = None
        self.rows = 0
        self._writer: pq.ParquetWriter | None = None

    def add(self, table: pa.Table) -> None:
        """Adds rows; every table has the same columns."""
        wanted = table.schema
        if self.schema is not None:
            pairs = zip(self.schema, table.schema, strict=True)
            wanted = pa.schema([(old.name, common_type(old.type, new.type)) for old, new in pairs])
        if wanted != self.schema or self._writer is None:
            self._close()
            self.schema = wanted
            self._writer = self._open(f"{len(self.parts)}.parquet", wanted)
            self.parts.append(f"{len(self.parts)}.parquet")
        self._writer.write_table(_in(table, wanted))
        self.rows += table.num_rows

    def kinds(self) -> dict[str, str]:
        """Column -> what its values are."""
        return {field.name: kind_of(field.type) for field in self.schema or ()}

    def finish(self, record: bytes) -> str:
        """Ends the draft; returns the path or URI of its one file, which has this record in its footer."""
        if self.schema is None or self._writer is None:
            raise ValueError("nothing was added, not even an empty table")
        if len(self.parts) > 1:
            self._close()
            self._writer = self._open("whole.parquet", self.schema)
            for part in self.parts:
                fs, path = filesystem(f"{self.folder}/{part}")
                with fs.open_input_file(path) as file:
                    for batch in pq.ParquetFile(file).iter_batches():
                        self._writer.write_table(_in(pa.Table.from_batches([batch]), self.schema))
                fs.delete_file(path)
            self.parts = ["whole.parquet"]
        self._writer.add_key_value_metadata({KEY: record})
        self._close()
        return f"{self.folder}/{self.parts[0]}"

    def close(self) -> None:
        """Closes its files; who made the folder removes it."""
        with suppress(OSError):
            self._close()

    def _open(self, name: str, schema: pa.Schema) -> pq.ParquetWriter:
        fs, path = filesystem(f"{self.folder}/{name}")
        return pq.ParquetWriter(path, schema, filesystem=fs, compression="zstd")

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _in(table: pa.Table, schema: pa.Schema) -> pa.Table:
    return pa.table(
        [cast(column, field.type) for column, field in zip(table.columns, schema, strict=True)], schema=schema
    )


def publish(drafted: str, landing: str, source: Source, day: date, name: str) -> int:
    """Moves a whole file into the extract folder of a day, in place of a file of that name; returns its bytes."""
    folder = f"{landing}/{source.path}/extract_date={day}"
    from_fs, from_path = filesystem(drafted)
    fs, place = filesystem(folder)
    fs.create_dir(place)
    growing = f"{place}/.{name}{PART}"
    pafs.copy_files(from_path, growing, source_filesystem=from_fs, destination_filesystem=fs)
    size: int = fs.get_file_info(growing).size
    if not is_uri(landing):
        sync_file(Path(growing))
    fs.move(growing, f"{place}/{name}")
    if not is_uri(landing):
        sync_folder(Path(place))
    return size


def remove_unfinished(landing: str, source: Source) -> None:
    """Removes what a killed process has left; the caller lets nobody else extract the source meanwhile."""
    fs, root = filesystem(f"{landing}/{source.path}")
    for info in fs.get_file_info(pafs.FileSelector(root, recursive=True, allow_not_found=True)):
        if info.is_file and info.base_name.startswith(".") and info.base_name.endswith(PART):
            fs.delete_file(info.path)


def without(table: pa.Table, columns: Iterable[str]) -> pa.Table:
    """The table without these columns."""
    gone: Sequence[str] = [name for name in columns if name in table.column_names]
    return table.drop_columns(gone) if gone else table
