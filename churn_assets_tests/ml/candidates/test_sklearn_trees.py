"""The trees of scikit-learn: the arrays answer what scikit-learn answers, and the settings mean what MLlib means."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from churn_assets.ml.candidates import candidate as interface
from churn_assets.ml.candidates.candidate import TrainingPart
from churn_assets.ml.candidates.decision_trees import DecisionTree, GradientBoostedTrees, RandomForest
from churn_assets.ml.candidates.sklearn_trees import trees_of
from churn_assets.ml.candidates.spark_matrix import SparkMatrix
from churn_assets.ml.portable.calibration import logit, sigmoid
from churn_assets.ml.portable.model import Scorer
from churn_assets.ml.portable.trees import LEAF, Trees
from churn_assets_tests.ml.synthetic import no_spark

pytestmark = pytest.mark.one_python(reason="fits models, mostly in scikit-learn")

RNG = np.random.default_rng(11)
# a slope, whole numbers with ties, values that only float64 tells apart, a rare flag
MATRIX = np.column_stack(
    [
        RNG.normal(size=4000),
        RNG.integers(0, 6, size=4000).astype(float),
        1e6 + RNG.normal(size=4000) / 50,
        (RNG.random(4000) < 0.05).astype(float),
    ]
)
LABELS = (RNG.random(4000) < sigmoid(-2.5 + MATRIX[:, 0] + 0.3 * MATRIX[:, 1] + 2 * MATRIX[:, 3])).astype(
    float
)
KINDS = [DecisionTree(), RandomForest(), GradientBoostedTrees()]


def part_of(matrix: NDArray[np.float64] = MATRIX, labels: NDArray[np.float64] = LABELS) -> TrainingPart:
    return TrainingPart(matrix, labels, SparkMatrix(matrix, labels, no_spark), seed=3)


def fitted(kind: Any, monkeypatch: pytest.MonkeyPatch, part: TrainingPart) -> tuple[Scorer, Any]:
    """The scorer, and scikit-learn's classifier."""
    kept: list[Any] = []
    for learner in (DecisionTreeClassifier, RandomForestClassifier, HistGradientBoostingClassifier):
        fit = learner.fit
        monkeypatch.setattr(
            learner, "fit", lambda self, *rows, fit=fit: kept.append(self) or fit(self, *rows)
        )
    return kind.fit(part), kept[0]


def near_the_thresholds(trees: Trees) -> NDArray[np.float64]:
    """Rows with values at and around the thresholds: neighbours in float64, and in float32 with their middles."""
    rows = []
    for column, threshold in zip(trees.column, trees.threshold, strict=True):
        if column < 0:
            continue
        single = np.float32(threshold)
        around = [np.nextafter(single, np.float32(side * np.inf)) for side in (-1, 1)]
        values = [threshold, np.nextafter(threshold, np.inf), np.nextafter(threshold, -np.inf), float(single)]
        values += [float(side) for side in around] + [(float(single) + float(side)) / 2 for side in around]
        block = np.repeat(np.median(MATRIX, axis=0)[None], len(values), axis=0)
        block[:, column] = values
        rows.append(block)
    return np.concatenate(rows)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: type(kind).__name__)
def test_probabilities_are_those_of_scikit_learn_at_any_value(kind: Any, monkeypatch: Any) -> None:
    scorer, learner = fitted(kind, monkeypatch, part_of())
    assert isinstance(scorer.form, Trees) and len(scorer.form.roots) == getattr(kind, "trees", 1)
    matrix = np.concatenate([MATRIX, near_the_thresholds(scorer.form)])
    assert np.abs(scorer.probability(matrix) - learner.predict_proba(matrix)[:, 1]).max() < 1e-12


def shapley(worth: Callable[[frozenset[int]], float], players: int) -> NDArray[np.float64]:
    result = np.zeros(players)
    for player in range(players):
        rest = [other for other in range(players) if other != player]
        for size in range(players):
            weight = factorial(size) * factorial(players - 1 - size) / factorial(players)
            for known in map(frozenset, combinations(rest, size)):
                result[player] += weight * (worth(known | {player}) - worth(known))
    return result


def expected_probability(tree: Any, row: NDArray[np.float64], known: frozenset[int], node: int = 0) -> float:
    """Probability of scikit-learn's own tree if only the known columns are asked; others go both ways by weight."""
    left, right = tree.children_left[node], tree.children_right[node]
    if left < 0:
        return float(tree.value[node, 0, 1])
    if tree.feature[node] in known:
        goes = left if np.float32(row[tree.feature[node]]) <= tree.threshold[node] else right
        return expected_probability(tree, row, known, goes)
    weights = tree.weighted_n_node_samples
    return sum(
        expected_probability(tree, row, known, child) * float(weights[child] / weights[node])
        for child in (left, right)
    )


