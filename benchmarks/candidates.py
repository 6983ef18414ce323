"""`python -m benchmarks.candidates FOLDER MONTH`: candidates that have two engines, fitted on both.

Reads the labelled snapshots of the lake of CHURN_HOME that had matured by the end of MONTH, fits each candidate on the
train cohorts of the training of that month, and compares both fits on its later cohorts. Spark runs in this process
and is started before anything is measured. Writes FOLDER/candidates.json.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import psutil

from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.candidates.candidate import Engine, TrainingPart
from churn_assets.ml.candidates.registry import CANDIDATES
from churn_assets.ml.metrics.classification import Z_95, auc_interval, compare_auc
from churn_assets.ml.portable.transformation import Transformation
from churn_assets.ml.training.learner import Learner, training_part
from churn_assets.ml.training.split import temporal_split
from churn_assets.models.training_frame import mature_cohorts, training_frame
from churn_assets.months import month_end
from churn_assets.settings import Settings

ENGINES: tuple[Engine, ...] = get_args(Engine)
SEEDS = range(3)


def compare(trained_as_of: str) -> list[dict[str, Any]]:
    """Returns a line per candidate: AUC and CPU seconds of each engine, and the paired difference of the AUCs."""
    settings = Settings()
    lakehouse, business = Lakehouse(settings), load_business(settings.business_path)
    names, windows, how = [f.name for f in business.features], business.file.windows, business.file.training
    days = mature_cohorts(lakehouse, month_end(trained_as_of))
    split = temporal_split(days, windows.gap_days, windows.outcome_days, how.validation_cohorts)
    frame = training_frame(lakehouse, names, days, how.row_limit)
    taught = frame[frame["as_of_date"].isin(split.train)]
    judged = frame[frame["as_of_date"].isin([*split.validation, split.test])]
    transformation = Transformation.fit(taught, names)
    learner = Learner(names, how.seed, lambda: lakehouse.spark_with_mllib)
    lines = []
    with training_part(taught, transformation, learner) as part:
        part.spark.frame()  # starts Spark, and caches its copy of the rows
        for name, candidate in CANDIDATES.items():
            if candidate.engines == ENGINES:
                lines.append(_compared(name, part, transformation, judged))
    return lines


def _compared(
    name: str, part: TrainingPart, transformation: Transformation, judged: pd.DataFrame
) -> dict[str, Any]:
    """Returns the line of one candidate: means over SEEDS.

    The interval of the difference covers both chances: which customers are judged, and what a seed draws.
    """
    matrix, labels = transformation.transform(judged), judged["label"].to_numpy(np.float64)
    aucs: dict[Engine, list[float]] = {engine: [] for engine in ENGINES}
    cpu: dict[Engine, list[float]] = {engine: [] for engine in ENGINES}
    differences, halves = [], []
    for seed in SEEDS:
        scores = {}
        for engine in ENGINES:
            before = _cpu_seconds()
            scorer = CANDIDATES[name].fit(replace(part, engine=engine, seed=seed))
            cpu[engine].append(_cpu_seconds() - before)
            scores[engine] = scorer.probability(matrix)
            aucs[engine].append(auc_interval(labels, scores[engine])[0])
        found, low, high = compare_auc(labels, scores["local"], scores["spark"], judged["customer_key"])
        differences.append(found)
        halves.append((high - low) / 2)
    drawn = Z_95 * float(np.std(differences, ddof=1)) / len(SEEDS) ** 0.5
    half, mean = float(np.hypot(np.mean(halves), drawn)), float(np.mean(differences))
    return {
        "candidate": name,
        "churners": int(labels.sum()),
        "auc": {engine: float(np.mean(aucs[engine])) for engine in ENGINES},
        "cpu": {engine: float(np.mean(cpu[engine])) for engine in ENGINES},
        "difference": [mean, mean - half, mean + half],
    }


def _cpu_seconds() -> float:
    """CPU seconds of this process and its descendants so far, those that have ended included."""
    process = psutil.Process()
    return sum(sum(member.cpu_times()[:4]) for member in (process, *process.children(recursive=True)))


if __name__ == "__main__":
    folder, month = sys.argv[1:]
    Path(folder, "candidates.json").write_text(json.dumps(compare(month)))
