"""`python -m benchmarks.scoring prepare|churn_assets|scikit_learn FOLDER ROWS`: the parts of the scoring benchmark.

`prepare` draws ROWS snapshots from the lake of CHURN_HOME and fits one model. `churn_assets` scores them on Spark, with
reasons and deciles. `scikit_learn` runs `predict_proba` on the prepared matrix of the same rows.
"""

import pickle
import sys
from pathlib import Path

import numpy as np

from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.candidates.candidate import TrainingPart
from churn_assets.ml.candidates.histogram_boosting import HistogramBoosting, trees_of
from churn_assets.ml.candidates.spark_matrix import SparkMatrix
from churn_assets.ml.portable.model import PortableModel, Scorer
from churn_assets.ml.portable.transformation import Transformation
from churn_assets.scores.scoring import score_snapshots
from churn_assets.settings import Settings


def prepare(folder: Path, rows: int) -> None:
    """Writes snapshots, matrix and model to files in the folder."""
    settings = Settings()
    lakehouse, business = Lakehouse(settings), load_business(settings.business_path)
    snapshots = lakehouse.arrow(tables.CUSTOMER_SNAPSHOTS).to_pandas()
    keys = ["customer_key", "as_of_date"]
    labels = lakehouse.arrow(tables.CHURN_LABELS, [*keys, "label"]).to_pandas().dropna()
    known = snapshots.merge(labels, on=keys)
    transformation = Transformation.fit(known, [f.name for f in business.features])
    matrix, labels = transformation.transform(known), known["label"].to_numpy(np.float64)
    part = TrainingPart(matrix, labels, SparkMatrix(matrix, labels, lambda: lakehouse.spark), seed=0)
    learner = HistogramBoosting().learner(part).fit(matrix, labels)
    model = PortableModel("histogram_boosting", transformation, Scorer(trees_of(learner), "log_odds"))
    model.save(folder / "model")
    (folder / "learner.pickle").write_bytes(pickle.dumps(learner))
    drawn = snapshots.sample(rows, replace=True, random_state=0).reset_index(drop=True)
    drawn.to_parquet(folder / "snapshots.parquet", row_group_size=rows // 8)
    np.save(folder / "matrix.npy", transformation.transform(drawn))


def with_churn_assets(folder: Path, rows: int) -> None:
    """Computes scores, reasons, drivers and deciles on Spark; writes nothing."""
    settings = Settings()
    business = load_business(settings.business_path)
    snapshots = Lakehouse(settings).spark.read.parquet(str(folder / "snapshots.parquet"))
    scores = score_snapshots(snapshots, PortableModel.load(folder / "model"), "1", business.features)
    scores.write.format("noop").mode("overwrite").save()


def with_scikit_learn(folder: Path, rows: int) -> None:
    """Computes the probabilities only."""
    learner = pickle.loads((folder / "learner.pickle").read_bytes())  # noqa: S301 (ours, written above)
    assert learner.predict_proba(np.load(folder / "matrix.npy")).shape == (rows, 2)  # noqa: S101


if __name__ == "__main__":
    part, folder, rows = sys.argv[1:]
    {"prepare": prepare, "churn_assets": with_churn_assets, "scikit_learn": with_scikit_learn}[part](
        Path(folder), int(rows)
    )
