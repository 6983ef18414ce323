"""Every candidate: the portable arrays predict what the learner predicts, row by row."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from churn_assets.models.candidates import CANDIDATES, TrainingPart
from churn_assets.models.evaluation import auc_interval
from churn_assets.models.mllib import SparkMatrix
from churn_assets.models.portable import PortableModel
from churn_assets.models.transformation import Transformation
from churn_assets_tests.models.synthetic import FEATURES, training_frame

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FRAME = training_frame(customers=500)
FRESH = training_frame(customers=400, seed=7)


@pytest.fixture(scope="module")
def transformation() -> Transformation:
    return Transformation.fit(FRAME, FEATURES)


@pytest.fixture(scope="module")
def part(spark: "SparkSession", transformation: Transformation) -> Iterator[TrainingPart]:
    matrix, labels = transformation.transform(FRAME), FRAME["label"].to_numpy(np.float64)
    with SparkMatrix(matrix, labels, lambda: spark) as frame:
        yield TrainingPart(matrix, labels, frame, seed=3)


def fit_and_keep(
    name: str, part: TrainingPart, monkeypatch: pytest.MonkeyPatch
) -> tuple[PortableModel | Any, Any]:
    """The scorer and the learner's own fitted model."""
    kept: list[Any] = []
    if name == "histogram_boosting":
        from churn_assets.models import candidates

        original = candidates.trees_of
        monkeypatch.setattr(candidates, "trees_of", lambda fitted: kept.append(fitted) or original(fitted))
    elif name == "logistic_regression":
        from pyspark.ml import classification

        fit = classification.LogisticRegression.fit
        monkeypatch.setattr(
            classification.LogisticRegression,
            "fit",
            lambda self, data: kept.append(fit(self, data)) or kept[0],
        )
    else:
        read = part.spark.save_and_read
        monkeypatch.setattr(part.spark, "save_and_read", lambda model: kept.append(model) or read(model))
    return CANDIDATES[name].fit(part), kept[0]


@pytest.mark.parametrize("name", list(CANDIDATES))
def test_portable_scorer_matches_the_learner_and_finds_the_signal(
    name: str, part: TrainingPart, spark: "SparkSession", transformation: Transformation, monkeypatch: Any
) -> None:
    scorer, learner = fit_and_keep(name, part, monkeypatch)
    matrix, labels = transformation.transform(FRESH), FRESH["label"].to_numpy(np.float64)
    ours = scorer.probability(matrix)
    if name == "histogram_boosting":
        theirs = learner.predict_proba(matrix)[:, 1]
    else:
        with SparkMatrix(matrix, np.arange(len(matrix), dtype=np.float64), lambda: spark) as fresh:
            scored = learner.transform(fresh.frame()).toPandas().sort_values("label")
        column = "probability" if "probability" in scored else "prediction"
        theirs = np.array([value if np.isscalar(value) else value[1] for value in scored[column]])
    assert np.abs(ours - theirs).max() < 1e-12
    assert len(np.unique(ours)) > 4
    assert auc_interval(labels, ours)[0] > (0.70 if name == "decision_tree" else 0.73)
    model = PortableModel(name, transformation, scorer)
    contributions = model.contributions(FRESH.head(200))
    raw = model.score(FRESH.head(200))["raw"].to_numpy()
    log_odds = np.log(raw) - np.log1p(-raw)
    assert np.abs(contributions.sum(axis=1) + model.base_value() - log_odds).max() < 1e-6
    assert contributions["nothing"].abs().max() == 0
    strongest = contributions.abs().mean().idxmax()
    assert strongest == "usage__gb__trend"


def test_spark_frame_keeps_zeros_out(spark: "SparkSession") -> None:
    from pyspark.ml.linalg import SparseVector

    mostly_zero = np.eye(12)
    with SparkMatrix(mostly_zero, np.zeros(12), lambda: spark) as data:
        rows = data.frame().collect()
    assert all(isinstance(row["features"], SparseVector) for row in rows)
    assert np.array_equal(np.sum([row["features"].toArray() for row in rows], axis=0), np.ones(12))


def test_rare_churners_do_not_collapse_the_trees(spark: "SparkSession") -> None:
    frame = training_frame(customers=1500, base=-4.2)
    assert frame["label"].mean() < 0.08
    transformation = Transformation.fit(frame, FEATURES)
    matrix, labels = transformation.transform(frame), frame["label"].to_numpy(np.float64)
    with SparkMatrix(matrix, labels, lambda: spark) as data:
        scorer = CANDIDATES["decision_tree"].fit(TrainingPart(matrix, labels, data, seed=3))
    assert len(np.unique(scorer.probability(matrix))) > 4
