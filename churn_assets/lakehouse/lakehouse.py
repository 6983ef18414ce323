"""Reads and writes Delta tables: frames through the engine, samples and small reports without it.

When the lake and Spark are both on this machine, tables are read and written file by file (delta/local_tables.py),
otherwise through Delta's Spark connector (delta/spark_connector.py).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn_assets import trace
from churn_assets.lakehouse.catalogue.table import (
    Table,
    difference,
    types_of_frame,
    types_of_rows,
    types_of_schema,
)
from churn_assets.lakehouse.delta import local_tables, spark_connector, without_engine
from churn_assets.lakehouse.delta.draft import EVERYTHING, Draft, Refused, TablePlace
from churn_assets.lakehouse.delta.grouping import grouped
from churn_assets.lakehouse.engine import staging
from churn_assets.lakehouse.engine.frames import has_mllib
from churn_assets.lakehouse.engine.processes import only_one
from churn_assets.lakehouse.engine.profiles import is_local
from churn_assets.lakehouse.engine.scratch import scratch_folder
from churn_assets.progress import note
from churn_assets.settings import Settings, is_uri

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as ds
    from pyspark.sql import DataFrame, SparkSession

# The message of every Unix for a full disk. Spark prints it below two hundred other lines.
NO_SPACE = "No space left on device"

# No column statistics: slices are whole partitions, so minima and maxima would skip no further file. They cost a tenth
# of a write and would put personal values into the log.
NEW_TABLE = {"delta.dataSkippingNumIndexedCols": "0"}


class LakehouseError(RuntimeError):
    """A table cannot be read or written; the message names the table and the remedy, never a row."""


def _says(run_id: str) -> dict[str, str]:
    """Metadata of a commit: the run, and the trace id of what asked for it."""
    traced = {"trace_id": trace.current()} if trace.current() else {}
    return {"userMetadata": json.dumps({"dagster_run_id": run_id} | traced)}


def _require_declared(table: Table, found: Mapping[str, str]) -> None:
    """Raises LakehouseError when the columns `found` (name -> type) differ from those that the catalogue declares."""
    if told := difference(table, found):
        raise LakehouseError(f"{table.path}: {told}. Nothing was committed.")


@dataclass(frozen=True)
class Commit:
    """A Delta commit: path of the table, version, and number of rows written."""

    table: str
    version: int
    rows: int


class Lakehouse:
    """Reads and writes the tables of one lake. The engine starts at the first use of `spark`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def spark(self) -> "SparkSession":
        """The one session of the process: the API is Spark's, on whatever engine."""
        from churn_assets.lakehouse.engine.session import start_session

        return start_session(self.settings)

    def renew_server(self) -> None:
        """Replaces the server of Sail, which takes a second; see `session.renew_server`."""
        from churn_assets.lakehouse.engine.session import renew_server

        vars(self).pop("spark", None)
        self.spark = renew_server(self.settings)

    @property
    def spark_with_mllib(self) -> "SparkSession":
        """`spark`, for models that are fitted there.

        Raises:
            LakehouseError: the engine is Sail.
        """
        if not has_mllib(self.spark):
            raise LakehouseError(
                "Sail has no MLlib. In churn.yaml set `training.engine` to local, or set CHURN_ENGINE=spark."
            )
        return self.spark

    def uri(self, table: Table) -> str:
        """Absolute location of a table."""
        return f"{self.settings.lake_uri}/{table.path}"

    def exists(self, table: Table) -> bool:
        """True when the table has at least one commit."""
        uri = self.uri(table)
        if is_uri(uri):
            return spark_connector.exists(self.spark, uri)
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
            return local_tables.read(self.spark, self.uri(table))
        return spark_connector.read(self.spark, self.uri(table))

    def replaced(self, table: Table, since: datetime) -> "DataFrame | None":
        """Rows of the files that were current at `since` and have been replaced; None when there are no such files.

        Raises:
            LakehouseError: these files, or the log of that time, are gone; see `vacuum`.
        """
        try:
            return local_tables.replaced(self.spark, self.uri(table), since)
        except local_tables.Forgotten as error:
            raise LakehouseError(f"{table.path}: {error}.") from error

    def arrow(
        self,
        table: Table,
        columns: list[str] | None = None,
        filters: list[tuple[str, str, object]] | None = None,
    ) -> "pa.Table":
        """The current version (or a part of it) as an Arrow table, read without a JVM.

        The result is held in memory: only for small tables and for samples with a row limit.

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
        """Groups a table of any size, batch by batch and without a JVM; the result must be small.

        `aggregates` are pairs (column, Arrow function: count, sum, min, max, count_distinct ...); the result has the
        columns of `by` and `<column>_<function>` for each pair.

        Raises:
            LakehouseError: the table does not exist yet.
        """
        return grouped(self._dataset(table), by, aggregates, where)

    def slices(self, table: Table, column: str) -> list[Any]:
        """Values of a partition column that the table has rows of, ascending; no file's content is read."""
        counts = self.aggregate(table, [column], [(column, "count")])
        return sorted(counts[column].to_pylist())

    def count(self, table: Table, where: "pc.Expression | None" = None) -> int:
        """Number of rows, or of those that satisfy `where`, without a JVM."""
        return int(self._dataset(table).count_rows(filter=where))

    def size(self, table: Table) -> int:
        """Bytes of the files of the current version, without a JVM."""
        self.require(table)
        return without_engine.size(self.uri(table))

    def columns(self, table: Table) -> list[str]:
        """Names of the table's columns."""
        return list(self._dataset(table).schema.names)

    def types(self, table: Table) -> dict[str, str]:
        """Column -> Delta type, read without a JVM.

        Raises:
            LakehouseError: the table does not exist yet.
        """
        from deltalake import DeltaTable

        self.require(table)
        return types_of_schema(DeltaTable(self.uri(table)).schema().to_json())

    def _dataset(self, table: Table) -> "ds.Dataset":
        self.require(table)
        return without_engine.dataset(self.uri(table))

    def committed_at(self, table: Table) -> datetime:
        """Time of the newest commit that wrote rows, UTC.

        Raises:
            LakehouseError: the table does not exist yet.
        """
        self.require(table)
        return without_engine.committed_at(self.uri(table))

    def version(self, table: Table) -> int | None:
        """Current Delta version, None before the first commit."""
        return self._version(table) if self.exists(table) else None

    @contextmanager
    def draft(self, table: Table, frame: "DataFrame") -> "Iterator[TableDraft]":
        """Write, audit, publish: computes the frame once and yields a draft to check and then publish or drop.

        Raises:
            LakehouseError: the columns are not those of the catalogue (checked before anything is computed), or the
                disk is full.
        """
        _require_declared(table, types_of_frame(frame))
        note(f"computing {table.path}")
        place = self._place(table)
        drafts: AbstractContextManager[Draft]
        if self._on_this_machine:
            drafts = local_tables.draft(frame, place, scratch_folder(self.settings) / "drafts")
        else:
            drafts = spark_connector.draft(frame, place, new=not self.exists(table))
        with self._told(table), drafts as content:
            note(f"checking {table.path}")
            yield TableDraft(table, content)

    def replace(self, table: Table, frame: "DataFrame", where: str, *, run_id: str) -> Commit:
        """Replaces exactly the rows that satisfy `where` with `frame`; idempotent.

        An empty frame empties the slice: a month may have no rows, and callers audit before they publish.

        Args:
            table: the target.
            frame: the new rows.
            where: SQL over the partition columns.
            run_id: the Dagster run, recorded in the commit.

        Raises:
            LakehouseError: `frame` contains rows outside `where`, or see `draft`; nothing was committed.
        """
        with self.draft(table, frame) as draft:
            return draft.replace(where, run_id=run_id)

    def overwrite(self, table: Table, frame: "DataFrame", *, run_id: str) -> Commit:
        """Replaces all rows and columns of an unpartitioned table; refuses a partitioned one. See also `draft`."""
        with self.draft(table, frame) as draft:
            return draft.overwrite(run_id=run_id)

    def append(self, table: Table, frame: "DataFrame", *, run_id: str) -> Commit:
        """Adds rows. The caller must make sure that a re-run does not add them twice; see `alone_with`, `draft`."""
        with self.draft(table, frame) as draft:
            return draft.append(run_id=run_id)

    @contextmanager
    def staging(self, table: Table, *, run_id: str) -> Iterator[str]:
        """A temporary folder for files that Spark reads to compute the table; see `staging.staging`.

        Raises:
            LakehouseError: the disk is full.
        """
        with self._told(table), staging.staging(self.settings, run_id) as folder:
            yield folder

    def remove_leftovers(self) -> int:
        """Removes the staged files that killed runs left in the lake; returns their number."""
        return staging.remove_leftovers(self.settings)

    @contextmanager
    def alone_with(self, table: Table) -> Iterator[None]:
        """Holds a file lock so that two runs on one CHURN_HOME cannot add the same keys; the second run waits.

        The run queue does not prevent this, because runs started by hand bypass it; nor does Delta, because two
        appends do not conflict.
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
        return self._write_rows(table, rows, {}, run_id)

    def replace_rows(
        self,
        table: Table,
        rows: "pa.Table",
        column: str,
        values: Sequence[object],
        *,
        run_id: str,
        within: Mapping[str, str] | None = None,
    ) -> Commit:
        """`replace` without a JVM, for small reports: replaces the rows whose `column` is one of `values`.

        Args:
            table: the target.
            rows: the new rows.
            column: whose values name the slice.
            values: of the column.
            run_id: the Dagster run, recorded in the commit.
            within: column -> value, to narrow the slice: only rows with these values are replaced.

        Raises:
            LakehouseError: `rows` contains rows outside the slice, or other columns than the catalogue; nothing was
                committed.
        """
        _require_declared(table, types_of_rows(rows))
        slices = {column: list(values)} | {name: [value] for name, value in (within or {}).items()}
        return self._write_rows(table, rows, slices, run_id)

    def _write_rows(
        self, table: Table, rows: "pa.Table", slices: Mapping[str, Sequence[object]], run_id: str
    ) -> Commit:
        with self._told(table):
            without_engine.write(self._place(table), rows, slices, _says(run_id), new=not self.exists(table))
        return Commit(table.path, self._version(table), rows.num_rows)

    def vacuum(self, table: Table) -> int:
        """Deletes the files that no version of the last `keep_days` days needs, and those that killed writers left.

        Older versions cannot be read afterwards. Safe while the table is written or read.

        Returns:
            Number of deleted files.

        Raises:
            LakehouseError: the table does not exist yet.
        """
        self.require(table)
        return without_engine.vacuum(self.uri(table), self.settings.keep_days)

    def _place(self, table: Table) -> TablePlace:
        return TablePlace(self.uri(table), table.partition_by, NEW_TABLE)

    @property
    def _on_this_machine(self) -> bool:
        """True when the lake and all of Spark are on this machine, so that no connector is needed."""
        return not is_uri(self.settings.lake_uri) and is_local(self.settings.spark_master)

    @contextmanager
    def _told(self, table: Table) -> "Iterator[None]":
        """Turns a refused write and a full disk into a LakehouseError."""
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
        return spark_connector.version(self.spark, uri) if is_uri(uri) else local_tables.version(uri)


@dataclass(frozen=True)
class TableDraft:
    """A frame that is not yet published in its table.

    Attributes:
        table: the target.
        content: the rows.
    """

    table: Table
    content: Draft

    def within(self, where: str) -> "TableDraft":
        """The part of the draft whose rows satisfy `where`, SQL over the partition columns."""
        return TableDraft(self.table, self.content.within(where))

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
        version, rows = self.content.publish(where, _says(run_id))
        return Commit(self.table.path, version, rows)
