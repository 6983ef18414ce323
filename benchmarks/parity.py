"""`python -m benchmarks.parity`: builds the same lake on Sail and on Spark, and compares every table.

Both engines read the same files and give the same customer keys. Then a late file is delivered, and its month and the
next run again; then the files of a month are erased, so that it is refused. The tables are compared after each of
these. The exit code is 1 when a table differs.
"""

import json
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

from benchmarks.cost import Cost, measure
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
class Stage:
    """What happens to both lakes between two comparisons; see `parity_stages`.

    Attributes:
        name: for the messages.
        runs: a job, its first and its last month.
        deliver: files, from and to, below the landing zone.
        erase: folders below the landing zone that are removed.
        refused: the run must fail.
    """

    name: str
    runs: Sequence[tuple[str, str, str]]
    deliver: Sequence[tuple[Path, Path]] = ()
    erase: Sequence[Path] = ()
    refused: bool = False


@dataclass(frozen=True)
class World:
    """One business, and for each engine a home with a landing zone of its own.

    Attributes:
        business: its name.
        folder: holds `landing`, which nobody changes, and the homes `sail` and `spark`.
        months: months of the landing zone.
    """

    business: str
    folder: Path
    months: Sequence[str]

    def home(self, engine: str) -> Path:
        """CHURN_HOME of an engine."""
        return self.folder / engine

    def lake(self, engine: str, stage: Stage) -> Path:
        """The lake of an engine as it was after a stage."""
        return self.folder / f"{engine} after {stage.name}"

    def live(self, engine: str, stages: Sequence[Stage]) -> Cost:
        """Lives through the stages on an engine, in one process."""
        landing = self.home(engine) / "landing"
        shutil.copytree(self.folder / "landing", landing)
        plan = [
            {
                "name": stage.name,
                "deliver": [[str(landing / path) for path in pair] for pair in stage.deliver],
                "erase": [str(landing / path) for path in stage.erase],
                "runs": stage.runs,
                "refused": stage.refused,
                "lake": str(self.lake(engine, stage)),
            }
            for stage in stages
        ]
        file = self.folder / f"{engine}.json"
        file.write_text(json.dumps(plan), encoding="utf-8")
        script = Path(__file__).with_name("parity_stages.py")
        variables = {
            "CHURN_HOME": str(self.home(engine)),
            "CHURN_LANDING": str(landing),
            "CHURN_LAKE": str(self.home(engine) / "lake"),
            "CHURN_BUSINESS": self.business,
            "CHURN_ENGINE": engine,
        }
        return measure(sys.executable, str(script), str(file), **variables)

    def stages(self, models: bool) -> list[Stage]:
        """All months; then a late file and the month after it again; then this month without the files of a source."""
        month, last = self.months[-2], self.months[-1]
        first, newest = self._snapshots[0], self._snapshots[-1]
        late, earlier = self.months[-3], self.months[-4]
        trained = [("train", newest, newest), ("score", first, newest), ("monitor", first, newest)]
        source = next(
            s for s in load_business(SHIPPED_BUSINESSES / self.business).sources if s.comes_regularly
        )
        return [
            Stage(
                "all months",
                [("ingest", self.months[0], last), ("snapshot", first, newest), *(trained if models else [])],
            ),
            Stage(
                "a late file",
                [("ingest", late, month), ("snapshot", late, newest)],
                deliver=[self._again(source.name, earlier, late)],
            ),
            Stage(
                "an erased month",
                [("ingest", month, month)],
                erase=sorted(self._extracts(source.name, month)),
                refused=True,
            ),
        ]

    @property
    def _snapshots(self) -> list[str]:
        """Months whose end has snapshots, with a whole observation window."""
        business = load_business(SHIPPED_BUSINESSES / self.business)
        first = add_months(self.months[0], business.file.windows.observation_months - 1)
        return [m for m in snapshot_months(business).get_partition_keys() if first <= m <= self.months[-1]]

    def _extracts(self, source: str, month: str) -> list[Path]:
        """The extract folders of a month, below the landing zone."""
        landing = self.folder / "landing"
        return [path.relative_to(landing) for path in (landing / source).glob(f"extract_date={month}-*")]

    def _again(self, source: str, earlier: str, month: str) -> tuple[Path, Path]:
        """A file of an earlier month, delivered once more as an extract of a later month, the day before its last.

        An earlier file holds no date beyond the day of its new extract.
        """
        newest = max(self._extracts(source, month))
        day = newest.with_name(f"extract_date={month}-{int(newest.name[-2:]) - 1:02d}")
        [file, *_] = sorted((self.folder / "landing" / max(self._extracts(source, earlier))).iterdir())
        return file.relative_to(self.folder / "landing"), day / f"late-{file.name}"


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
    world: World, stages: Sequence[Stage], note: Callable[[str], None]
) -> tuple[list[tuple[str, Difference]], dict[str, int]]:
    """Lives through the stages on both engines, and compares the tables after each; rows: of the last stage."""
    giver, taker = ENGINES
    for engine in ENGINES:
        if engine == taker:  # before it draws any customer key
            keys = tables.CUSTOMER_KEYS.path
            shutil.copytree(world.lake(giver, stages[0]) / keys, world.home(taker) / "lake" / keys)
        cost = world.live(engine, stages)
        note(
            f"{world.business} on {engine}: {cost.wall:.0f} s wall, {cost.cpu:.0f} s CPU, {cost.memory:.2f} GiB"
        )
    told: list[tuple[str, Difference]] = []
    rows: dict[str, int] = {}
    for stage in stages:
        found, rows = differences(*(world.lake(engine, stage) for engine in ENGINES))
        told += [(stage.name, difference) for difference in found]
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
            found, rows = compare_engines(world, world.stages(models), console.print)
            grid = Table("table", "rows", "difference", title=name)
            for table in sorted(rows | {d.table: 0 for _, d in found}):
                unlike = [f"{stage}: {d.what}" for stage, d in found if d.table == table]
                grid.add_row(table, f"{rows.get(table, 0):,}", "\n".join(unlike) or "none")
            console.print(grid)
            different = different or bool(found)
        sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
