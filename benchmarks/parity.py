"""`python -m benchmarks.parity`: builds the same lake on Sail and on Spark, and compares every table.

Both engines read the same landing zone and give the same customer keys. Then a late file is delivered, one month runs
again, and the tables are compared once more. The exit code is 1 when a table differs.
"""

import math
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
from deltalake import DeltaTable
from rich.console import Console
from rich.table import Table

from benchmarks.cost import Cost, churn_assets
from churn_assets.contracts.loader import load_business
from churn_assets.graph.partitions import last_ingest_month, snapshot_months
from churn_assets.lakehouse import tables
from churn_assets.months import add_months, month_range
from churn_assets.settings import SHIPPED_BUSINESSES, Settings
from churn_assets.simulator.simulate import simulate

ENGINES = ("spark", "sail")
MONTHS = {"telecom": 14, "shop": 18}  # enough for a training; the outcome windows of the shop are longer
TOLERANCE = 1e-9  # of floating-point numbers, relative and absolute
# Columns that say when and by which run a row was written: they differ in every run.
OF_THE_RUN = frozenset(
    {
        "run_id",
        "dagster_run_id",
        "mlflow_run_id",
        "recorded_at",
        "at",
        "judged_at",
        "decided_at",
        "by",
        "trained_at",
        "seconds",
        "found_at",
    }
)


@dataclass(frozen=True)
class Difference:
    """A table that is not the same on both engines, and how; the message holds no value of a personal column."""

    table: str
    what: str


@dataclass(frozen=True)
class World:
    """One business: its landing zone, and a home for each engine.

    Attributes:
        business: its name.
        folder: holds `landing`, `sail` and `spark`.
        months: months of the landing zone.
    """

    business: str
    folder: Path
    months: Sequence[str]

    def home(self, engine: str) -> Path:
        """CHURN_HOME of an engine."""
        return self.folder / engine

    def run(self, engine: str, jobs: Sequence[str], first: str, last: str) -> Cost:
        """Runs jobs on an engine, in a process of their own."""
        return churn_assets(
            *("run", *jobs, "--from", first, "--to", last),
            CHURN_HOME=str(self.home(engine)),
            CHURN_LANDING=str(self.folder / "landing"),
            CHURN_BUSINESS=self.business,
            CHURN_ENGINE=engine,
        )

    def build(self, engine: str, models: bool) -> Cost:
        """Builds all tables of all months."""
        snapshots = self.snapshots
        cost = self.run(engine, ["ingest"], self.months[0], self.months[-1])
        cost += self.run(engine, ["snapshot"], snapshots[0], snapshots[-1])
        if models:
            cost += self.run(engine, ["train"], snapshots[-1], snapshots[-1])
            cost += self.run(engine, ["score", "monitor"], snapshots[0], snapshots[-1])
        return cost

    @property
    def snapshots(self) -> list[str]:
        """Months whose end has snapshots, with a whole observation window."""
        business = load_business(SHIPPED_BUSINESSES / self.business)
        first = add_months(self.months[0], business.file.windows.observation_months - 1)
        return [m for m in snapshot_months(business).get_partition_keys() if first <= m <= self.months[-1]]

    def give_keys(self, giver: str, taker: str) -> None:
        """Gives an engine the customer keys that the other has drawn, before it draws any."""
        path = Path("lake", tables.CUSTOMER_KEYS.path)
        shutil.copytree(self.home(giver) / path, self.home(taker) / path)

    def deliver_late(self) -> str:
        """Delivers a file of an earlier month once more, as an extract of a later one; returns the later month.

        An earlier file holds no date beyond the day of its new extract.
        """
        earlier, month = self.months[-4], self.months[-3]
        source = next(
            s for s in load_business(SHIPPED_BUSINESSES / self.business).sources if s.comes_regularly
        )
        extracts = self.folder / "landing" / source.name
        newest = max(extracts.glob(f"extract_date={month}-*"))
        late = newest.with_name(f"extract_date={month}-{int(newest.name[-2:]) - 1:02d}")
        late.mkdir(exist_ok=True)
        [file, *_] = sorted(max(extracts.glob(f"extract_date={earlier}-*")).iterdir())
        shutil.copy(file, late / f"late-{file.name}")
        return month


def new_world(business: str, folder: Path, customers: int, months: int, seed: int) -> World:
    """A business with a simulated, dirty landing zone."""
    declared = load_business(SHIPPED_BUSINESSES / business)
    last = last_ingest_month(declared)
    settings = Settings(home=str(folder), business=business)
    with Console(quiet=True) as quiet:
        simulate(settings, declared, customers=customers, months=months, last=last, seed=seed, console=quiet)
    return World(business, folder, month_range(add_months(last, 1 - months), last))


