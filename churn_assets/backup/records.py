"""Writes down what became of each backup, verification, restore and drill: operations/backups and operations/drills."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from churn_assets.backup.names import shown
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.log import writing as log

BackupAct = Literal["backup", "verification", "forgetting"]
BACKUP: Literal["backup"] = "backup"
VERIFICATION: Literal["verification"] = "verification"
FORGETTING: Literal["forgetting"] = "forgetting"
PREFIX = "DRL-"
PASSED, FAILED, NOT_VERIFIED = "passed", "failed", "not verified"


@dataclass
class BackupRecord:
    """What is told of one act; whoever does it fills in the rest. The fields are columns of operations/backups."""

    snapshot: str | None = None
    files: int | None = None
    bytes: int | None = None
    added_bytes: int | None = None
    evidence: str = ""


@dataclass(frozen=True)
class DrillRecord:
    """A drill or a restore; the fields are the columns of operations/drills."""

    scenario: str
    by: str
    declared_at: datetime
    located_at: datetime | None
    restored_at: datetime | None
    verified_at: datetime | None
    data_lost: int | None
    verdict: str
    evidence: str


@contextmanager
def recorded(lakehouse: Lakehouse, act: BackupAct, by: str) -> Iterator[BackupRecord]:
    """Records an act with its duration, and that it failed if the block raises."""
    at, started, told = datetime.now(UTC), time.monotonic(), BackupRecord()
    passed = False
    try:
        yield told
        passed = True
    except BaseException as error:
        told.evidence = shown(f"{type(error).__name__}: {error}")
        raise
    finally:
        seconds = time.monotonic() - started
        row = asdict(told) | {"at": at, "by": by, "act": act, "seconds": seconds, "passed": passed}
        lakehouse.append_rows(tables.BACKUPS, tables.BACKUPS.rows([row]), run_id=by)
        words = "ended" if passed else "failed"
        log.event(f"backup.{words}", f"The {act} {words}.", act=act, seconds=round(seconds, 1))


def acts(lakehouse: Lakehouse, act: BackupAct) -> list[dict[str, Any]]:
    """All records of one kind of act, the oldest first."""
    if not lakehouse.exists(tables.BACKUPS):
        return []
    rows = lakehouse.arrow(tables.BACKUPS, filters=[("act", "==", act)]).to_pylist()
    return sorted(rows, key=lambda row: row["at"])


def record_drill(lakehouse: Lakehouse, drill: DrillRecord) -> str:
    """Records a drill or a restore; returns its id."""
    with lakehouse.alone_with(tables.DRILLS):
        numbers = [int(row["drill_id"].removeprefix(PREFIX)) for row in drills(lakehouse)]
        row = asdict(drill) | {"drill_id": f"{PREFIX}{max(numbers, default=0) + 1}"}
        lakehouse.append_rows(tables.DRILLS, tables.DRILLS.rows([row]), run_id=drill.by)
    return str(row["drill_id"])


def drills(lakehouse: Lakehouse) -> list[dict[str, Any]]:
    """All drills and restores, the oldest first."""
    if not lakehouse.exists(tables.DRILLS):
        return []
    return sorted(lakehouse.arrow(tables.DRILLS).to_pylist(), key=lambda row: row["declared_at"])
