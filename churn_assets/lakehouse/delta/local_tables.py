"""Reads and writes a local Delta table file by file: the Parquet files with the engine, the log with delta-rs.

Delta's Spark connector replays a log in half a dozen Spark jobs, which for a table of a few dozen files cost more than
its rows.
"""

import json
import shutil
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from uuid import uuid4

from churn_assets.lakehouse.delta.draft import EVERYTHING, Refused, TablePlace
from churn_assets.lakehouse.delta.grouping import grouped
from churn_assets.lakehouse.engine.frames import (
    FilesGoneError,
    PartitionedFiles,
    read_partitions,
    write_parquet,
)

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds
    from deltalake import CommitProperties, DeltaTable, Schema
    from deltalake.transaction import AddAction, RemoveAction
    from pyspark.sql import DataFrame, SparkSession

ALREADY_MADE = "table already exists"  # message of delta-rs, which has no error class for it
ATTEMPTS = 10  # to commit, while others commit to the same table


class Forgotten(LookupError):
    """An earlier version of a table can no longer be read."""


@dataclass(frozen=True)
class File:
    """A Parquet file of a table.

    Attributes:
        path: relative to the table.
        partition: partition column -> value, as text.
        rows: number of rows.
        size: bytes.
    """

    path: str
    partition: Mapping[str, str]
    rows: int
    size: int


def version(uri: str) -> int:
    """Version of the newest commit. Saves half a CPU second compared with Spark; a run makes dozens of commits."""
    return max(int(file.stem) for file in Path(uri, "_delta_log").glob("*.json"))


def read(spark: "SparkSession", uri: str) -> "DataFrame":
    """The current version of a table. Later commits do not change the frame: it reads the files of this version."""
    from deltalake import DeltaTable

    table = DeltaTable(uri)
    return _frame(spark, uri, table, _files(table), table.version())


def replaced(spark: "SparkSession", uri: str, since: datetime) -> "DataFrame | None":
    """Rows of the files that were current at `since` and have been replaced; None when there are no such files.

    Works for local and remote tables.

    Raises:
        Forgotten: the version of that time can no longer be read.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    current = DeltaTable(uri)
    versions = {commit["version"]: commit["timestamp"] for commit in current.history()}
    then = [version for version, at in versions.items() if at <= since.timestamp() * 1000]
    if not then and 0 in versions:
        return None  # the table did not exist at `since`
    if not then:
        raise Forgotten(f"its log of {since:%Y-%m-%d} is gone")
    try:
        earlier = DeltaTable(uri, version=max(then))
    except DeltaError as error:
        raise Forgotten(f"its version {max(then)} is gone") from error
    kept = {file["path"] for file in _files(current)}
    gone = [file for file in _files(earlier) if file["path"] not in kept]
    try:
        return _frame(spark, uri, earlier, gone) if gone else None
    except FilesGoneError as error:
        raise Forgotten(f"files of its version {max(then)} are gone") from error


def _frame(
    spark: "SparkSession",
    uri: str,
    table: "DeltaTable",
    files: Iterable[Mapping[str, Any]],
    version: int | None = None,
) -> "DataFrame":
    from pyspark.sql.types import StructType

    schema = StructType.fromJson(json.loads(table.schema().to_json()))
    columns = table.metadata().partition_columns
    paths: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for file in files:
        paths[tuple(str(file[f"partition.{column}"]) for column in columns)].append(file["path"])
    return read_partitions(spark, PartitionedFiles(uri, schema, columns, paths, version))


@contextmanager
def draft(frame: "DataFrame", place: TablePlace, scratch: Path) -> "Iterator[FileDraft]":
    """Writes the frame to a new folder in `scratch`; the folder is removed at the end, published or not."""
    folder = scratch / uuid4().hex
    try:
        yield FileDraft(place, folder, _schema_of(frame), tuple(_stage(frame, place.partition_by, folder)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class FileDraft:
    """A `Draft` of Parquet files in a scratch folder.

    Attributes:
        place: the target.
        folder: the scratch folder.
        schema: all columns, including the partition columns.
        files: the files with rows.
    """

    place: TablePlace
    folder: Path
    schema: "Schema"
    files: tuple[File, ...]

    def count(self) -> int:
        """See `Draft`."""
        return sum(file.rows for file in self.files)

    def distinct(self, columns: Sequence[str]) -> int:
        """See `Draft`."""
        return int(grouped(self._dataset(), columns, [(columns[0], "count")]).num_rows)

    def aggregate(self, by: Sequence[str], aggregates: Sequence[tuple[str, str]]) -> "pa.Table":
        """See `Draft`."""
        return grouped(self._dataset(), by, aggregates)

    def within(self, where: str) -> "FileDraft":
        """See `Draft`."""
        inside = _satisfying([file.partition for file in self.files], where)
        return replace(self, files=tuple(f for f, kept in zip(self.files, inside, strict=True) if kept))

    def publish(self, where: str | None, says: Mapping[str, str]) -> tuple[int, int]:
        """See `Draft`. Moves the files into the table's folder just before the commit.

        An interruption before the commit leaves the table unchanged.

        Raises:
            Refused: the frame contains partitions outside `where`, or a column has another type in the table.
            CommitFailedError: all ATTEMPTS conflicted with commits of others.
        """
        if where is not None and not all(_satisfying([file.partition for file in self.files], where)):
            raise Refused(f"the frame holds rows outside the slice {where}")
        if where != EVERYTHING:
            _refuse_other_types(self.place.uri, self.schema)
        for file in self.files:
            target = Path(self.place.uri, file.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(self.folder / file.path, target)
        _publish(self.place, self.files, self.schema, where, says)
        return version(self.place.uri), self.count()

    def _dataset(self) -> "ds.Dataset":
        import pyarrow as pa
        from pyarrow import dataset as ds

        schema = pa.schema(self.schema)
        partitions = pa.schema([schema.field(column) for column in self.place.partition_by])
        return ds.dataset(
            [str(self.folder / file.path) for file in self.files],
            schema=schema,
            format="parquet",
            partitioning=ds.partitioning(partitions, flavor="hive"),
            partition_base_dir=str(self.folder),
        )


def _schema_of(frame: "DataFrame") -> "Schema":
    """The frame's columns as a Delta schema, all of them nullable."""
    from deltalake import Schema

    optional = dict.fromkeys(("nullable", "containsNull", "valueContainsNull"), True)
    text = json.loads(
        frame.schema.json(), object_hook=lambda part: part | {k: v for k, v in optional.items() if k in part}
    )
    return Schema.from_json(json.dumps(text))


