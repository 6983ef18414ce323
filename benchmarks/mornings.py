"""`python -m benchmarks.mornings FOLDER SEED [CUSTOMERS]`: does a morning's score beat that of the month end before?

It simulates 18 months of telecom in FOLDER/home, whose sources deliver every day from 2026-04 on, and trains as of
2026-03-31. Then it scores every customer as of each day of April, and asks the truth who chose to leave in the 30 days
after the gap of 7. It writes FOLDER/mornings.json, FOLDER/mornings.png and prints the mean gain.
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
from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.definitions import tracking_of
from churn_assets.features.snapshots import customer_snapshots
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.metrics.classification import auc_interval, compare_auc
from churn_assets.months import add_months, days_of, month_end, month_start
from churn_assets.replay.world import business_between
from churn_assets.reporting.figures import BLUE, INK, blank
from churn_assets.settings import Settings

FIRST, DAILY, LAST = "2025-01", "2026-04", "2026-06"


@dataclass(frozen=True)
class Morning:
    """The scores of a day, on the customers who were eligible then and at the month end before.

    Attributes:
        day: as_of_date, in ISO.
        customers, left: their number, and how many chose to leave in the outcome window.
        auc, low, high: ROC-AUC of the scores of the day, with its 95 % interval.
        month_end: ROC-AUC of the scores as of the last month end, on the same customers and outcomes.
        predicted: mean probability, to compare with left / customers.
    """

    day: str
    customers: int
    left: int
    auc: float
    low: float
    high: float
    month_end: float
    predicted: float


@dataclass(frozen=True)
class Mornings:
    """All days of a month.

    Attributes:
        mornings: ascending.
        gain, low, high: ROC-AUC of the mornings' scores minus that of the month end's, over all days together, with its
            95 % interval over customers.
        second_half: the same of the days after the 15th.
    """

    mornings: tuple[Morning, ...]
    gain: tuple[float, float, float]
    second_half: tuple[float, float, float]

    def __str__(self) -> str:
        told = "AUC {:+.3f} ({:+.3f} to {:+.3f})".format
        return f"{told(*self.gain)} over the month, {told(*self.second_half)} after its 15th day"


def live(folder: Path, seed: int, customers: int) -> Settings:
    """Simulates the world, ingests it and trains; returns its settings."""
    home, business = folder / "home", business_between(folder / "telecom", FIRST, LAST)
    env = {"CHURN_HOME": str(home), "CHURN_BUSINESS": str(business)}
    size = ["--customers", str(customers), "--months", "18", "--seed", str(seed)]
    churn_assets("simulate", *size, "--daily-from", DAILY, **env)
    before = add_months(DAILY, -1)
    churn_assets("run", "ingest", "--from", FIRST, "--to", DAILY, **env)
    churn_assets("run", "snapshot", "--from", add_months(FIRST, 5), "--to", before, **env)
    churn_assets("run", "train", "--from", before, **env)
    return Settings(home=str(home), business=str(business))


def scored(settings: Settings, days: Sequence[date]) -> pd.DataFrame:
    """customer_key, as_of_date and probability of every eligible customer on these days, by the newest model."""
    lakehouse, business = Lakehouse(settings), load_business(settings.business_path)
    newest = lakehouse.arrow(tables.TRAINING_RUNS).sort_by("trained_at").to_pylist()[-1]["model_version"]
    model = tracking_of(settings, business).load_version(newest)
    parts = []
    for day in days:
        found = customer_snapshots(lakehouse, business, [day])
        snapshots = found.snapshots.toPandas()
        found.release()
        parts.append(
            snapshots[["customer_key", "as_of_date"]].assign(
                probability=model.score(snapshots)["probability"].to_numpy(np.float64)
            )
        )
    return pd.concat(parts, ignore_index=True)


def outcomes(settings: Settings, business: Business, scores: pd.DataFrame) -> pd.DataFrame:
    """`scores` with `left` (0, 1) from the truth, without customers who ended otherwise or within the gap."""
    windows = business.file.windows
    keys = Lakehouse(settings).arrow(tables.CUSTOMER_KEYS).to_pandas()[["customer_id", "customer_key"]]
    ends = pd.read_parquet(settings.home_path / "truth" / "ends.parquet").merge(keys, on="customer_id")
    known = scores.merge(ends[["customer_key", "ended_on", "voluntary"]], on="customer_key", how="left")
    after = (pd.to_datetime(known["ended_on"]) - pd.to_datetime(known["as_of_date"])).dt.days
    gap, end = windows.gap_days, windows.gap_days + windows.outcome_days
    within = (after > gap) & (after <= end)
    chosen = known["voluntary"].astype("boolean").fillna(False).astype(bool)
    kept = ~((after <= gap) | (within & ~chosen))
    return known.assign(left=(within & chosen).astype(np.float64))[kept]


def measure_mornings(settings: Settings) -> Mornings:
    """Scores every day of the month DAILY and compares with the scores of the month end before."""
    business, days = load_business(settings.business_path), days_of(DAILY)
    at_month_end = month_end(add_months(DAILY, -1))
    scores = scored(settings, [at_month_end, *days])
    old = scores[scores["as_of_date"] == at_month_end].set_index("customer_key")["probability"]
    rows = outcomes(settings, business, scores[scores["as_of_date"] != at_month_end])
    rows = rows.assign(before=rows["customer_key"].map(old)).dropna(subset=["before"])
    mornings = []
    for day, of_day in rows.groupby("as_of_date"):
        left, probability = of_day["left"].to_numpy(), of_day["probability"].to_numpy()
        auc, low, high = auc_interval(left, probability)
        before = auc_interval(left, of_day["before"].to_numpy())[0]
        mornings.append(
            Morning(str(day), len(of_day), int(left.sum()), auc, low, high, before, float(probability.mean()))
        )
    late = rows[rows["as_of_date"] > month_start(DAILY) + timedelta(days=14)]
    return Mornings(tuple(mornings), _gain(rows), _gain(late))


def _gain(rows: pd.DataFrame) -> tuple[float, float, float]:
    return compare_auc(rows["left"], rows["probability"], rows["before"], rows["customer_key"])


def draw(found: Mornings, picture: Path) -> None:
    """The AUC of each morning with its interval, and that of the month end's scores on the same outcomes."""
    figure, axes = blank("", "as of", "ROC-AUC of who leaves in the 30 days after the gap", width=9.5)
    days = [float((date.fromisoformat(m.day) - date(1970, 1, 1)).days) for m in found.mornings]
    axes.fill_between(
        days,
        [m.low for m in found.mornings],
        [m.high for m in found.mornings],
        color=BLUE,
        alpha=0.15,
        linewidth=0,
    )
    axes.plot(
        days, [m.auc for m in found.mornings], color=BLUE, marker="o", ms=4, label="this morning's score"
    )
    axes.plot(
        days,
        [m.month_end for m in found.mornings],
        color=INK,
        linestyle="--",
        marker="s",
        ms=3,
        label="score of the last month end",
    )
    axes.xaxis_date()
    figure.legend(loc="outside lower center", ncols=2, fontsize="small", frameon=False)
    figure.savefig(picture, dpi=130)


def main(folder: Path, seed: int, customers: int) -> None:
    """Lives, measures and writes."""
    found = measure_mornings(live(folder, seed, customers))
    (folder / "mornings.json").write_text(json.dumps(asdict(found), indent=1))
    draw(found, folder / "mornings.png")
    print(found)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 5000)
