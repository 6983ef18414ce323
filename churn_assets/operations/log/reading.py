"""Reads the files of the log back, in the order of time."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from churn_assets.operations.log.records import severity_of


class LogRecords(NamedTuple):
    """Records in the order of time, and the number of lines that are no record, such as one cut off by a full disk."""

    records: list[dict[str, Any]]
    unreadable: int


def read_log(folder: Path, trace_id: str = "", severity: int = 0, last: int | None = None) -> LogRecords:
    """The records of all processes.

    Args:
        folder: of the files.
        trace_id: only those of this trace; the first digits suffice.
        severity: only those of at least this severity number.
        last: only so many of the newest.
    """
    found: list[dict[str, Any]] = []
    unreadable = 0
    for line in _lines(folder):
        try:
            record = json.loads(line)
            fits = record["trace_id"].startswith(trace_id) and severity_of(record) >= severity
            record["timestamp"]
        except (ValueError, KeyError, TypeError, AttributeError):
            unreadable += 1
            continue
        if fits:
            found.append(record)
    found.sort(key=lambda record: str(record["timestamp"]))
    return LogRecords(found if last is None else found[-last:], unreadable)


def _lines(folder: Path) -> Iterator[str]:
    for file in sorted(folder.glob("*.jsonl")):
        with file.open(encoding="utf-8", errors="replace") as content:
            yield from (line for line in content if line.strip())
