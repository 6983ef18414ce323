"""The folder of a benchmark, its rows, and parts that share the lake of the demo."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from benchmarks.cost import Cost, churn_assets, measure


@dataclass
class Bench:
    """Folder and settings of the measured runs, and the rows measured so far."""

    folder: Path
    customers: int
    seeds: range
    console: Console
    rows: list[tuple[str, Cost | None, str]] = field(default_factory=list)
    costs: dict[str, Cost] = field(default_factory=dict)

    def home(self, name: str) -> str:
        """CHURN_HOME of a part."""
        return str(self.folder / name)

    def note(self, figure: str, cost: Cost | None, remark: str = "") -> None:
        """Adds a row to the table and prints it."""
        self.rows.append((figure, cost, remark))
        spent = f"{cost.wall:.0f} s wall, {cost.cpu:.0f} s CPU, {cost.memory:.2f} GiB. " if cost else ""
        self.console.print(f"{figure}: {spent}{remark}")

    def demo(self) -> Cost:
        """Runs the demo on the first call; returns its cost."""
        if "demo" not in self.costs:
            cost = churn_assets("demo", "--customers", str(self.customers), CHURN_HOME=self.home("demo"))
            self.costs["demo"] = cost
            self.note(f"demo, {self.customers:,} customers x 18 months", cost)
        return self.costs["demo"]

    def on_demo(self, module: str, *more: str) -> Callable[[str], Cost]:
        """Returns a function that measures a part of a module of this package on the demo's lake.

        Each part is a process; the parts of a module share a folder.
        """
        self.demo()
        folder = self.folder / module
        folder.mkdir()

        def part(name: str) -> Cost:
            command = [sys.executable, "-m", f"benchmarks.{module}", name, str(folder), *more]
            return measure(*command, CHURN_HOME=self.home("demo"))

        return part

    def notes(self, file: Path) -> None:
        """Adds the rows that a part has written: a JSON list of figure and remark."""
        for line in json.loads(file.read_text()):
            self.note(line["figure"], None, line["remark"])
