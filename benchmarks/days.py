"""`python -m benchmarks.days FOLDER`: how well models fit each day of the month, by the days that they learn from.

Reads the lake of CHURN_HOME, whose business declares every judged day as `training.as_of_days`. Trains on month ends
alone and with each set of LEARNED, then judges each model on the snapshots of later days, whose outcomes it could not
know. Writes FOLDER/days.json, a list of `Judged`, and FOLDER/days.png.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.metrics.classification import auc_interval, compare_auc
from churn_assets.ml.portable.calibration import logit, sigmoid
from churn_assets.ml.portable.model import PortableModel
from churn_assets.ml.training.settings import TrainingSettings
from churn_assets.ml.training.split import Split, temporal_split
from churn_assets.ml.training.train import train
from churn_assets.models.training_frame import mature_cohorts, training_frame
from churn_assets.reporting.figures import BLUE, GREY, ORANGE, as_png, small_axes
from churn_assets.settings import Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

JUDGED = (3, 10, 14, 20, 27)  # days of the month; MONTH_END besides
LEARNED = ((), (14,), (10, 20))
MONTH_END = 31
JUDGED_MONTHS = 3
RESAMPLES = 200


@dataclass(frozen=True)
class Judged:
    """A model on the snapshots as of one day of several months.

    Attributes:
        learned: the days between month ends that it learned from; empty: month ends alone.
        day: of the month; MONTH_END: its last.
        n, churners: rows, and those with an outcome of churn.
        auc: ROC-AUC with its 95 % interval; value, low, high.
        gain: the AUC minus that of the model of month ends on the same rows, with its paired interval.
        slope: calibration slope, 1 is right, with the interval over resamples of customers.
        ratio: mean probability by churn rate, 1 is right, with the same interval.
        log_loss: of the probability.
    """

    learned: tuple[int, ...]
    day: int
    n: int
    churners: int
    auc: tuple[float, float, float]
    gain: tuple[float, float, float]
    slope: tuple[float, float, float]
    ratio: tuple[float, float, float]
    log_loss: float


def day_of_month(day: date) -> int:
    """The day of the month; MONTH_END for the last."""
    return MONTH_END if (day + timedelta(days=1)).day == 1 else day.day


def measured(
    frame: pd.DataFrame, business: Business, candidates: Sequence[str] | None = None
) -> list[Judged]:
    """Trains and judges on a training frame with month ends and other days.

    The test cohort of the trainings is the last whose horizon ends before the judged months, the newest of the frame.

    Args:
        frame: see `training_frame`.
        candidates: default: those of the business.
    """
    windows, settings = business.file.windows, business.file.training
    days = sorted(set(frame["as_of_date"]))
    ends = [day for day in days if day_of_month(day) == MONTH_END]
    test, judged_months = ends[-JUDGED_MONTHS - 1], {(d.year, d.month) for d in ends[-JUDGED_MONTHS:]}
    split = temporal_split(
        [day for day in ends if day <= test],
        windows.gap_days,
        windows.outcome_days,
        settings.validation_cohorts,
    )
    later = frame[[(day.year, day.month) in judged_months for day in frame["as_of_date"]]]
    how = TrainingSettings(
        tuple(candidates or settings.candidates), settings.seed, memory_cohorts=tuple(settings.memory_cohorts)
    )
    scores = {}
    for learned in LEARNED:
        started = time.process_time()
        wider = split.with_midmonth([day for day in days if day_of_month(day) in learned])
        model, rows = _trained(frame, business, wider, how)
        scores[learned] = model.score(later)
        spent = time.process_time() - started
        print(
            f"{learned or 'month ends'}: {model.candidate}, {rows:,} rows, {spent:.0f} s of CPU", flush=True
        )
    return [line for day in (*JUDGED, MONTH_END) for line in _judged(later, scores, day)]


def _trained(
    frame: pd.DataFrame, business: Business, split: Split, how: TrainingSettings
) -> tuple[PortableModel, int]:
    rows = frame[frame["as_of_date"].isin({*split.cohorts, *split.midmonth})].reset_index(drop=True)
    lakehouse = Lakehouse(Settings())
    found = train(rows, [f.name for f in business.features], split, how, lambda: lakehouse.spark)
    return found.model, found.rows["train"]["rows"]


def _judged(later: pd.DataFrame, scores: Mapping[tuple[int, ...], pd.DataFrame], day: int) -> list[Judged]:
    """Every model on the snapshots as of one day of the month; none if there are none."""
    at = np.array([day_of_month(d) == day for d in later["as_of_date"]])
    if not at.any():
        return []
    labels, customers = later["label"].to_numpy(np.float64)[at], later["customer_key"][at]
    base = scores[()]["raw"].to_numpy()[at]
    codes, known = pd.factorize(customers)
    rng = np.random.default_rng(0)
    draws = [
        np.bincount(rng.integers(0, len(known), len(known)), minlength=len(known)) for _ in range(RESAMPLES)
    ]
    found = []
    for learned, scored in scores.items():
        raw, probability = (scored[name].to_numpy()[at] for name in ("raw", "probability"))
        value = _calibration(labels, probability, np.ones(len(labels)))
        resampled = [_calibration(labels, probability, draw[codes].astype(float)) for draw in draws]
        low, high = np.quantile(resampled, [0.025, 0.975], axis=0)
        slope, ratio = (tuple(map(float, three)) for three in zip(value, low, high, strict=True))
        loss = np.where(labels == 1, -np.log(probability), -np.log1p(-probability)).mean()
        gain = compare_auc(labels, raw, base, customers.reset_index(drop=True))
        auc = auc_interval(labels, raw)
        found.append(
            Judged(learned, day, len(labels), int(labels.sum()), auc, gain, slope, ratio, float(loss))  # type: ignore[arg-type]
        )
    return found


def _calibration(
    labels: NDArray[np.float64], probability: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """Weighted calibration slope, by Newton steps, and mean probability by churn rate."""
    design = np.column_stack([logit(probability), np.ones(len(labels))])
    line = np.array([1.0, 0.0])
    for _ in range(12):
        expected = sigmoid(design @ line)
        spread = weights * expected * (1 - expected)
        line = line + np.linalg.solve(
            (design * spread[:, None]).T @ design, design.T @ (weights * (labels - expected))
        )
    return float(line[0]), float(weights @ probability / (weights @ labels))


def figure(worlds: Mapping[str, Sequence[Judged]]) -> "Figure":
    """AUC, calibration slope and ratio by day of the month, a row of axes for each world."""
    drawn, axes = small_axes(3 * len(worlds), 3)
    for row, (world, lines) in enumerate(worlds.items()):
        shown = (("ROC-AUC", "auc"), ("calibration slope", "slope"), ("predicted by observed", "ratio"))
        for place, (title, name) in zip(axes[3 * row :], shown, strict=False):
            place.set_title(f"{title}, {world}", fontsize=9)
            sets = dict.fromkeys(line.learned for line in lines)
            for number, (learned, colour) in enumerate(zip(sets, (GREY, BLUE, ORANGE), strict=False)):
                points = sorted((line.day, *getattr(line, name)) for line in lines if line.learned == learned)
                x, value, low, high = np.array(points).T
                reach = [value - low, high - value]
                said = "month ends" if not learned else f"and day {', '.join(map(str, learned))}"
                place.errorbar(
                    x + 0.4 * (number - 1), value, yerr=reach, fmt="o-", color=colour,
                    markersize=3, linewidth=1, capsize=2, label=said,
                )  # fmt: skip
            days = sorted({line.day for line in lines})
            place.set_xticks(days, ["end" if day == MONTH_END else str(day) for day in days])
            if name != "auc":
                place.axhline(1, color=GREY, linewidth=0.8, linestyle=":")
    axes[0].legend(fontsize=7)
    return drawn


def main(folder: Path) -> None:
    settings = Settings()
    lakehouse, business = Lakehouse(settings), load_business(settings.business_path)
    cohorts = mature_cohorts(lakehouse, date.max)
    midmonth = mature_cohorts(lakehouse, date.max, tables.MIDMONTH_LABELS)
    names = [f.name for f in business.features]
    frame = training_frame(lakehouse, names, cohorts, sys.maxsize, midmonth)
    lines = measured(frame, business)
    (folder / "days.json").write_text(json.dumps([asdict(line) for line in lines]))
    (folder / "days.png").write_bytes(as_png(figure({"simulated world": lines})))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
