"""The one writer of Delta. Spark handles frames; delta-rs, without a JVM, samples and reports of a few rows."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn_assets.lakehouse.tables import Table
from churn_assets.settings import Settings, is_uri

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as ds
    from pyspark.sql import DataFrame, SparkSession

OUTSIDE_SLICE = "ROW_OUTSIDE_SLICE"
# Delta quotes the offending row in these errors; rows may be personal, so only the class is passed on.
QUOTES_ROWS = (
    "DELTA_REPLACE_WHERE_MISMATCH",
    "DELTA_VIOLATE_CONSTRAINT_WITH_VALUES",
    "DELTA_NOT_NULL_CONSTRAINT_VIOLATED",
    OUTSIDE_SLICE,
)

# The words of every Unix for a full disk; Spark hides them below two hundred lines.
NO_SPACE = "No space left on device"

# Slices are partitions: minima and maxima of columns skip nothing more, cost a tenth of a write, and would put
# personal values into the log.
NEW_TABLE = {"delta.dataSkippingNumIndexedCols": "0"}


class LakehouseError(RuntimeError):
    """A table cannot be read or written; the message names the table and the remedy, never a row."""


def _names_run(run_id: str) -> str:
    return json.dumps({"dagster_run_id": run_id})


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
        from churn_assets.lakehouse.session import start_session

        return start_session(self.settings)

    def uri(self, table: Table) -> str:
        """Absolute location of a table."""
        return f"{self.settings.lake_uri}/{table.path}"

    def exists(self, table: Table) -> bool:
        """True when the table has a first commit."""
        uri = self.uri(table)
        if is_uri(uri):
            from delta.tables import DeltaTable

            return bool(DeltaTable.isDeltaTable(self.spark, uri))
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
        return self.spark.read.format("delta").load(self.uri(table))

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
        from pyarrow import acero
        from pyarrow import dataset as ds

        columns = list(dict.fromkeys([*by, *(column for column, _ in aggregates)]))
        scan = acero.ScanNodeOptions(self._dataset(table), columns=columns, filter=where)
        steps = [acero.Declaration("scan", scan)]
        if where is not None:  # the scan's filter only skips files and row groups
            steps.append(acero.Declaration("filter", acero.FilterNodeOptions(where)))
        steps.append(
            acero.Declaration("project", acero.ProjectNodeOptions([ds.field(c) for c in columns], columns))
        )
        named = [
            (column, f"hash_{function}", None, f"{column}_{function}") for column, function in aggregates
        ]
        steps.append(acero.Declaration("aggregate", acero.AggregateNodeOptions(named, keys=by)))
        return acero.Declaration.from_sequence(steps).to_table()

    def count(self, table: Table) -> int:
        """Number of rows, from the log and the file footers, without a JVM."""
        return int(self._dataset(table).count_rows())

    def _dataset(self, table: Table) -> "ds.Dataset":
        from deltalake import DeltaTable
        from pyarrow import fs

        self.require(table)
        uri = self.uri(table)
        # delta-rs reads through Python, and a reading thread that outlives the interpreter aborts the process
        local = None if is_uri(uri) else fs.SubTreeFileSystem(uri, fs.LocalFileSystem())
        return DeltaTable(uri).to_pyarrow_dataset(filesystem=local)

    def committed_at(self, table: Table) -> datetime:
        """Time of the newest commit, UTC.

        Raises:
            LakehouseError: the table does not exist yet.
        """
        from deltalake import DeltaTable

        self.require(table)
        [newest] = DeltaTable(self.uri(table)).history(1)
        return datetime.fromtimestamp(newest["timestamp"] / 1000, UTC)

    def version(self, table: Table) -> int | None:
        """Current Delta version, None before the first commit."""
        return self._last_commit(table).version if self.exists(table) else None

    def replace(self, table: Table, frame: "DataFrame", where: str, *, run_id: str) -> Commit:
        """Replaces exactly the rows that satisfy `where` by `frame`: running it twice changes nothing.

        An empty frame empties the slice: a month without rows is a fact, and callers audit before they publish.

        Raises:
            LakehouseError: `frame` holds rows outside `where`; nothing was committed.
        """
        from pyspark.sql import functions as F

        if not self.exists(table):
            # Delta looks at replaceWhere only where there is something to replace
            first = frame.columns[0]
            inside = F.expr(f"CASE WHEN {where} THEN `{first}` ELSE raise_error('{OUTSIDE_SLICE}') END")
            return self._write(table, frame.withColumn(first, inside), {}, run_id, mode="append")
        return self._write(table, frame, {"replaceWhere": where}, run_id, mode="overwrite")

    def append_rows(self, table: Table, rows: "pa.Table", *, run_id: str) -> Commit:
        """`append` without a JVM, for a few rows."""
        return self._write_rows(table, rows, {"mode": "append"}, run_id)

    def replace_rows(
        self, table: Table, rows: "pa.Table", column: str, values: Sequence[object], *, run_id: str
    ) -> Commit:
        """`replace` without a JVM, for reports of a few rows: those whose `column` is one of `values`.

        Raises:
            LakehouseError: `rows` holds other values of `column`; nothing was committed.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

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
        return replace(self._last_commit(table), rows=rows.num_rows)

    def overwrite(self, table: Table, frame: "DataFrame", *, run_id: str) -> Commit:
        """Replaces the whole of an unpartitioned table."""
        if table.partition_by:
            raise LakehouseError(f"{table.path} is partitioned; use replace() with the slice.")
        return self._write(table, frame, {"overwriteSchema": "true"}, run_id, mode="overwrite")

    def append(self, table: Table, frame: "DataFrame", *, run_id: str) -> Commit:
        """Adds rows. The caller makes sure that a re-run adds nothing twice."""
        return self._write(table, frame, {}, run_id, mode="append")

    def _write(
        self, table: Table, frame: "DataFrame", options: dict[str, str], run_id: str, mode: str
    ) -> Commit:
        options = {"userMetadata": _names_run(run_id)} | options
        if "overwriteSchema" not in options:
            options["mergeSchema"] = "true"
        if not self.exists(table):
            options |= NEW_TABLE
        before = self.version(table)
        writer = frame.write.format("delta").mode(mode).options(**options)
        try:
            writer.partitionBy(*table.partition_by).save(self.uri(table))
        except Exception as error:
            text = str(error)
            if NO_SPACE in text:
                raise LakehouseError(
                    f"{table.path}: {NO_SPACE} under {self.settings.lake_uri}; nothing was committed. "
                    "Free some, then run again."
                ) from None
            quoted = next((name for name in QUOTES_ROWS if name in text), None)
            if quoted is None:
                raise
            raise LakehouseError(
                f"{table.path}: Delta refused the write ({quoted}); nothing was committed."
            ) from None
        commit = self._last_commit(table)
        # an empty append makes no commit: the last one is somebody else's
        return replace(commit, rows=0) if commit.version == before else commit

    def _last_commit(self, table: Table) -> Commit:
        uri = self.uri(table)
        if is_uri(uri):
            from delta.tables import DeltaTable

            latest = (
                DeltaTable.forPath(self.spark, uri)
                .history(1)
                .select("version", "operationMetrics")
                .collect()[0]
            )
            return Commit(
                table.path, int(latest.version), int(latest.operationMetrics.get("numOutputRows", 0))
            )
        # Half a CPU second cheaper than asking Spark, and there are dozens of commits in a run.
        newest = max(Path(uri, "_delta_log").glob("*.json"), key=lambda p: p.name)
        actions = (json.loads(line) for line in newest.read_text(encoding="utf-8").splitlines())
        info = next(a["commitInfo"] for a in actions if "commitInfo" in a)
        return Commit(
            table.path, int(newest.stem), int(info.get("operationMetrics", {}).get("numOutputRows", 0))
        )
