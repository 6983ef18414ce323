"""Churn rates and retention cohorts of a simulated operator, counted again by pandas from its landing files."""

from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd
import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.gold import churn_rates as made_here
from churn_assets.gold import retention_cohorts as cohorts_made_here
from churn_assets.lakehouse import tables
from churn_assets.months import add_months, month_end
from churn_assets.simulator.plan import DirtRates, SimulationPlan
from churn_assets.simulator.telecom import simulate_telecom
from churn_assets_tests.checks import evaluations
from churn_assets_tests.lakes import edit_yaml, not_as_declared, settings_for, small_business
from churn_assets_tests.worlds import INGEST, MONTHS, Lake, failures

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_engine(reason="runs jobs; `make parity` compares what jobs write")
RATES = dg.AssetSelection.assets(tables.CHURN_RATES.key, tables.RETENTION_COHORTS.key)
SETTLED = MONTHS[1:5]  # January begins the history; no extract comes after June
BANDS = ((0, "00 to 02 months"), (3, "03 to 05 months"), (6, "06 to 11 months"), (12, "12 to 23 months"))
VOLUNTARY = {"price", "competitor", "service", "moved", "other"}
PAUSE = timedelta(days=3)
Cell = tuple[str, str, str]


@pytest.fixture(scope="module")
def lake(spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A quarter of a thousand customers of half a year, without dirt."""
    home = tmp_path_factory.mktemp("rates")
    folder = small_business(home, calendar={"start": MONTHS[0], "end": MONTHS[-1]})
    for name in ("customers", "subscriptions", "tickets"):
        edit_yaml(folder / "contracts" / f"{name}.yaml", lambda c: c["schema"][0].pop("quality"))
    lake = Lake(settings_for(home, folder), load_business(folder))
    plan = SimulationPlan(customers=250, start=date(2025, 1, 1), months=6, seed=5, dirt=DirtRates.none())
    simulate_telecom(plan, Path(lake.settings.landing_uri), home / "truth")
    lake.succeed(INGEST | RATES, MONTHS)
    return lake


def _delivered(lake: Lake, source: str) -> pd.DataFrame:
    """All rows of a source with their extract_date, in the order of the extracts."""
    files = sorted(Path(lake.settings.landing_uri, source).glob("extract_date=*/*.csv"))
    parts = [
        pd.read_csv(file, dtype=str, encoding="utf-8-sig").assign(
            known=date.fromisoformat(file.parent.name[13:])
        )
        for file in files
    ]
    return pd.concat(parts, ignore_index=True)


def _known_at(rows: pd.DataFrame, day: date) -> pd.Series:
    """The last row by that day, else the first after it."""
    before = rows[rows["known"] <= day]
    return before.iloc[-1] if len(before) else rows.iloc[0]


def _day(text: object) -> date | None:
    return date.fromisoformat(text) if isinstance(text, str) else None


@dataclass
class Person:
    """A customer: the spells (first day, last day, reason), and the rows of each in order."""

    spells: list[tuple[date, date | None, str]]
    rows: list[pd.DataFrame]
    region: pd.DataFrame

    @property
    def joined(self) -> date:
        return min(start for start, _, _ in self.spells)

    def until(self, spell: tuple[date, date | None, str]) -> date | None:
        end = spell[1]
        after = [s for s, _, _ in self.spells if end and end < s <= end + PAUSE]
        return min(after) if after else end

    def at(self, month: str) -> dict[str, Any] | None:
        """Revenue in cents and groups at the end of a month; None if the person is no customer."""
        day = month_end(month)
        runs = [
            (spell[0], rows)
            for spell, rows in zip(self.spells, self.rows, strict=True)
            if spell[0] <= day and ((until := self.until(spell)) is None or until > day)
        ]
        if not runs:
            return None
        paid = sum(round(100 * float(_known_at(rows, day)["monthly_price"])) for _, rows in runs)
        since = 12 * (day.year - self.joined.year) + day.month - self.joined.month
        band = "24 months and more" if since >= 24 else [name for least, name in BANDS if since >= least][-1]
        plan = _known_at(max(runs, key=lambda run: run[0])[1], day)["plan"]
        return {
            "paid": paid,
            "all": "all",
            "plan": plan,
            "region": _known_at(self.region, day)["region"],
            "tenure": band,
        }


def _people(lake: Lake) -> Iterator[Person]:
    regions = dict(iter(_delivered(lake, "customers").groupby("customer_id")))
    for who, rows in _delivered(lake, "subscriptions").groupby("customer_id"):
        spells = [of for _, of in rows.groupby("subscription_id")]
        last = [of.iloc[-1] for of in spells]
        told = [
            (date.fromisoformat(r["started_on"]), _day(r["ended_on"]), str(r["end_reason"])) for r in last
        ]
        yield Person(told, spells, regions[who])


def _counted_again(people: list[Person], month: str) -> tuple[Counter[tuple[str, str, str]], int]:
    """(dimension, value, column) -> customers, or cents for columns of revenue; and who came and left."""
    found: Counter[tuple[str, str, str]] = Counter()
    passed = 0
    for person in people:
        was, now = person.at(add_months(month, -1)), person.at(month)
        if was is None and now is None:
            passed += any(f"{s:%Y-%m}" == month == f"{e or date.max:%Y-%m}" for s, e, _ in person.spells)
        for dimension in ("all", "plan", "region", "tenure"):
            before, after = (None if side is None else side[dimension] for side in (was, now))

            def add(value: str | None, name: str, cents: int, dimension: str = dimension) -> None:
                found[dimension, str(value), f"customers_{name}"] += 1
                found[dimension, str(value), f"revenue_{name}"] += cents

            if was:
                add(before, "start", was["paid"])
            if now:
                add(after, "end", now["paid"])
            if was and now:
                found[dimension, before, "revenue_kept"] += now["paid"]
            if was and now and before == after:
                change = now["paid"] - was["paid"]
                found[dimension, before, f"revenue_{'expansion' if change > 0 else 'contraction'}"] += abs(
                    change
                )
            elif was and now:
                add(before, "moved_out", was["paid"])
                add(after, "moved_in", now["paid"])
            elif was:
                end = max(
                    (e, reason in VOLUNTARY) for _, e, reason in person.spells if e and f"{e:%Y-%m}" == month
                )
                add(before, "lost_by_choice" if end[1] else "lost_otherwise", was["paid"])
            elif now:
                add(after, "new" if f"{person.joined:%Y-%m}" == month else "returned", now["paid"])
    return +found, passed


def test_pandas_counts_the_same_from_the_landing_files(lake: Lake) -> None:
    people = list(_people(lake))
    rows = lake.lakehouse.arrow(tables.CHURN_RATES).to_pylist()
    assert sorted({row["month"] for row in rows}) == SETTLED
    for month in SETTLED:
        expected, passed = _counted_again(people, month)
        found: Counter[tuple[str, str, str]] = Counter()
        for row in (r for r in rows if r["month"] == month):
            for name, value in row.items():
                if name.startswith(("customers_", "revenue_")):
                    cents = 100 if name.startswith("revenue_") else 1
                    found[row["dimension"], str(row["value"]), name] += round(cents * value)
        assert +found == expected, month
        [everybody] = [r for r in rows if (r["month"], r["dimension"]) == (month, "all")]
        assert everybody["joined_and_left"] == passed and everybody["unknown_at_end"] == 0
        lost = (
            expected["all", "all", "customers_lost_by_choice"]
            + expected["all", "all", "customers_lost_otherwise"]
        )
        assert everybody["churn_rate"] == pytest.approx(lost / expected["all", "all", "customers_start"])
        kept = expected["all", "all", "revenue_kept"] / expected["all", "all", "revenue_start"]
        assert everybody["net_revenue_retention"] == pytest.approx(kept)
    everything = Counter(name for row in rows for name, value in row.items() if value)
    assert {"customers_moved_in", "customers_new", "customers_lost_by_choice"} <= everything.keys()


def test_pandas_lays_out_the_same_triangle(lake: Lake) -> None:
    people = list(_people(lake))
    found = {}
    for row in lake.lakehouse.arrow(tables.RETENTION_COHORTS).to_pylist():
        figures = (
            row["joined"],
            row["customers"],
            round(100 * row["revenue"]),
            round(100 * row["revenue_joined"]),
        )
        found[row["joined_month"], row["month"]] = figures
        assert row["retention"] == pytest.approx(row["customers"] / row["joined"]) and row["unknown"] == 0
    expected = {}
    for joined in SETTLED:
        cohort = [p for p in people if f"{p.joined:%Y-%m}" == joined]
        for month in (m for m in SETTLED if m >= joined and cohort):
            there = [state["paid"] for p in cohort if (state := p.at(month))]
            first = sum(state["paid"] for p in cohort if (state := p.at(joined)))
            expected[joined, month] = (len(cohort), len(there), sum(there), first)
    assert found == expected and len(found) == 10


def test_the_tables_are_as_declared_and_made_again_the_same(lake: Lake) -> None:
    assert not_as_declared(lake.lakehouse, lake.business) == {}
    before = {t: lake.frame(t) for t in (tables.CHURN_RATES, tables.RETENTION_COHORTS)}
    run = lake.run(RATES, MONTHS)
    assert run.success, failures(run)
    for table, frame in before.items():
        pd.testing.assert_frame_equal(frame, lake.frame(table))
    [told] = [
        m
        for m in run.get_asset_materialization_events()
        if m.asset_key.to_user_string() == tables.CHURN_RATES.path
    ]
    shown = told.step_materialization_data.materialization.metadata
    assert shown["settled months"].value == f"{SETTLED[0]} to {SETTLED[-1]}"
    assert shown["not settled yet"].value == MONTHS[-1]
    assert "data:image/png;base64" in str(shown["churn"].value)


def _lose_one(flows: dict[Any, Any]) -> dict[Any, Any]:
    found = deepcopy(flows)
    found["2025-03", "all", "all"].customers["new"] += 1
    return found


@pytest.mark.parametrize(
    ("module", "name", "spoil", "table", "check"),
    [
        (made_here, "movements", _lose_one, tables.CHURN_RATES, "movements_add_up"),
        (
            cohorts_made_here,
            "cohort_rows",
            lambda rows: [row | {"unknown": row["joined"] + 1} for row in rows],
            tables.RETENTION_COHORTS,
            "nobody_counted_twice",
        ),
    ],
    ids=["rates", "cohorts"],
)
def test_a_table_whose_equations_do_not_hold_is_not_written(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, spoil: Any, table: Any, check: str
) -> None:
    real, version = getattr(module, name), lake.lakehouse.version(table)
    monkeypatch.setattr(module, name, lambda *args, **more: spoil(real(*args, **more)))
    run = lake.run(dg.AssetSelection.assets(table.key), MONTHS)
    assert not run.success and lake.lakehouse.version(table) == version
    failed = evaluations(run)[f"{table.path}:{check}"]
    assert not failed.passed and "2025-0" in str(failed.metadata["equations"])
