"""What the log says of each step: months, rows, seconds, CPU, memory, and how it ended."""

import logging
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg

from churn_assets import trace
from churn_assets.lakehouse.tables import Table
from churn_assets.operations.log.writing import event

# Bytes in a unit of ru_maxrss.
RSS_UNIT = 1 if sys.platform == "darwin" else 1024


def logged(table: Table, context: dg.AssetExecutionContext, body: Iterable[Any]) -> Iterator[Any]:
    """Yields what the body of a step yields, under the trace id of its run, and logs its start and its end."""
    run = context.run
    about: dict[str, Any] = {
        "asset": table.path,
        "months": _months(context),
        "job": run.job_name,
        "run_id": run.run_id,
        "attempt": context.retry_number + 1,
    }
    with trace.within(trace.of_run(run.tags, run.root_run_id or run.run_id), **about):
        event("step.started", f"{table.path} starts.")
        started, cpu, rows = time.monotonic(), time.process_time(), None
        try:
            for result in body:
                if isinstance(result, dg.MaterializeResult):
                    rows = (result.metadata or {}).get("dagster/row_count")
                yield result
        except GeneratorExit:
            raise
        except BaseException as error:
            used = _used(started, cpu)
            event("step.failed", f"{table.path} failed.", level=logging.ERROR, error=error, **used)
            raise
        event("step.ended", f"{table.path} ended.", rows=rows, **_used(started, cpu))


def _used(started: float, cpu: float) -> dict[str, Any]:
    """Seconds, CPU seconds of Python, and the most memory this process has had so far."""
    return {
        "seconds": round(time.monotonic() - started, 3),
        "cpu_seconds": round(time.process_time() - cpu, 3),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT,
    }


def _months(context: dg.AssetExecutionContext) -> str | None:
    """Months of the step; None for a table without partitions, though the run may have months."""
    asked = context.has_partition_key or context.has_partition_key_range
    if context.assets_def.partitions_def is None or not asked:
        return None
    keys = context.partition_keys
    return str(keys[0]) if len(keys) == 1 else f"{keys[0]} to {keys[-1]}"
