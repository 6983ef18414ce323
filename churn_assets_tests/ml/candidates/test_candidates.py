"""Every candidate: the portable arrays predict what the learner predicts, row by row."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits  # type: ignore[import-untyped]
from xgboost import DMatrix, XGBClassifier

from churn_assets.contracts.training import CandidateName
from churn_assets.ml.candidates import sklearn_trees
from churn_assets.ml.candidates.candidate import ROWS_FOR_SPARK, Engine, TrainingPart, engine_of
from churn_assets.ml.candidates.histogram_boosting import BaggedBoosting, HistogramBoosting
from churn_assets.ml.candidates.logistic_regression import LogisticRegression
from churn_assets.ml.candidates.neural_additive import NeuralAdditive
from churn_assets.ml.candidates.registry import CANDIDATES
from churn_assets.ml.candidates.spark_matrix import SparkMatrix
from churn_assets.ml.candidates.xgboost import ExtremeBoosting, trees_of
from churn_assets.ml.metrics.classification import auc_interval
from churn_assets.ml.portable.calibration import sigmoid
from churn_assets.ml.portable.model import Linear, PortableModel, Scorer
from churn_assets.ml.portable.transformation import Transformation
from churn_assets.ml.portable.trees import MOST_TREES, Trees, share_of_columns, tree_steps, trees_for
from churn_assets_tests.ml.synthetic import FEATURES, no_spark, training_frame

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


def test_churn_yaml_names_the_candidates_that_there_are() -> None:
    assert get_args(CandidateName) == tuple(CANDIDATES)


TREES = ["decision_tree", "random_forest", "gradient_boosted_trees"]
WHERE = {
    "spark": pytest.mark.jvm(reason="fits in Spark"),
    "local": pytest.mark.one_engine(reason="fits without an engine"),
}
EVERYWHERE = [
    pytest.param(name, engine, marks=WHERE[engine])
    for name, candidate in CANDIDATES.items()
    for engine in candidate.engines
    # scipy minimises for it, so there is no fitted learner; a test below compares it with Spark's
    if (name, engine) != ("logistic_regression", "local")
]


def fit_and_keep(
    name: str, part: TrainingPart, monkeypatch: pytest.MonkeyPatch
) -> tuple[PortableModel | Any, Any]:
    """The scorer and the learner's own fitted model, on the engine of the part."""
    kept: list[Any] = []
    if isinstance(CANDIDATES[name], ExtremeBoosting):
        from churn_assets.ml.candidates import xgboost as extreme

        translate = extreme.trees_of
        monkeypatch.setattr(extreme, "trees_of", lambda fitted: kept.append(fitted) or translate(fitted))
    elif part.engine == "local" and name in ("decision_tree", "random_forest"):
        translated = sklearn_trees.trees_of
        monkeypatch.setattr(
            sklearn_trees, "trees_of", lambda fitted: kept.append(fitted) or translated(fitted)
        )
    elif part.engine == "local" and name != "neural_additive":
        from churn_assets.ml.candidates import histogram_boosting as candidates

        original = candidates.trees_of
        monkeypatch.setattr(candidates, "trees_of", lambda fitted: kept.append(fitted) or original(fitted))
    elif name == "neural_additive":
        from churn_assets.ml.candidates import neural_additive as neural

        read_off = neural.curves_of
        monkeypatch.setattr(
            neural,
            "curves_of",
            lambda network, scale, matrix: kept.append((network, scale)) or read_off(network, scale, matrix),
        )
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
    candidate = BaggedBoosting(bags=2) if name == "bagged_boosting" else CANDIDATES[name]
    return candidate.fit(part), kept if name == "bagged_boosting" else kept[0]


@pytest.mark.parametrize(("name", "engine"), EVERYWHERE)
def test_portable_scorer_matches_the_learner_and_finds_the_signal(
    name: str,
    engine: Engine,
    part: TrainingPart,
    spark: "SparkSession",
    transformation: Transformation,
    monkeypatch: Any,
) -> None:
    scorer, learner = fit_and_keep(name, replace(part, engine=engine), monkeypatch)
    matrix, labels = transformation.transform(FRESH), FRESH["label"].to_numpy(np.float64)
    ours = scorer.probability(matrix)
    if isinstance(CANDIDATES[name], HistogramBoosting) or (name in TREES and engine == "local"):
        theirs = learner.predict_proba(matrix)[:, 1]
    elif isinstance(CANDIDATES[name], ExtremeBoosting):
        theirs = learner.predict(DMatrix(matrix))
        margins = learner.predict(DMatrix(matrix), output_margin=True)
        # float32 sums: relative to the largest, since a margin may be 0
        assert np.abs(scorer.predict(matrix) - margins).max() < 1e-6 * np.abs(margins).max()
    elif name == "neural_additive":
        network, scale = learner
        theirs = network.predict(scale.apply(matrix), verbose=0)[:, 0]
    elif name == "bagged_boosting":
        theirs = sigmoid(np.mean([member.decision_function(matrix) for member in learner], axis=0))
    else:
        with SparkMatrix(matrix, np.arange(len(matrix), dtype=np.float64), lambda: spark) as fresh:
            scored = learner.transform(fresh.frame()).toPandas().sort_values("label")
        column = "probability" if "probability" in scored else "prediction"
        theirs = np.array([value if np.isscalar(value) else value[1] for value in scored[column]])
    in_float32 = isinstance(CANDIDATES[name], ExtremeBoosting | NeuralAdditive)
    assert np.abs(ours - theirs).max() < (1e-6 if in_float32 else 1e-12)
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


