"""Extracts of days that have not come yet: a simulated world that goes on day by day."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from datetime import date
from pathlib import Path

from churn_assets.simulator.extracts import write_atomically

PREFIX = "extract_date="


def coming_days(coming: Path) -> list[date]:
    """Returns the days of which extracts wait in `coming`, ascending; empty without the folder."""
    return sorted({_day(folder) for folder in coming.glob(f"*/{PREFIX}*") if any(folder.iterdir())})


def coming_files(coming: Path, day: date) -> list[Path]:
    """Returns the extracts of `day` that wait in `coming`, as source/extract_date=YYYY-MM-DD/file, by name."""
    return sorted(path for path in coming.glob(f"*/{PREFIX}{day.isoformat()}/*") if path.is_file())


def deliver_day(coming: Path, landing: Path, day: date, but: Collection[str] = ()) -> list[Path]:
    """Moves the extracts of `day` from `coming` into the landing zone, and returns their new paths, by name.

    Each file appears in the landing zone complete or not at all. Interrupted, it leaves the rest in `coming`, and can
    be called again. Those of the folders `but` stay in `coming`.
    """
    found = [path for path in coming_files(coming, day) if path.parent.parent.name not in but]
    return [_move(path, landing / path.relative_to(coming)) for path in found]


def _move(path: Path, target: Path) -> Path:
    """Copies before it removes: the landing zone may lie on another disk."""
    with path.open("rb") as content:
        write_atomically(target, lambda sink: shutil.copyfileobj(content, sink))
    path.unlink()
    return target


def _day(folder: Path) -> date:
    return date.fromisoformat(folder.name.removeprefix(PREFIX))
