"""`python -m benchmarks.training prepare|churn_assets|mllib FOLDER [ROWS MONTH]`: the training benchmark.

`prepare` reads the labelled snapshots of the lake of CHURN_HOME that had matured by the end of MONTH, and draws
customers, each with all cohorts, until there are ROWS rows; the last cohort is the test and is not drawn from.
`churn_assets` trains this project's candidates. `mllib` searches similar models with MLlib's CrossValidator in the
usual way: 3 folds, 4 settings each, one evaluator. Both write the AUC on the test cohort to FOLDER/<part>.auc.
"""

import pickle
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.portable.transformation import Transformation
from churn_assets.ml.training.settings import TrainingSettings
from churn_assets.ml.training.split import Split, temporal_split
from churn_assets.ml.training.train import train
from churn_assets.models.training_frame import mature_cohorts, training_frame
from churn_assets.months import month_end
from churn_assets.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def prepare(folder: Path, rows: int, trained_as_of: str) -> None:
    """Writes the rows with names and split to one file, and the same rows as matrices for MLlib."""
    settings = Settings()
    lakehouse, business = Lakehouse(settings), load_business(settings.business_path)
    names, windows = [f.name for f in business.features], business.file.windows
    days = mature_cohorts(lakehouse, month_end(trained_as_of))
    split = temporal_split(
        days, windows.gap_days, windows.outcome_days, business.file.training.validation_cohorts
    )
    frame = training_frame(lakehouse, names, days, sys.maxsize)
    test = frame[frame["as_of_date"] == split.test]
    earlier = _drawn(frame[frame["as_of_date"].isin([*split.train, *split.validation])], rows)
    (folder / "rows.pickle").write_bytes(pickle.dumps((pd.concat([earlier, test]), names, split)))
    transformation = Transformation.fit(earlier, names)
    for name, part in (("earlier", earlier), ("test", test)):
        matrix = pd.DataFrame({"values": list(transformation.transform(part)), "label": part["label"]})
        matrix.astype({"label": "float64"}).to_parquet(folder / f"{name}.parquet", row_group_size=25_000)


def _drawn(frame: pd.DataFrame, rows: int) -> pd.DataFrame:
    """Draws customers with replacement; each draw has its own key."""
    by_customer = list(frame.groupby("customer_key", sort=False).indices.values())
    rng, at, keys, total = np.random.default_rng(0), [], [], 0
    while total < rows:
        drawn = by_customer[rng.integers(len(by_customer))]
        at.append(drawn)
        keys += [f"draw {len(at)}"] * len(drawn)
        total += len(drawn)
    return frame.iloc[np.concatenate(at)].assign(customer_key=keys).head(rows)


def with_churn_assets(folder: Path) -> None:
    """Trains as the asset graph does, with the candidates of the business."""
    frame, names, split = pickle.loads((folder / "rows.pickle").read_bytes())  # noqa: S301 (ours, written above)
    assert isinstance(split, Split)  # noqa: S101
    settings = Settings()
    wanted = load_business(settings.business_path).file.training
    how = TrainingSettings(
        tuple(wanted.candidates),
        wanted.seed,
        memory_cohorts=tuple(wanted.memory_cohorts),
        engine=wanted.engine,
    )
    lakehouse = Lakehouse(settings)
    result = train(frame, names, split, how, lambda: lakehouse.spark, print)
    (folder / "churn_assets.auc").write_text(str(result.test.auc))


def with_mllib(folder: Path) -> None:
    """Runs CrossValidator per kind of model, around its defaults; tests the model that is best on the folds."""
    from pyspark.ml.classification import (
        DecisionTreeClassifier,
        GBTClassifier,
        LogisticRegression,
        RandomForestClassifier,
    )
    from pyspark.ml.evaluation import BinaryClassificationEvaluator
    from pyspark.ml.tuning import CrossValidator, ParamGridBuilder
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.master("local[*]").config("spark.driver.memory", "6g").getOrCreate()
    earlier = _vectors(spark, folder / "earlier.parquet").cache()
    test = _vectors(spark, folder / "test.parquet")
    evaluator = BinaryClassificationEvaluator()
    grids: list[tuple[Any, dict[str, list[float]]]] = [
        (LogisticRegression(), {"regParam": [0.001, 0.01], "elasticNetParam": [0.0, 0.5]}),
        (DecisionTreeClassifier(), {"maxDepth": [4, 6], "minInstancesPerNode": [50, 200]}),
        (RandomForestClassifier(), {"maxDepth": [5, 8], "numTrees": [20, 50]}),
        (GBTClassifier(), {"maxDepth": [3, 5], "maxIter": [20, 50]}),
    ]
    best = None
    for learner, settings in grids:
        grid = ParamGridBuilder()
        for name, values in settings.items():
            grid = grid.addGrid(learner.getParam(name), values)
        search = CrossValidator(
            estimator=learner, estimatorParamMaps=grid.build(), evaluator=evaluator, numFolds=3, seed=0
        )
        fitted = search.fit(earlier)
        print(type(learner).__name__, max(fitted.avgMetrics), flush=True)
        if best is None or max(fitted.avgMetrics) > max(best.avgMetrics):
            best = fitted
    (folder / "mllib.auc").write_text(str(evaluator.evaluate(best.transform(test))))


def _vectors(spark: "SparkSession", file: Path) -> "DataFrame":
    from pyspark.ml.functions import array_to_vector

    stored = spark.read.parquet(str(file))
    return stored.select(array_to_vector("values").alias("features"), "label")


if __name__ == "__main__":
    part, folder, *more = sys.argv[1:]
    match part:
        case "prepare":
            prepare(Path(folder), int(more[0]), more[1])
        case "churn_assets":
            with_churn_assets(Path(folder))
        case "mllib":
            with_mllib(Path(folder))
