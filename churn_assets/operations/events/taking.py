"""Takes the files of the log into operations/events, each line once.

The table itself says how far each file was taken: the highest end of a line. So a process that dies before its commit
has taken nothing, and one that dies after it has taken the lines for good.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Commit, Lakehouse
from churn_assets.operations.events.policy import dedup_key, type_of
from churn_assets.operations.log.records import severity_of
from churn_assets.operations.log.spool import KEPT_DAYS

MOST = 100_000  # rows of a commit
UNREADABLE = "log.unreadable"
COLUMNS = {  # column -> attribute of a record
    "asset": "churn.asset",
    "job": "churn.job",
    "run_id": "churn.run_id",
    "months": "churn.months",
    "rows": "churn.rows",
    "seconds": "churn.seconds",
    "cpu_seconds": "churn.cpu_seconds",
    "peak_memory_bytes": "churn.peak_memory_bytes",
    "logger": "code.namespace",
}
NUMBERS = {"rows": int, "seconds": float, "cpu_seconds": float, "peak_memory_bytes": int}


@dataclass(frozen=True)
class NewEvents:
    """What the files hold beyond the table.

    Attributes:
        rows: of operations/events, in the order of the files.
        unreadable: lines that are no record; each is a row, too.
        dropped: records that processes could not write, because their disk was full.
    """

    rows: list[dict[str, Any]]
    unreadable: int
    dropped: int


def positions(lakehouse: Lakehouse) -> dict[str, int]:
    """File -> end of its last line that the table has."""
    if not lakehouse.exists(tables.EVENTS):
        return {}
    found = lakehouse.aggregate(tables.EVENTS, ["file"], [("position", "max")])
    return dict(zip(found["file"].to_pylist(), found["position_max"].to_pylist(), strict=True))


def new_events(
    folder: Path, taken: Mapping[str, int], oldest: date, most: int | None = None, containing: bytes = b""
) -> NewEvents:
    """The lines beyond the positions, of `oldest` or younger, that hold `containing`; at most `most`, else MOST.

    A line without its end is still being written, and is left for the next time.
    """
    rows: list[dict[str, Any]] = []
    unreadable = dropped = 0
    for file in sorted(folder.glob("*.jsonl")):
        for position, line in _lines(file, taken.get(file.name, 0)):
            if containing not in line:
                continue
            row, lost = _row(file, position, line)
            if row["day"] < oldest:
                continue
            rows.append(row)
            unreadable += row["kind"] == UNREADABLE
            dropped += lost
            if len(rows) == (most or MOST):
                return NewEvents(rows, unreadable, dropped)
    return NewEvents(rows, unreadable, dropped)


def add(lakehouse: Lakehouse, events: NewEvents, run_id: str) -> Commit:
    """Commits the rows."""
    return lakehouse.append_rows(tables.EVENTS, tables.EVENTS.rows(events.rows), run_id=run_id)


def forget(lakehouse: Lakehouse, today: date, run_id: str) -> list[date]:
    """Removes the days before the retention from the table; returns them."""
    table = tables.EVENTS
    old = (
        [day for day in lakehouse.slices(table, "day") if day < oldest_day(today)]
        if lakehouse.exists(table)
        else []
    )
    if old:
        lakehouse.replace_rows(table, table.rows([]), "day", old, run_id=run_id)
    return old


def oldest_day(today: date) -> date:
    """The oldest day that is kept."""
    return today - timedelta(days=KEPT_DAYS)


def _lines(file: Path, start: int) -> Iterator[tuple[int, bytes]]:
    """Lines after a position, each with the position of its end."""
    with file.open("rb") as content:
        content.seek(start)
        position = start
        for line in content:
            if not line.endswith(b"\n"):
                return
            position += len(line)
            if line.strip():
                yield position, line


def _row(file: Path, position: int, line: bytes) -> tuple[dict[str, Any], int]:
    """The row of a line, and how many records its process had dropped before it."""
    place = {"file": file.name, "position": position}
    try:
        record = json.loads(line)
        return place | _content(record), int(record["attributes"].get("churn.log.dropped", 0))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
        lost = {"timestamp": at.isoformat(), "severity_number": 13, "severity_text": "WARN", "trace_id": ""}
        told = {"event.name": UNREADABLE, "body": "A line of the log is no record.", "attributes": {}}
        return place | _content(lost | told), 0


def _content(record: dict[str, Any]) -> dict[str, Any]:
    at = datetime.fromisoformat(record["timestamp"]).astimezone(UTC)
    attributes = dict(record["attributes"])
    name, severity = record.get("event.name"), severity_of(record)
    found: dict[str, Any] = {column: attributes.pop(name, None) for column, name in COLUMNS.items()}
    found |= {name: None if found[name] is None else kind(found[name]) for name, kind in NUMBERS.items()}
    kind = str(name or "message")
    resource = record.get("resource", {})
    return found | {
        "day": at.date(),
        "at": at,
        "type": type_of(name, severity),
        "kind": kind,
        "dedup_key": dedup_key(kind, record["attributes"]),
        "severity_number": severity,
        "severity_text": str(record["severity_text"]),
        "body": str(record.get("body", "")),
        "trace_id": str(record["trace_id"]),
        "span_id": str(record.get("span_id", "")),
        "attributes": json.dumps(attributes, ensure_ascii=False, sort_keys=True),
        "service_version": resource.get("service.version"),
        "host": resource.get("host.name"),
    }
