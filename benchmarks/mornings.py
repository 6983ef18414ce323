"""`python -m benchmarks.mornings FOLDER SEED...`: does a morning's score beat that of the month end before?

For each seed it simulates 18 months of telecom in FOLDER/SEED, whose sources deliver every day from DAILY on, and
trains as of the month before. It scores every customer as of some days of DAILY, and asks the truth who chose to leave
in the outcome window of each. It writes FOLDER/mornings.json and FOLDER/mornings.png, and prints the mean gain
and what each rule of `alerts` found (see `benchmarks.rules`): FOLDER/rules.json, and FOLDER/rule_days.json by day.

Snapshots are kept in FOLDER/SEED/days, so that a second call only measures.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.cost import churn_assets
from benchmarks.rules import rule_days, tally, true_conditions
from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.definitions import tracking_of
from churn_assets.features.snapshots import customer_snapshots
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.engine.frames import keep, release
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.metrics.array_tiers import rank_tiers
from churn_assets.ml.metrics.classification import auc_interval, compare_auc
from churn_assets.ml.portable.scored import scored_and_explained
from churn_assets.months import add_months, month_end
from churn_assets.replay.world import business_between
from churn_assets.reporting.figures import BLUE, INK, as_png, blank
from churn_assets.settings import Settings

FIRST, DAILY, LAST = "2025-01", "2026-04", "2026-06"
CUSTOMERS = 4000
FORTNIGHT = 15  # every day until then, so that rules see changes from day to day
DAYS = (*range(1, FORTNIGHT + 1), 20, 25, 30)
BEFORE = month_end(add_months(DAILY, -1))


@dataclass(frozen=True)
class Morning:
    """The scores as of a day, of the customers who could be scored then and at the month end before.

    Attributes:
        day: as_of_date, in ISO.
        customers, left: their number, and how many chose to leave in the outcome window of the day.
        auc, low, high: ROC-AUC of the scores of the day, with its 95 % interval.
        month_end: ROC-AUC of the scores as of the last month end, on the same customers and outcomes.
        gain: the difference of the two with its paired 95 % interval.
        predicted: mean probability, to compare with left / customers.
    """

    day: str
    customers: int
    left: int
    auc: float
    low: float
    high: float
    month_end: float
    gain: tuple[float, float, float]
    predicted: float


@dataclass(frozen=True)
class Mornings:
    """The DAYS of a month.

    Attributes:
        mornings: ascending.
        gain: ROC-AUC of the mornings' scores less that of the month end's, over all days together, with its 95 %
            interval; customers are independent, their days are not. Scores are ranked within their day.
        parts: the same of the days until FORTNIGHT, and of later ones.
    """

    mornings: tuple[Morning, ...]
    gain: tuple[float, float, float]
    parts: tuple[tuple[float, float, float], ...]

    def __str__(self) -> str:
        told = "{:+.4f} ({:+.4f} to {:+.4f})".format
        until, later = (told(*part) for part in self.parts)
        return f"AUC {told(*self.gain)}; {until} until day {FORTNIGHT}, {later} later"


def live(folder: Path, seed: int) -> Settings:
    """Simulates the world in `folder`, ingests it and trains, unless that is done; returns its settings."""
    home, file = folder / "home", folder / "telecom"
    found = Settings(home=str(home), business=str(file))
    if home.exists():
        return found
    env = {"CHURN_HOME": str(home), "CHURN_BUSINESS": str(business_between(file, FIRST, LAST))}
    size = ["--customers", str(CUSTOMERS), "--months", "18", "--seed", str(seed)]
    churn_assets("simulate", *size, "--clean", "--daily-from", DAILY, **env)
    before = add_months(DAILY, -1)
    churn_assets("run", "ingest", "--from", FIRST, "--to", DAILY, **env)
    churn_assets("run", "snapshot", "--from", add_months(FIRST, 5), "--to", before, **env)
    churn_assets("run", "train", "--from", before, **env)
    return found


def snapshots_of(settings: Settings, days: Sequence[date], folder: Path) -> pd.DataFrame:
    """Every eligible customer as of these days, with the conditions of the SQL rules as `rule NAME` (true or false).

    A day is computed once and kept in `folder`.
    """
    lakehouse, business = Lakehouse(settings), load_business(settings.business_path)
    folder.mkdir(exist_ok=True)
    files = [folder / f"{day}.parquet" for day in days]
    for day, file in zip(days, files, strict=True):
        if file.exists():
            continue
        found = customer_snapshots(lakehouse, business, [day])
        kept = keep(true_conditions(found.snapshots, business.file.alerts.rules))
        kept.toPandas().to_parquet(file)
        release(kept)
        found.release()
    return pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)


def scored(settings: Settings, business: Business, snapshots: pd.DataFrame) -> pd.DataFrame:
    """Adds the newest model's version, raw, probability and driver to the snapshots, and the tiers of each day."""
    runs = Lakehouse(settings).arrow(tables.TRAINING_RUNS).sort_by("trained_at").to_pylist()
    version, segments = runs[-1]["model_version"], business.file.segments
    model = tracking_of(settings, business).load_version(version)
    told = scored_and_explained(snapshots, model, business.features)[0]
    rows = snapshots.assign(
        model_version=version, **{name: told[name].to_numpy() for name in ("raw", "probability", "driver")}
    )
    rows["value"] = rows[segments.value.feature].fillna(-np.inf)
    for tier, of, bounds in (
        ("risk_tier", "raw", segments.risk.bounds),
        ("value_tier", "value", segments.value.bounds),
    ):
        for _, part in rows.groupby("as_of_date"):
            tiers = rank_tiers(part[of].to_numpy(np.float64), part["customer_key"], bounds)
            rows.loc[part.index, tier] = tiers
    return rows