@pytest.mark.jvm(reason="fits in Spark")
def test_spark_frame_keeps_zeros_out(spark: "SparkSession") -> None:
    from pyspark.ml.linalg import SparseVector

    mostly_zero = np.eye(12)
    with SparkMatrix(mostly_zero, np.zeros(12), lambda: spark) as data:
        rows = data.frame().collect()
    assert all(isinstance(row["features"], SparseVector) for row in rows)
    assert np.array_equal(np.sum([row["features"].toArray() for row in rows], axis=0), np.ones(12))


@pytest.mark.jvm(reason="fits in Spark")
@pytest.mark.parametrize("engine", ["local", "spark"])
def test_rare_churners_do_not_collapse_the_trees(spark: "SparkSession", engine: Engine) -> None:
    frame = training_frame(customers=1500, base=-4.2)
    assert frame["label"].mean() < 0.08
    transformation = Transformation.fit(frame, FEATURES)
    matrix, labels = transformation.transform(frame), frame["label"].to_numpy(np.float64)
    with SparkMatrix(matrix, labels, lambda: spark) as data:
        scorer = CANDIDATES["decision_tree"].fit(TrainingPart(matrix, labels, data, seed=3, engine=engine))
    assert len(np.unique(scorer.probability(matrix))) > 4


def test_values_at_a_threshold_go_where_xgboost_sends_them() -> None:
    """Values in and around the gap between a threshold and the float32 before it, its middle included."""
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(size=300), rng.normal(size=300) * 1e6, np.zeros(50), np.arange(50.0)])
    labels = (rng.random(700) < sigmoid(np.sin(values))).astype(float)
    booster = XGBClassifier(n_estimators=40, max_depth=3, n_jobs=1).fit(values[:, None], labels).get_booster()
    trees = trees_of(booster)
    asked = np.unique(trees.threshold[trees.column == 0])
    single = asked.astype(np.float32)
    near = [np.nextafter(single, np.float32(side * np.inf)).astype(np.float64) for side in (-1, 1)]
    floats = [
        asked,
        np.nextafter(asked, np.inf),
        np.nextafter(asked, -np.inf),
        single.astype(np.float64),
        *near,
    ]
    matrix = np.concatenate([*floats, *((single + at) / 2 for at in near), values])[:, None]
    assert len(asked) > 50
    margins = booster.predict(DMatrix(matrix), output_margin=True)
    assert np.abs(trees.predict(matrix) - margins).max() < 1e-6 * np.abs(margins).max()


