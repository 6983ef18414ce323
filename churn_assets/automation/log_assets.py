"""operations/events and operations/audit: what the files of this home hold, in tables that all homes share."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.counts import counted, form
from churn_assets.graph.checks import CheckFailed, passed, warned
from churn_assets.graph.table_asset import materialized, table_asset
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.audit.verification import verify
from churn_assets.operations.audit.witnesses import told_by_lake
from churn_assets.operations.events.audit_rows import add_acts, new_acts
from churn_assets.operations.events.taking import add, forget, new_events, oldest_day, positions
from churn_assets.operations.log.writing import log_folder

ONCE, READABLE, INTACT = "every_line_once", "every_line_can_be_read", "chain_is_intact"
KINDS = ("deltalake",)
SHOWN = 20


def log_assets(business: Business) -> list[dg.AssetsDefinition]:
    """Both assets."""
    return [_events(business), _audit(business)]


def _events(business: Business) -> dg.AssetsDefinition:
    table = tables.EVENTS

    @table_asset(
        table,
        business,
        description="The log of every process of this home, and of all homes that share the lake, since the last run.",
        checks={ONCE: "No line of a file is two rows."},
        reports={READABLE: "Every line of the log is a record, and no process had to drop one."},
        kinds=KINDS,
        spark=False,
    )
    def events(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        folder, today, run_id = log_folder(lakehouse.settings), datetime.now(UTC).date(), context.run.run_id
        commit, rows, unreadable, dropped = None, 0, 0, 0
        files: set[str] = set()
        with lakehouse.alone_with(table):
            taken = positions(lakehouse)
            while (found := new_events(folder, taken, oldest_day(today))).rows:
                rows += len(found.rows)
                taken |= {row["file"]: row["position"] for row in found.rows}  # in the order of the files
                files |= {row["file"] for row in found.rows}
                commit = replace(add(lakehouse, found, run_id), rows=rows)
                unreadable, dropped = unreadable + found.unreadable, dropped + found.dropped
            removed = forget(lakehouse, today, run_id)
        _require_once(lakehouse, sorted(files))
        return materialized(
            lakehouse,
            table,
            commit,
            {"days removed": len(removed)},
            [passed(ONCE, {"lines": rows}), _readable(rows, unreadable, dropped)],
        )

    return events


def _require_once(lakehouse: Lakehouse, files: list[str]) -> None:
    """Raises CheckFailed where a line of these files is two rows, as when another home collects a copy of them."""
    if not files:
        return
    import pyarrow.compute as pc

    of_files = pc.field("file").isin(files)
    lines = lakehouse.aggregate(tables.EVENTS, ["file", "position"], [("position", "count")], of_files)
    twice = lines.filter(pc.field("position_count") > 1)
    if twice.num_rows:
        raise CheckFailed(
            ONCE,
            f"{counted(twice.num_rows, 'line')} of the log {form(twice.num_rows, 'is', 'are')} two rows.",
            "Two homes share this lake and hold copies of the same files. Let one of them collect.",
            {"lines": lines.num_rows, "files": sorted(set(twice["file"].to_pylist()))[:SHOWN]},
        )


def _readable(lines: int, unreadable: int, dropped: int) -> dg.AssetCheckResult:
    evidence = {"lines": lines, "unreadable": unreadable, "dropped": dropped}
    if not (unreadable or dropped):
        return passed(READABLE, evidence)
    told = f"{counted(unreadable, 'line')} cannot be read, and {counted(dropped, 'record')} could not be written."
    return warned(READABLE, f"{told} Was the disk full?", evidence)


def _audit(business: Business) -> dg.AssetsDefinition:
    table = tables.AUDIT_ACTS

    @table_asset(
        table,
        business,
        description="Who did what to whose data, in all homes that share the lake. The chain is in CHURN_HOME/audit.",
        checks={INTACT: "No record of this home was edited, removed, reordered, added, cut off or deleted."},
        kinds=KINDS,
        spark=False,
    )
    def audit(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        evidence = _require_intact(lakehouse)
        with lakehouse.alone_with(table):
            rows = new_acts(lakehouse)
            commit = add_acts(lakehouse, rows, context.run.run_id) if rows else None
        return materialized(lakehouse, table, commit, {}, [passed(INTACT, evidence)])

    return audit


def _require_intact(lakehouse: Lakehouse) -> dict[str, Any]:
    """Raises CheckFailed where the chain was changed; returns the number of its records, and what is not known."""
    found = verify(lakehouse.settings, told_by_lake(lakehouse))
    if found.damage:
        raise CheckFailed(
            INTACT,
            f"The audit of this home is not intact: {counted(len(found.damage), 'finding')}.",
            "`churn-assets audit verify` shows all. Find out who changed it. Then `churn-assets audit archive FOLDER` "
            "moves the audit away and begins a new chain.",
            {"records": found.records, "findings": "\n".join(found.damage[:SHOWN])},
        )
    untold = [*found.unread, *found.unknown]
    return {"records": found.records} | ({"unknown": "\n".join(untold[:SHOWN])} if untold else {})