def outcomes(settings: Settings, business: Business, rows: pd.DataFrame) -> pd.DataFrame:
    """`rows` with `left` by the truth: 1 left by choice in the outcome window, 0 stayed, NaN neither, as labels.

    `gone`: 1 also for who left by choice within the gap, as the outcomes of alerts.
    """
    windows = business.file.windows
    keys = Lakehouse(settings).arrow(tables.CUSTOMER_KEYS).to_pandas()[["customer_id", "customer_key"]]
    ends = pd.read_parquet(settings.home_path / "truth" / "ends.parquet").merge(keys, on="customer_id")
    ends = ends.drop_duplicates("customer_key", keep="last").set_index("customer_key")
    ended = pd.to_datetime(rows["customer_key"].map(ends["ended_on"]))
    after = (ended - pd.to_datetime(rows["as_of_date"])).dt.days
    chosen = rows["customer_key"].map(ends["voluntary"]).eq(True)
    soon = after <= windows.gap_days
    within = ~soon & (after <= windows.gap_days + windows.outcome_days)
    left = np.where(soon | (within & ~chosen), np.nan, within.astype(np.float64))
    gone = np.where((soon | within) & ~chosen, np.nan, (soon | within).astype(np.float64))
    return rows.assign(left=left, gone=gone)


def measured(rows: pd.DataFrame, at_month_end: date) -> Mornings:
    """Compares the scores of each day with those of the month end before.

    Args:
        rows: customer_key, as_of_date, raw, probability and left of the month end and of later days.
        at_month_end: the day.
    """
    old = rows[rows["as_of_date"] == at_month_end].set_index("customer_key")["raw"]
    rows = rows[rows["as_of_date"] > at_month_end]
    rows = rows.assign(before=rows["customer_key"].map(old)).dropna(subset=["before", "left"])
    mornings = tuple(_morning(str(day), of_day) for day, of_day in rows.groupby("as_of_date"))
    by_day = rows.groupby("as_of_date")
    ranked = rows.assign(**{name: by_day[name].rank(pct=True) for name in ("raw", "before")})
    late = [day > at_month_end + timedelta(days=FORTNIGHT) for day in ranked["as_of_date"]]
    return Mornings(mornings, _gain(ranked), tuple(_gain(part) for _, part in ranked.groupby(late)))


def _morning(day: str, rows: pd.DataFrame) -> Morning:
    left = rows["left"].to_numpy()
    now, before = (auc_interval(left, rows[name].to_numpy()) for name in ("raw", "before"))
    return Morning(
        day, len(rows), int(left.sum()), *now, before[0], _gain(rows), float(rows["probability"].mean())
    )


def _gain(rows: pd.DataFrame) -> tuple[float, float, float]:
    customers = rows["customer_key"].reset_index(drop=True)
    return compare_auc(rows["left"], rows["raw"], rows["before"], customers)


def draw(found: Mornings) -> bytes:
    """The AUC of each morning with its interval, and that of the month end's scores on the same outcomes, as PNG."""
    figure, axes = blank(
        "", f"as of this day of {DAILY}", "ROC-AUC of who leaves in the 30 days after the gap", width=9.5
    )
    days = [date.fromisoformat(m.day).day for m in found.mornings]
    low, high = ([getattr(m, name) for m in found.mornings] for name in ("low", "high"))
    axes.fill_between(days, low, high, color=BLUE, alpha=0.15, linewidth=0)
    axes.plot(
        days, [m.auc for m in found.mornings], color=BLUE, marker="o", ms=4, label="this morning's score"
    )
    old = [m.month_end for m in found.mornings]
    axes.plot(days, old, color=INK, linestyle="--", marker="s", ms=3, label="score of the last month end")
    figure.legend(loc="outside lower center", ncols=2, fontsize="small", frameon=False)
    return as_png(figure, dpi=110)


def world(folder: Path, seed: int, days: Sequence[int] = DAYS) -> pd.DataFrame:
    """Every customer as of the month end before DAILY and of these days of it, with scores and outcomes.

    Keys begin with the seed, so that the customers of several worlds are different ones.
    """
    settings = live(folder, seed)
    business = load_business(settings.business_path)
    dates = [BEFORE, *(BEFORE + timedelta(days=day) for day in days)]
    snapshots = snapshots_of(settings, dates, folder / "days")
    rows = outcomes(settings, business, scored(settings, business, snapshots))
    return rows.assign(customer_key=f"{seed}-" + rows["customer_key"])


def main(folder: Path, seeds: Sequence[int]) -> None:
    """Lives, measures and writes."""
    worlds = [world(folder / str(seed), seed) for seed in seeds]
    found = measured(pd.concat(worlds, ignore_index=True), BEFORE)
    (folder / "mornings.json").write_text(json.dumps(asdict(found), indent=1))
    (folder / "mornings.png").write_bytes(draw(found))
    print(found)
    rules = load_business(live(folder / str(seeds[0]), seeds[0]).business_path).file.alerts.rules
    days = [rows[rows["as_of_date"] <= BEFORE + timedelta(days=FORTNIGHT)] for rows in worlds]
    raised = pd.concat([rule_days(rows, rules) for rows in days], ignore_index=True)
    raised.to_json(folder / "rule_days.json", orient="records", indent=1)
    told = tally(raised)
    told.to_json(folder / "rules.json", orient="records", indent=1)
    print(told.round(3).to_string(index=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(seed) for seed in sys.argv[2:]])
