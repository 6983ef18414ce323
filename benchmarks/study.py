"""Measures the study of flat files against its required metrics and against untuned learners."""

import os
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from benchmarks.cost import Cost, churn_assets, measure
from benchmarks.opponents import INSTALLED, OPPONENTS
from benchmarks.public_files import PublicFile

TELCO = Path(__file__).parents[2] / "shared" / "data" / "telco_ibm.csv"
PROMISED = {"auc": "at least .849", "brier": "at most .1345"}
SECONDS = 90
RESAMPLES = 500


def study_of_telco(home: str) -> tuple[Cost, dict[str, float]]:
    """Returns the cost of `churn-assets study` on IBM Telco with default settings, and the metrics it logged.

    Raises:
        FileNotFoundError: the file is not beside this checkout.
    """
    if not TELCO.is_file():
        raise FileNotFoundError(f"{TELCO.name} is not beside this checkout (shared/data)")
    words = [str(TELCO), "--target", "Churn", "--id", "customerID", "--out", f"{home}/study"]
    cost = churn_assets("study", *words, CHURN_HOME=home)
    with sqlite3.connect(f"{home}/mlflow.db") as store:
        figures = dict(store.execute("select key, value from latest_metrics"))
    return cost, figures


@dataclass(frozen=True)
class Comparison:
    """The study of one file against the opponents.

    Attributes:
        cost, costs: of the study, and of each opponent.
        auc, brier: of the study, out of fold.
        best_auc, best_brier: name of the best opponent by each.
        gain: ROC-AUC of the study less that of the best opponent, with the 95 % interval of the paired bootstrap.
        excess: Brier score of the study less that of the best opponent, as a share of it, with the same interval.
    """

    cost: Cost
    costs: dict[str, Cost]
    auc: float
    brier: float
    best_auc: str
    best_brier: str
    gain: tuple[float, float, float]
    excess: tuple[float, float, float]

    def __str__(self) -> str:
        slowest = max(self.costs, key=lambda name: self.costs[name].cpu)
        return (
            f"AUC {self.auc:.4f}: {self.gain[0]:+.4f} ({self.gain[1]:+.4f} to {self.gain[2]:+.4f}) against "
            f"{self.best_auc}; Brier {self.brier:.4f}: {self.excess[0]:+.1%} ({self.excess[1]:+.1%} to "
            f"{self.excess[2]:+.1%}) against {self.best_brier}; "
            f"{self.cost.cpu / self.costs[slowest].cpu:.1f} x the CPU of {slowest}"
        )


def compare(file: PublicFile, folder: Path) -> Comparison:
    """Returns the study of one file and the opponents on the same rows; each row is judged out of fold."""
    folder.mkdir(parents=True)
    words = ["--target", file.target, "--positive", file.positive, "--out", str(folder)]
    cost = churn_assets("study", str(file.csv()), *words, CHURN_HOME=str(folder / "home"))
    ours = pd.read_csv(folder / "scored.csv")["probability"].to_numpy()
    labels = (pd.read_csv(file.csv())[file.target].astype(str) == file.positive).to_numpy(np.float64)
    costs, theirs = {}, {}
    for name in OPPONENTS:
        out = folder / f"{name}.npy"
        command = [sys.executable, "-m", "benchmarks.opponents", name, str(file.csv()), file.target]
        path = f"{INSTALLED}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        costs[name] = measure(*command, file.positive, str(out), PYTHONPATH=path, OMP_NUM_THREADS="1")
        theirs[name] = np.load(out)
    best_auc = max(theirs, key=lambda name: roc_auc_score(labels, theirs[name]))
    best_brier = min(theirs, key=lambda name: _brier(labels, theirs[name]))
    random = np.random.default_rng(0)
    rows = [np.arange(len(labels)), *(random.integers(len(labels), size=(RESAMPLES, len(labels))))]
    gain = [
        roc_auc_score(labels[at], ours[at]) - roc_auc_score(labels[at], theirs[best_auc][at]) for at in rows
    ]
    excess = [_brier(labels[at], ours[at]) / _brier(labels[at], theirs[best_brier][at]) - 1 for at in rows]
    return Comparison(
        cost,
        costs,
        float(roc_auc_score(labels, ours)),
        _brier(labels, ours),
        best_auc,
        best_brier,
        _interval(gain),
        _interval(excess),
    )


def _brier(labels: NDArray[np.float64], probability: NDArray[np.float64]) -> float:
    return float(((probability - labels) ** 2).mean())


def _interval(values: list[float]) -> tuple[float, float, float]:
    """Returns the first value, and the 2.5 % and 97.5 % quantiles of the others."""
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return values[0], float(low), float(high)
