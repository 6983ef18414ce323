"""Small simulated worlds for the simulator's tests, and readers of what they delivered."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from churn_assets.simulator.plan import SimulationPlan, SimulationSummary
from churn_assets.simulator.telecom import simulate_telecom


@dataclass(frozen=True)
class World:
    """A plan with where it was written."""

    plan: SimulationPlan
    landing: Path
    truth: Path
    summary: SimulationSummary

    def table(self, source: str) -> pd.DataFrame:
        """All rows of a source in order of delivery, text (CSV) or typed (Parquet), plus extract_date and file."""
        parts = []
        for path in sorted((self.landing / source).rglob("*.*")):
            part = _read(path)
            part["extract_date"] = path.parent.name.removeprefix("extract_date=")
            part["file"] = path.name
            parts.append(part)
        return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)

    def hazard(self) -> pd.DataFrame:
        """The truth table."""
        return pd.read_parquet(self.truth / "hazard.parquet")

    def digests(self, months: tuple[str, ...] | None = None) -> dict[str, str]:
        """SHA-256 of every delivered file (of the given months)."""
        return {
            str(path.relative_to(self.landing)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.landing.rglob("*.*"))
            if path.is_file()
            and (months is None or path.parent.name.removeprefix("extract_date=")[:7] in months)
        }


def make_world(folder: Path, plan: SimulationPlan) -> World:
    """Simulate the telecom business of the plan under `folder`."""
    summary = simulate_telecom(plan, folder / "landing", folder / "truth")
    return World(plan, folder / "landing", folder / "truth", summary)


def json_rows(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The well-formed lines of a JSON-lines file, and how many are not."""
    rows, broken = [], 0
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            broken += 1
    return rows, broken


def _read(path: Path) -> pd.DataFrame:
    if path.suffix == ".csv":
        return pd.read_csv(path, dtype=str, encoding="utf-8-sig", keep_default_na=False)
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pandas()
    return pd.json_normalize(json_rows(path)[0])
