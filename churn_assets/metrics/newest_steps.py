"""The newest end of each asset's step: in operations/events, and in the lines that it does not have yet."""

from datetime import date, datetime
from typing import Any

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.events.taking import new_events, oldest_day, positions
from churn_assets.operations.log.writing import log_folder

ENDED, FAILED = "step.ended", "step.failed"
COLUMNS = ["asset", "kind", "at", "rows", "seconds", "cpu_seconds", "peak_memory_bytes"]
EVERYTHING = 10**9


def newest_steps(lakehouse: Lakehouse, today: date) -> dict[str, dict[str, Any]]:
    """Asset -> the row of operations/events about its newest step, with `succeeded_at` of the newest success."""
    table = tables.EVENTS
    rows: list[dict[str, Any]] = []
    if lakehouse.exists(table):
        rows += lakehouse.arrow(table, COLUMNS, [("kind", "in", [ENDED, FAILED])]).to_pylist()
    folder = log_folder(lakehouse.settings)
    fresh = new_events(folder, positions(lakehouse), oldest_day(today), EVERYTHING, containing=b'"step.')
    rows += [row for row in fresh.rows if row["kind"] in (ENDED, FAILED)]
    found: dict[str, dict[str, Any]] = {}
    for row in sorted((row for row in rows if row["asset"]), key=lambda row: row["at"]):
        succeeded: datetime | None = found.get(row["asset"], {}).get("succeeded_at")
        found[row["asset"]] = row | {"succeeded_at": row["at"] if row["kind"] == ENDED else succeeded}
    return found