def test_contributions_are_those_of_xgboost(part: TrainingPart, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer, booster = fit_and_keep("extreme_boosting", part, monkeypatch)
    theirs = booster.predict(DMatrix(part.matrix[:200]), pred_contribs=True)
    ours = scorer.contributions(part.matrix[:200], np.arange(part.matrix.shape[1]))
    assert np.abs(ours - theirs[:, :-1]).max() < 1e-5
    assert scorer.expected() == pytest.approx(theirs[0, -1], abs=1e-5)


def test_a_small_fit_leaves_the_other_cores_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def threads() -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"]

    seen: list[int] = []
    fit = XGBClassifier.fit

    def watched(*words: Any, **more: Any) -> XGBClassifier:
        seen.extend(threads())
        return fit(*words, **more)

    monkeypatch.setattr(XGBClassifier, "fit", watched)
    matrix = np.random.default_rng(0).normal(size=(200, 3))
    labels = (matrix[:, 0] > 0).astype(np.float64)
    with threadpool_limits(2, user_api="openmp"):
        ExtremeBoosting(growth=0.5).fit(
            TrainingPart(matrix, labels, SparkMatrix(matrix, labels, no_spark), seed=1)
        )
        assert set(seen) == {1} and set(threads()) == {2}


@pytest.mark.jvm(reason="fits in Spark")
def test_on_spark_extreme_boosting_learns_what_it_learns_here(part: TrainingPart) -> None:
    here, there = (
        CANDIDATES["extreme_boosting"].fit(replace(part, engine=engine)) for engine in ("local", "spark")
    )
    matrix, labels = part.matrix, part.labels
    aucs = [auc_interval(labels, scorer.probability(matrix))[0] for scorer in (here, there)]
    assert aucs[1] == pytest.approx(aucs[0], abs=0.005)
    assert np.corrcoef(here.predict(matrix), there.predict(matrix))[0, 1] > 0.99


@pytest.mark.jvm(reason="fits in Spark")
@pytest.mark.parametrize(("strength", "l1_share"), [(0.005, 0.2), (0.02, 1.0), (0.001, 0.0)])
def test_logistic_regression_is_the_same_here_and_on_spark(
    part: TrainingPart, strength: float, l1_share: float
) -> None:
    candidate = LogisticRegression(strength, l1_share)
    here, there = (candidate.fit(replace(part, engine=engine)).form for engine in ("local", "spark"))
    spread = part.matrix.std(axis=0)
    assert np.abs((here.coefficients - there.coefficients) * spread).max() < 2e-3
    assert np.abs(here.predict(part.matrix) - there.predict(part.matrix)).max() < 0.02
    assert np.array_equal(here.coefficients == 0, there.coefficients == 0)
    assert (here.coefficients == 0).any() or l1_share == 0


@pytest.mark.parametrize(
    ("name", "wanted", "rows", "engine"),
    [
        ("extreme_boosting", "auto", ROWS_FOR_SPARK - 1, "local"),
        ("extreme_boosting", "auto", ROWS_FOR_SPARK, "spark"),
        ("extreme_boosting", "spark", 10, "spark"),
        ("extreme_boosting", "local", 10**9, "local"),
        ("random_forest", "local", 10**9, "local"),
        ("random_forest", "auto", 10, "local"),
        ("decision_tree", "auto", ROWS_FOR_SPARK, "spark"),
        ("gradient_boosted_trees", "spark", 10, "spark"),
        ("histogram_boosting", "spark", 10**9, "local"),
    ],
)
def test_where_a_candidate_is_fitted(name: str, wanted: Any, rows: int, engine: str) -> None:
    assert engine_of(CANDIDATES[name], wanted, rows) == engine


def test_bags_draw_customers_with_all_their_rows(part: TrainingPart, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every bag holds each drawn customer's cohorts together, about 63 % of all customers, and no bag is another."""
    bags: list[np.ndarray] = []
    numbered = part.matrix.copy()
    numbered[:, 0] = np.arange(len(numbered))
    customers = np.tile(np.arange(500), len(numbered) // 500)

    def keep(self: Any, sample: TrainingPart) -> Scorer:
        bags.append(sample.matrix[:, 0].astype(int))
        return Scorer(Linear(np.zeros(1), 0.0, np.zeros(1)), "log_odds")

    monkeypatch.setattr(HistogramBoosting, "fit", keep)
    BaggedBoosting(bags=4).fit(replace(part, matrix=numbered, customers=customers))
    for rows in bags:
        times = np.bincount(rows, minlength=len(numbered))
        per_customer = times.reshape(-1, 500)
        assert (per_customer == per_customer[0]).all() and len(rows) == len(numbered)
        assert 0.55 < (per_customer[0] > 0).mean() < 0.71
    assert len({rows.tobytes() for rows in bags}) == 4


@pytest.mark.parametrize(
    ("churners", "others", "trees"), [(100, 900, 120), (400, 9600, 240), (900, 100, 120), (0, 10, 1)]
)
def test_boosting_grows_what_the_rarer_outcome_can_teach(churners: int, others: int, trees: int) -> None:
    assert trees_for(np.repeat([1.0, 0.0], [churners, others]), 12.0) == trees


@pytest.mark.parametrize(("churners", "steps"), [(3_600, (960, 0.05)), (10_000, (MOST_TREES, 0.08))])
def test_many_churners_get_larger_steps_instead_of_more_trees(
    churners: int, steps: tuple[int, float]
) -> None:
    assert tree_steps(np.repeat([1.0, 0.0], [churners, 20_000]), 16.0, 0.05) == pytest.approx(steps)


@pytest.mark.parametrize("name", ["histogram_boosting", "extreme_boosting"])
def test_boosting_grows_with_the_churners(name: str, part: TrainingPart) -> None:
    for rows in (1000, 2000):
        few = replace(part, matrix=part.matrix[:rows], labels=part.labels[:rows])
        form = CANDIDATES[name].fit(few).form
        assert isinstance(form, Trees) and len(form.roots) == trees_for(few.labels, 16.0)


def test_a_question_has_a_share_of_the_columns_to_choose_from_but_some_at_the_least() -> None:
    assert [share_of_columns(np.zeros((1, n)), 0.2) for n in (80, 16, 4)] == [0.2, 0.5, 1.0]


@pytest.mark.parametrize("name", ["histogram_boosting", "extreme_boosting"])
def test_columns_that_tell_the_same_all_have_their_say(name: str, part: TrainingPart) -> None:
    """Forty times the same column: chosen among all of them it is always the first, chosen among a few any of them."""
    same = replace(part, matrix=np.repeat(part.matrix[:, [1]], 40, axis=1))
    asked = {}
    for columns in (0.2, 1.0):
        form = replace(CANDIDATES[name], columns=columns).fit(same).form
        assert isinstance(form, Trees)
        asked[columns] = len(set(form.column[form.roots]))
    assert asked[1.0] == 1 and asked[0.2] > 15