def differences(one: Path, other: Path) -> tuple[list[Difference], dict[str, int]]:
    """What differs between the tables of two lakes, and the number of rows of each table of the first."""
    paths = [{str(log.parent.relative_to(root)) for log in root.rglob("_delta_log")} for root in (one, other)]
    found = [Difference(name, "exists on one engine only") for name in sorted(paths[0] ^ paths[1])]
    rows = {}
    for name in sorted(paths[0] & paths[1]):
        left, right = (_rows(root / name) for root in (one, other))
        rows[name] = left.num_rows
        found += [Difference(name, what) for what in _compare(left, right)]
    return found, rows


def _rows(table: Path) -> pa.Table:
    found = DeltaTable(table).to_pyarrow_table()
    kept = [name for name in sorted(found.column_names) if name not in OF_THE_RUN]
    return found.select(kept)


def _compare(left: pa.Table, right: pa.Table) -> Iterator[str]:
    if left.schema != right.schema:
        kinds = [{f.name: str(f.type) for f in side.schema} for side in (left, right)]
        other = {n: (kinds[0].get(n), kinds[1].get(n)) for n in {*kinds[0]} | {*kinds[1]}}
        yield f"types: { {n: t for n, t in sorted(other.items()) if t[0] != t[1]} }"
        return
    if left.num_rows != right.num_rows:
        yield f"{left.num_rows:,} and {right.num_rows:,} rows"
        return
    exact = [f.name for f in left.schema if not pa.types.is_floating(f.type)]
    order = sorted(exact, key=lambda name: pa.types.is_nested(left.schema.field(name).type))
    ordered = [_in_order(side, order) for side in (left, right)]
    for name in left.column_names:
        pairs = zip(ordered[0][name].to_pylist(), ordered[1][name].to_pylist(), strict=True)
        unlike = sum(not _same(a, b) for a, b in pairs)
        if unlike:
            yield f"{name}: {unlike:,} of {left.num_rows:,} values differ"


def _in_order(rows: pa.Table, columns: Sequence[str]) -> pa.Table:
    """Rows in an order that both engines' rows can be brought into: by all exact columns, then by the others."""
    values: list[Sequence[Any]] = [rows[name].to_pylist() for name in columns]
    inexact = [rows[name].to_pylist() for name in rows.column_names if name not in set(columns)]

    def key(at: int) -> tuple[Any, ...]:
        told = (repr(column[at]) for column in values)
        return (*told, *(f"{column[at]:.6e}" if column[at] is not None else "" for column in inexact))

    return rows.take(pa.array(sorted(range(rows.num_rows), key=key), pa.int64()))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return (math.isnan(one) and math.isnan(other)) or math.isclose(
            one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    return bool(one == other)


def compare_engines(
    world: World, models: bool, note: Callable[[str], None]
) -> tuple[list[tuple[str, Difference]], dict[str, int]]:
    """Builds the lake on both engines and compares it: whole, then after a late file, then after a month again."""
    giver, taker = ENGINES
    for engine in ENGINES:
        if engine == taker:
            world.give_keys(giver, taker)
        cost = world.build(engine, models)
        note(
            f"{world.business} on {engine}: {cost.wall:.0f} s wall, {cost.cpu:.0f} s CPU, {cost.memory:.2f} GiB"
        )
    lakes = [world.home(engine) / "lake" for engine in ENGINES]
    found, rows = differences(*lakes)
    told = [("all months", difference) for difference in found]
    late = world.deliver_late()
    for stage, month in (("a late file", late), ("a month again", world.months[-2])):
        for engine in ENGINES:
            world.run(engine, ["ingest"], month, month)
            world.run(engine, ["snapshot"], month, world.snapshots[-1])
        told += [(stage, difference) for difference in differences(*lakes)[0]]
        note(f"{world.business}, {stage} ({month}): compared")
    return told, rows


@click.command()
@click.option("--customers", default=1000, show_default=True)
@click.option("--months", type=int, help=f"Months of each; default {MONTHS}.")
@click.option("--seed", default=1, show_default=True)
@click.option("--business", "names", multiple=True, default=tuple(MONTHS), show_default=True)
@click.option("--models/--no-models", default=True, show_default=True, help="Also train, score and monitor.")
@click.option("--folder", type=click.Path(path_type=Path), help="Keep the lakes here.")
def main(
    customers: int, months: int | None, seed: int, names: tuple[str, ...], models: bool, folder: Path | None
) -> None:
    """Build the lakes of both engines and print a table of their differences."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="churn-parity-") as temporary:
        different = False
        for name in names:
            world = new_world(
                name, (folder or Path(temporary)) / name, customers, months or MONTHS[name], seed
            )
            found, rows = compare_engines(world, models, console.print)
            grid = Table("table", "rows", "difference", title=name)
            for table in sorted(rows | {d.table: 0 for _, d in found}):
                unlike = [f"{stage}: {d.what}" for stage, d in found if d.table == table]
                grid.add_row(table, f"{rows.get(table, 0):,}", "\n".join(unlike) or "none")
            console.print(grid)
            different = different or bool(found)
        sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
