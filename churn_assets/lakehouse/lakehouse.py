"""The one writer of Delta: frames through Spark, samples and reports of a few rows without a JVM.

A lake on this machine is written and read file by file (files.py), any other through Delta's Spark connector.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn_assets.lakehouse.catalogue.table import (
    Table,
    difference,
    types_of_frame,
    types_of_rows,
    types_of_schema,
)
from churn_assets.lakehouse.delta import connector, files
from churn_assets.lakehouse.delta.grouping import grouped
from churn_assets.lakehouse.delta.place import EVERYTHING, Draft, Refused, TablePlace
from churn_assets.lakehouse.engine import staging
from churn_assets.lakehouse.engine.processes import only_one
from churn_assets.lakehouse.engine.profiles import is_local
from churn_assets.lakehouse.engine.session import scratch_folder
from churn_assets.progress import note
from churn_assets.settings import Settings, is_uri

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as ds
    from pyspark.sql import DataFrame, SparkSession

# The words of every Unix for a full disk; Spark hides them below two hundred lines.
NO_SPACE = "No space left on device"

# Slices are partitions: minima and maxima of columns skip nothing more, cost a tenth of a write, and would put
# personal values into the log.
NEW_TABLE = {"delta.dataSkippingNumIndexedCols": "0"}


class LakehouseError(RuntimeError):
    """A table cannot be read or written; the message names the table and the remedy, never a row."""


def _names_run(run_id: str) -> str:
    return json.dumps({"dagster_run_id": run_id})


def _require_declared(table: Table, found: Mapping[str, str]) -> None:
    """Raises LakehouseError when a frame with these columns (name -> type) is not what the catalogue declares."""
    if told := difference(table, found):
        raise LakehouseError(f"{table.path}: {told}. Nothing was committed.")


@dataclass(frozen=True)
class Commit:
    """What a Delta commit did."""

    table: str
    version: int
    rows: int


class Lakehouse:
    """Reads and writes the tables of one lake. Spark is started by the first use of `spark`, not before."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def spark(self) -> "SparkSession":
        """The one Spark session of the process."""
        from churn_assets.lakehouse.engine.session import start_session

        return start_session(self.settings)

    def uri(self, table: Table) -> str:
        """Absolute location of a table."""
        return f"{self.settings.lake_uri}/{table.path}"

    def exists(self, table: Table) -> bool:
        """True when the table has a first commit."""
        uri = self.uri(table)
        if is_uri(uri):
            return connector.exists(self.spark, uri)
        return any(Path(uri, "_delta_log").glob("*.json"))

    def require(self, table: Table) -> None:
        """Raises LakehouseError when the table does not exist yet."""
        if not self.exists(table):
            raise LakehouseError(
                f"{table.path} does not exist in {self.settings.lake_uri}. Materialise the asset {table.path} first."
            )

    def read(self, table: Table) -> "DataFrame":
        """The current version as a Spark frame.

        Raises:
            LakehouseError: the table does not exist yet; names the asset to materialise.
        """
        self.require(table)
        if self._on_this_machine:
            return files.read(self.spark, self.uri(table))
        return connector.read(self.spark, self.uri(table))

    def replaced(self, table: Table, since: datetime) -> "DataFrame | None":
        """The rows that counted at `since`, in files that have been replaced since then; None when there are none.

        Raises:
            LakehouseError: they can no longer be read; see `vacuum`.
        """
        try:
            return files.replaced(self.spark, self.uri(table), since)
        except files.Forgotten as error:
            raise LakehouseError(f"{table.path}: {error}.") from error

    def arrow(
        self,
        table: Table,
        columns: list[str] | None = None,
        filters: list[tuple[str, str, object]] | None = None,
    ) -> "pa.Table":
        """The current version (or a part of it) as an Arrow table, read without a JVM.

        Only for tables that are small by nature and for samples with a row limit: it lands in this process's memory.

        Raises:
            LakehouseError: the table does not exist yet.
        """
        import pyarrow.parquet as pq

        expression = None if filters is None else pq.filters_to_expression(filters)
        return self._dataset(table).to_table(columns=columns, filter=expression)

    def aggregate(
        self,
        table: Table,
        by: list[str],
        aggregates: list[tuple[str, str]],
        where: "pc.Expression | None" = None,
    ) -> "pa.Table":
        """Groups a table of any size without a JVM, batch by batch; the answer must be small.

        `aggregates` are (column, function) of Arrow: count, sum, min, max, count_distinct ...; columns of the answer
        are called `<column>_<function>`.

        Raises:
            LakehouseError: the table does not exist yet.
        """
        return grouped(self._dataset(table), by, aggregates, where)

    def count(self, table: Table, where: "pc.Expression | None" = None) -> int:
        """Number of rows, or of those that satisfy `where`, without a JVM."""
        return int(self._dataset(table).count_rows(filter=where))

    def columns(self, table: Table) -> list[str]:
        """Names of its columns."""
        return list(self._dataset(table).schema.names)

    def types(self, table: Table) -> dict[str, str]:
        """Column -> its type as Delta calls it, without a JVM.

        Raises:
            LakehouseError: the table does not exist yet.
        """
        from deltalake import DeltaTable

        self.require(table)
        return types_of_schema(DeltaTable(self.uri(table)).schema().to_json())

    def _dataset(self, table: Table) -> "ds.Dataset":
        from deltalake import DeltaTable
        from pyarrow import fs

        self.require(table)
        uri = self.uri(table)
        # delta-rs reads through Python, and a reading thread that outlives the interpreter aborts the process
        local = None if is_uri(uri) else fs.SubTreeFileSystem(uri, fs.LocalFileSystem())
        return DeltaTable(uri).to_pyarrow_dataset(filesystem=local)

    def committed_at(self, table: Table) -> datetime:
        """Time of the newest commit that wrote rows, UTC.

        Raises:
            LakehouseError: the table does not exist yet.
        """
        from deltalake import DeltaTable

        self.require(table)
        commits = DeltaTable(self.uri(table)).history()
        newest = next(commit for commit in commits if not commit["operation"].startswith("VACUUM"))
        return datetime.fromtimestamp(newest["timestamp"] / 1000, UTC)

    def version(self, table: Table) -> int | None:
        """Current Delta version, None before the first commit."""
        return self._version(table) if self.exists(table) else None

    @contextmanager
    def draft(self, table: Table, frame: "DataFrame") -> "Iterator[TableDraft]":
        """Write, audit, publish: computes the frame once, then it can be looked at, and published or forgotten.

        Raises:
            LakehouseError: the columns are not those of the catalogue, which is found out before anything is computed;
                or there is no space left.
        """
        _require_declared(table, types_of_frame(frame))
        note(f"computing {table.path}")
        place = TablePlace(self.uri(table), table.partition_by, NEW_TABLE)
        drafts: AbstractContextManager[Draft]
        if self._on_this_machine:
            drafts = files.draft(frame, place, scratch_folder(self.settings) / "drafts")
        else:
            drafts = connector.draft(frame, place, new=not self.exists(table))
        with self._told(table), drafts as content:
            note(f"checking {table.path}")
            yield TableDraft(table, content)

    def replace(self, table: Table, frame: "DataFrame", where: str, *, run_id: str) -> Commit:
        """Replaces exactly the rows that satisfy `where` by `frame`: running it twice changes nothing.

        An empty frame empties the slice: a month without rows is a fact, and callers audit before they publish.

        Args:
            table: where to.
            frame: the rows.
            where: SQL over the partition columns.
            run_id: the Dagster run, named by the commit.

        Raises:
            LakehouseError: `frame` holds rows outside `where`, or see `draft`; nothing was committed.
        """
        with self.draft(table, frame) as draft:
            return draft.replace(where, run_id=run_id)

    def overwrite(self, table: Table, frame: "DataFrame", *, run_id: str) -> Commit:
        """Replaces the whole of an unpartitioned table, its columns included. See `draft` for what it refuses."""
        with self.draft(table, frame) as draft:
            return draft.overwrite(run_id=run_id)

    def append(self, table: Table, frame: "DataFrame", *, run_id: str) -> Commit:
        """Adds rows. The caller makes sure that a re-run adds nothing twice; see `alone_with`, `draft`."""
        with self.draft(table, frame) as draft:
            return draft.append(run_id=run_id)

    @contextmanager
    def staging(self, table: Table, *, run_id: str) -> Iterator[str]:
        """A folder for files that Spark reads on their way into the table; see `staging.staging`.

        Raises:
            LakehouseError: there is no space left.
        """
        with self._told(table), staging.staging(self.settings, run_id) as folder:
            yield folder

    def remove_leftovers(self) -> int:
        """Removes what killed runs left in the lake beside its tables; the number of files."""
        return staging.remove_leftovers(self.settings)

    @contextmanager
    def alone_with(self, table: Table) -> Iterator[None]:
        """Lets nobody else of this home between reading a table and adding what it lacks; others wait here meanwhile.

        A run by hand passes by the queue of runs, and two appends do not conflict.
        """
        self.settings.home_path.mkdir(parents=True, exist_ok=True)
        with only_one(self.settings.home_path / f".{table.name}.lock"):
            yield

    def append_rows(self, table: Table, rows: "pa.Table", *, run_id: str) -> Commit:
        """`append` without a JVM, for a few rows.

        Raises:
            LakehouseError: the columns are not those of the catalogue; nothing was committed.
        """
        _require_declared(table, types_of_rows(rows))
        return self._write_rows(table, rows, {"mode": "append"}, run_id)

    def replace_rows(
        self, table: Table, rows: "pa.Table", column: str, values: Sequence[object], *, run_id: str
    ) -> Commit:
        """`replace` without a JVM, for reports of a few rows: those whose `column` is one of `values`.

        Raises:
            LakehouseError: `rows` holds other values of `column`, or other columns than the catalogue; nothing was
                committed.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        _require_declared(table, types_of_rows(rows))
        allowed = pa.array(list(values), rows.schema.field(column).type)
        if rows.filter(pc.invert(pc.is_in(rows[column], allowed))).num_rows:
            raise LakehouseError(f"{table.path}: rows outside the slice of {column}; nothing was committed.")
        if not self.exists(table):
            return self._write_rows(table, rows, {"mode": "append"}, run_id)
        listed = ", ".join(f"'{value}'" for value in values)
        slice_ = {"mode": "overwrite", "predicate": f"{column} IN ({listed})"}
        return self._write_rows(table, rows, slice_, run_id)

    def _write_rows(self, table: Table, rows: "pa.Table", options: dict[str, Any], run_id: str) -> Commit:
        from deltalake import CommitProperties, write_deltalake

        new = not self.exists(table)
        write_deltalake(
            self.uri(table),
            rows,
            partition_by=list(table.partition_by) or None,
            commit_properties=CommitProperties(custom_metadata={"userMetadata": _names_run(run_id)}),
            configuration=dict(NEW_TABLE) if new else None,
            schema_mode=None if new else "merge",
            **options,
        )
        return Commit(table.path, self._version(table), rows.num_rows)

    def vacuum(self, table: Table) -> int:
        """Deletes the files that no version of the last `keep_days` days needs, and what killed writers left.

        Versions older than that cannot be read afterwards. A table that is written or read meanwhile is not harmed.

        Returns:
            Number of files.

        Raises:
            LakehouseError: the table does not exist yet.
        """
        from deltalake import DeltaTable

        self.require(table)
        uri, hours = self.uri(table), 24 * self.settings.keep_days
        current = DeltaTable(uri)
        # with another limit than the table's own, which is a week
        found = current.vacuum(hours, enforce_retention_duration=False, full=True)
        if not is_uri(uri):
            found = [file for file in found if Path(uri, file).exists()]  # it lists the dead of before, too
        if found:
            current.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True)
        return len(found)

    @property
    def _on_this_machine(self) -> bool:
        """Whether the lake and all of Spark are here, so that Spark's files need no connector."""
        return not is_uri(self.settings.lake_uri) and is_local(self.settings.spark_master)

    @contextmanager
    def _told(self, table: Table) -> "Iterator[None]":
        """Turns what happens to writers into words."""
        try:
            yield
        except LakehouseError:
            raise
        except Refused as error:
            raise LakehouseError(f"{table.path}: {error}; nothing was committed.") from None
        except Exception as error:
            if NO_SPACE not in str(error):
                raise
            raise LakehouseError(
                f"{table.path}: {NO_SPACE} under {self.settings.lake_uri}; nothing was committed. "
                "Free some, then run again."
            ) from None

    def _version(self, table: Table) -> int:
        uri = self.uri(table)
        return connector.version(self.spark, uri) if is_uri(uri) else files.version(uri)


@dataclass(frozen=True)
class TableDraft:
    """A frame on its way into a table: written, not yet visible.

    Attributes:
        table: where it shall go.
        content: its rows.
    """

    table: Table
    content: Draft

    def replace(self, where: str, *, run_id: str) -> Commit:
        """See `Lakehouse.replace`."""
        return self._publish(where, run_id)

    def overwrite(self, *, run_id: str) -> Commit:
        """See `Lakehouse.overwrite`."""
        if self.table.partition_by:
            raise LakehouseError(f"{self.table.path} is partitioned; use replace() with the slice.")
        return self._publish(EVERYTHING, run_id)

    def append(self, *, run_id: str) -> Commit:
        """See `Lakehouse.append`."""
        return self._publish(None, run_id)

    def _publish(self, where: str | None, run_id: str) -> Commit:
        note(f"publishing {self.table.path}")
        version, rows = self.content.publish(where, {"userMetadata": _names_run(run_id)})
        return Commit(self.table.path, version, rows)
