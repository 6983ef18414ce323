"""`python -m benchmarks.scoring PART FOLDER ROWS`: the parts of the scoring benchmark.

`prepare` draws ROWS snapshots from the lake of CHURN_HOME and fits a shallow and a deep model. `churn_assets` scores
the snapshots on Spark by the shallow model, with reasons and deciles; `scikit_learn` runs `predict_proba` on the
prepared matrix of the same rows. `churn_assets_deep` and `scikit_learn_deep` do the same with the deep model. `row`
measures a single row by the deep model: its probability, reasons in words and driver, from the values of a request.
"""

import json
import pickle
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.candidates.candidate import TrainingPart
from churn_assets.ml.candidates.histogram_boosting import HistogramBoosting, trees_of
from churn_assets.ml.candidates.registry import CANDIDATES
from churn_assets.ml.candidates.spark_matrix import SparkMatrix
from churn_assets.ml.portable.model import PortableModel, Scorer
from churn_assets.ml.portable.reasons_in_words import Wording
from churn_assets.ml.portable.scored import typical_values
from churn_assets.ml.portable.transformation import Transformation, columns_of
from churn_assets.scores.scoring import score_snapshots
from churn_assets.settings import Settings

MODELS = ("histogram_boosting", "deep_histogram_boosting")
ROWS_ALONE = 200


def prepare(folder: Path, rows: int) -> None:
    """Writes snapshots, matrix and models to files in the folder."""
    settings = Settings()
    lakehouse, business = Lakehouse(settings), load_business(settings.business_path)
    snapshots = lakehouse.arrow(tables.CUSTOMER_SNAPSHOTS).to_pandas()
    keys = ["customer_key", "as_of_date"]
    labels = lakehouse.arrow(tables.CHURN_LABELS, [*keys, "label"]).to_pandas().dropna()
    known = snapshots.merge(labels, on=keys)
    transformation = Transformation.fit(known, [f.name for f in business.features])
    matrix, labels = transformation.transform(known), known["label"].to_numpy(np.float64)
    part = TrainingPart(matrix, labels, SparkMatrix(matrix, labels, lambda: lakehouse.spark), seed=0)
    for name in MODELS:
        candidate = CANDIDATES[name]
        assert isinstance(candidate, HistogramBoosting)  # noqa: S101 (tells the type)
        learner = candidate.learner(part).fit(matrix, labels)
        PortableModel(name, transformation, Scorer(trees_of(learner), "log_odds")).save(folder / name)
        (folder / f"{name}.pickle").write_bytes(pickle.dumps(learner))
    drawn = snapshots.sample(rows, replace=True, random_state=0).reset_index(drop=True)
    drawn.to_parquet(folder / "snapshots.parquet", row_group_size=rows // 8)
    np.save(folder / "matrix.npy", transformation.transform(drawn))


def with_churn_assets(folder: Path, name: str) -> None:
    """Computes scores, reasons, drivers and deciles on Spark; writes nothing."""
    settings = Settings()
    business = load_business(settings.business_path)
    snapshots = Lakehouse(settings).spark.read.parquet(str(folder / "snapshots.parquet"))
    scores = score_snapshots(snapshots, PortableModel.load(folder / name), "1", business.features)
    scores.write.format("noop").mode("overwrite").save()


def with_scikit_learn(folder: Path, name: str, rows: int) -> None:
    """Computes the probabilities only."""
    learner = pickle.loads((folder / f"{name}.pickle").read_bytes())  # noqa: S301 (ours, written above)
    assert learner.predict_proba(np.load(folder / "matrix.npy")).shape == (rows, 2)  # noqa: S101


def single_rows(folder: Path, name: str) -> None:
    """Writes the median of the milliseconds that one row takes, from its values to its words, to `row.json`."""
    model, features = PortableModel.load(folder / name), load_business(Settings().business_path).features
    names, spent = model.transformation.features, []
    wording = Wording(names, features, typical_values(model))
    drawn = next(pq.ParquetFile(folder / "snapshots.parquet").iter_batches(ROWS_ALONE, columns=names))
    for row in drawn.to_pylist():
        started = time.perf_counter()
        columns = columns_of(model.transformation, [row])
        found = model.evaluate(columns, 1)
        wording.reasons(columns, found.contributions)
        wording.drivers(found.contributions)
        spent.append(1000 * (time.perf_counter() - started))
    (folder / "row.json").write_text(json.dumps(statistics.median(spent)))


if __name__ == "__main__":
    part, folder, rows = sys.argv[1:]
    model = MODELS[part.endswith("_deep") or part == "row"]
    match part.removesuffix("_deep"):
        case "prepare":
            prepare(Path(folder), int(rows))
        case "churn_assets":
            with_churn_assets(Path(folder), model)
        case "scikit_learn":
            with_scikit_learn(Path(folder), model, int(rows))
        case "row":
            single_rows(Path(folder), model)