def _refuse_other_types(uri: str, schema: "Schema") -> None:
    from deltalake import DeltaTable

    if not DeltaTable.is_deltatable(uri):
        return
    known = {field.name: field.type for field in DeltaTable(uri).schema().fields}
    other = [field for field in schema.fields if known.get(field.name, field.type) != field.type]
    if other:
        raise Refused("; ".join(f"{f.name} is {known[f.name]} there, not {f.type}" for f in other))


def _stage(frame: "DataFrame", partition_by: Sequence[str], folder: Path) -> list[File]:
    """Writes the frame as Parquet files below a folder; returns those with rows."""
    import pyarrow.parquet as pq

    write_parquet(frame, folder, partition_by)
    found = []
    for file in sorted(folder.rglob("*.parquet")):
        path = file.relative_to(folder)
        values = (part.partition("=") for part in path.parts[:-1])
        partition = {column: unquote(value) for column, _, value in values}
        found.append(File(str(path), partition, pq.read_metadata(file).num_rows, file.stat().st_size))
    return [file for file in found if file.rows]


def _publish(
    place: TablePlace, staged: Sequence[File], schema: "Schema", where: str | None, says: Mapping[str, str]
) -> None:
    """Adds the staged files and removes those that satisfy `where`, in one commit; retries after a conflict."""
    from deltalake.exceptions import CommitFailedError, DeltaError
    from deltalake.transaction import AddAction

    added = [
        AddAction(f.path, f.size, f.partition, _now_ms(), True, json.dumps({"numRecords": f.rows}))
        for f in staged
    ]
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _commit(place, added, schema, where, says)
        except DeltaError as error:
            conflict = isinstance(error, CommitFailedError) or ALREADY_MADE in str(error)
            if attempt == ATTEMPTS or not conflict:
                raise
        else:
            return


def _commit(
    place: TablePlace,
    added: "Sequence[AddAction]",
    schema: "Schema",
    where: str | None,
    says: Mapping[str, str],
) -> None:
    from deltalake import CommitProperties, DeltaTable
    from deltalake.transaction import create_table_with_add_actions

    # delta-rs must not retry: after a commit of another writer, the files to remove must be looked up again
    properties = CommitProperties(custom_metadata=dict(says), max_commit_retries=0)
    columns = list(place.partition_by)
    if not DeltaTable.is_deltatable(place.uri):
        create_table_with_add_actions(
            place.uri,
            schema,
            list(added),
            partition_by=columns,
            configuration=place.configuration,
            commit_properties=properties,
        )
        return
    current = DeltaTable(place.uri)
    if where == EVERYTHING:
        current.create_write_transaction(
            list(added), "overwrite", schema, columns, commit_properties=properties
        )
        return
    removed = [] if where is None else _removals(current, columns, where)
    if added or removed:
        _add_columns(current, schema, properties)
        actions: list[AddAction | RemoveAction] = [*added, *removed]
        current.create_write_transaction(actions, "append", schema, columns, commit_properties=properties)


def _add_columns(current: "DeltaTable", schema: "Schema", properties: "CommitProperties") -> None:
    known = {field.name for field in current.schema().fields}
    new = [field for field in schema.fields if field.name not in known]
    if new:
        current.alter.add_columns(new, commit_properties=properties)


def _removals(current: "DeltaTable", columns: Sequence[str], where: str) -> "list[RemoveAction]":
    from deltalake.transaction import RemoveAction

    files = _files(current)
    partitions: list[dict[str, str | None]] = [
        {column: str(file[f"partition.{column}"]) for column in columns} for file in files
    ]
    return [
        RemoveAction(file["path"], True, _now_ms(), file["size_bytes"], partition)
        for file, partition, goes in zip(files, partitions, _satisfying(partitions, where), strict=True)
        if goes
    ]


def _files(table: "DeltaTable") -> list[dict[str, Any]]:
    """The files of this version: `path` (relative, as on disk), `size_bytes`, and `partition.<column>`."""
    import pyarrow as pa

    found = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    return [file | {"path": unquote(file["path"])} for file in found]  # the log URL-encodes paths


def _satisfying(partitions: Sequence[Mapping[str, str | None]], where: str) -> list[bool]:
    """For each partition, whether it satisfies the predicate. Evaluated by SQLite; days and months compare as text."""
    with closing(sqlite3.connect(":memory:")) as database:
        found = []
        for partition in partitions:
            columns = ", ".join(["1 AS file", *(f'? AS "{column}"' for column in partition)])
            query = f"SELECT file FROM (SELECT {columns}) WHERE {where}"
            found.append(database.execute(query, list(partition.values())).fetchone() is not None)
        return found


def _now_ms() -> int:
    return time.time_ns() // 10**6