@pytest.mark.parametrize(
    "kind", [DecisionTree(), RandomForest(trees=5)], ids=lambda kind: type(kind).__name__
)
def test_reasons_are_the_shapley_values_of_scikit_learns_trees(kind: Any, monkeypatch: Any) -> None:
    scorer, learner = fitted(kind, monkeypatch, part_of())
    members = [member.tree_ for member in getattr(learner, "estimators_", [learner])]
    rows = MATRIX[:12]
    ours = scorer.form.contributions(rows, np.arange(4))
    for row, found in zip(rows, ours, strict=True):

        def worth(known: frozenset[int], row: NDArray[np.float64] = row) -> float:
            return float(np.mean([expected_probability(tree, row, known) for tree in members]))

        assert np.abs(found - shapley(worth, 4)).max() < 1e-9
        assert scorer.form.expected() == pytest.approx(worth(frozenset()), abs=1e-9)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: type(kind).__name__)
def test_reasons_add_up_to_the_log_odds_of_scikit_learns_probability(kind: Any, monkeypatch: Any) -> None:
    scorer, learner = fitted(kind, monkeypatch, part_of())
    added = scorer.contributions(MATRIX, np.arange(4)).sum(axis=1) + scorer.expected()
    assert np.abs(added - logit(learner.predict_proba(MATRIX)[:, 1])).max() < 1e-9


def test_leaves_hold_as_many_rows_as_demanded() -> None:
    """A forest counts draws as MLlib does: a row that is drawn twice counts twice."""
    for kind in (
        DecisionTree(leaf_rows=300),
        RandomForest(leaf_rows=300),
        GradientBoostedTrees(leaf_rows=300),
    ):
        form = kind.fit(part_of()).form
        assert isinstance(form, Trees)
        assert 300 <= form.cover[form.column < 0].min() < 450


def test_a_forest_draws_its_share_of_the_rows() -> None:
    form = RandomForest(rows=0.5).fit(part_of()).form
    assert isinstance(form, Trees)
    assert form.cover[form.roots].tolist() == [2000.0] * 30


def levels(trees: Trees) -> int:
    at, count = trees.roots, 0
    while (inner := at[trees.column[at] != LEAF]).size:
        at, count = np.concatenate([trees.left[inner], trees.right[inner]]), count + 1
    return count


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: type(kind).__name__)
def test_depth_bounds_the_levels_of_splits(kind: Any) -> None:
    form = replace(kind, depth=2, leaf_rows=10).fit(part_of()).form
    assert levels(form) == 2


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: type(kind).__name__)
def test_rows_that_teach_nothing_all_get_the_mean(kind: Any) -> None:
    """Fewer rows than a leaf demands, and a column without values to tell apart: no split, and no error."""
    labels = np.repeat([0.0, 1.0], [30, 10])
    flat = kind.fit(part_of(np.full((40, 2), 7.0), labels)).probability(np.full((3, 2), 7.0))
    assert flat == pytest.approx(np.full(3, 0.25), abs=0.25 if isinstance(kind, RandomForest) else 1e-9)
    assert len(set(flat)) == 1


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: type(kind).__name__)
def test_the_same_seed_gives_the_same_trees_on_one_thread_and_on_all(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = kind.fit(part_of()).probability(MATRIX)
    assert np.array_equal(kind.fit(part_of()).probability(MATRIX), one)
    monkeypatch.setattr(interface, "ROWS_FOR_THREADS", 1)
    assert part_of().threads is None
    with threadpool_limits(2, user_api="openmp"):
        assert np.array_equal(kind.fit(part_of()).probability(MATRIX), one)
    if isinstance(kind, RandomForest):
        assert not np.array_equal(kind.fit(replace(part_of(), seed=4)).probability(MATRIX), one)


def test_small_fits_take_one_thread_and_large_ones_all(monkeypatch: pytest.MonkeyPatch) -> None:
    for rows, jobs in ((interface.ROWS_FOR_THREADS, 1), (len(MATRIX), -1)):
        with monkeypatch.context() as patched:
            patched.setattr(interface, "ROWS_FOR_THREADS", rows)
            _, forest = fitted(RandomForest(), patched, part_of())
        assert forest.n_jobs == jobs


def test_arrays_are_made_from_a_tree_without_a_split() -> None:
    alone = DecisionTreeClassifier(max_depth=1, min_samples_leaf=3000).fit(MATRIX, LABELS)
    assert trees_of(alone).predict(MATRIX[:2]) == pytest.approx(np.full(2, LABELS.mean()))
