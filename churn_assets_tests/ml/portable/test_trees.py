"""Tree arrays: prediction and Shapley values against brute force over all coalitions."""

from itertools import combinations
from math import factorial

import numpy as np
import pytest
from numpy.typing import NDArray

from churn_assets.ml.portable.conditions import MOST_CONDITIONS
from churn_assets.ml.portable.trees import LEAF, Trees


def random_tree(rng: np.random.Generator, columns: int, depth: int) -> Trees:
    nodes: list[dict[str, float]] = []

    def grow(level: int, cover: float) -> int:
        at = len(nodes)
        nodes.append(
            {"column": LEAF, "threshold": 0.0, "left": LEAF, "right": LEAF, "value": 0.0, "cover": cover}
        )
        if level == depth or (level > 0 and rng.random() < 0.2):
            nodes[at]["value"] = rng.normal()
        else:
            share = rng.uniform(0.1, 0.9)
            nodes[at] |= {"column": int(rng.integers(columns)), "threshold": rng.normal()}
            nodes[at]["left"] = grow(level + 1, cover * share)
            nodes[at]["right"] = grow(level + 1, cover * (1 - share))
        return at

    grow(0, 1000.0)
    whole = {name: np.array([int(node[name]) for node in nodes]) for name in ("column", "left", "right")}
    real = {name: np.array([float(node[name]) for node in nodes]) for name in ("threshold", "value", "cover")}
    return Trees(roots=np.array([0]), **whole, **real)


def chain(length: int) -> Trees:
    """A tree whose left children are all leaves, each split by a column of its own."""
    inner, leaves = np.arange(length), np.arange(length + 1)
    none = np.full(length + 1, LEAF)
    return Trees(
        roots=np.array([0]),
        column=np.concatenate([inner, none]),
        threshold=np.zeros(2 * length + 1),
        left=np.concatenate([length + inner, none]),
        right=np.concatenate([inner[1:], [2 * length], none]),
        value=np.concatenate([np.zeros(length), leaves + 1.0]),
        cover=np.concatenate([length + 1.0 - inner, np.ones(length + 1)]),
    )


def known_value(trees: Trees, row: NDArray[np.float64], known: set[int], node: int) -> float:
    """Prediction when only the known columns may be asked; the others go both ways by cover."""
    if trees.column[node] == LEAF:
        return float(trees.value[node])
    left, right = int(trees.left[node]), int(trees.right[node])
    if int(trees.column[node]) in known:
        goes = left if row[trees.column[node]] <= trees.threshold[node] else right
        return known_value(trees, row, known, goes)
    return sum(
        known_value(trees, row, known, child) * float(trees.cover[child] / trees.cover[node])
        for child in (left, right)
    )


def brute_force(trees: Trees, row: NDArray[np.float64]) -> NDArray[np.float64]:
    columns = range(len(row))

    def worth(known: set[int]) -> float:
        return sum(known_value(trees, row, known, int(root)) for root in trees.roots)

    result = np.zeros(len(row))
    for column in columns:
        rest = [other for other in columns if other != column]
        for size in range(len(rest) + 1):
            weight = factorial(size) * factorial(len(rest) - size) / factorial(len(row))
            for coalition in combinations(rest, size):
                result[column] += weight * (worth({*coalition, column}) - worth(set(coalition)))
    return result


@pytest.mark.parametrize("seed", range(5))
def test_contributions_are_the_shapley_values(seed: int) -> None:
    rng = np.random.default_rng(seed)
    # the last one has leaves with more conditions than a table holds
    trees = Trees.join([random_tree(rng, 4, depth) for depth in (1, 3, 5, 9)], start=0.3)
    matrix = rng.normal(size=(6, 4))
    expected = np.array([brute_force(trees, row) for row in matrix])
    assert np.allclose(trees.contributions(matrix), expected, atol=1e-12)
    summed = trees.contributions(matrix, np.array([0, 1, 1, 0]))
    assert np.allclose(summed, np.column_stack([expected[:, [0, 3]].sum(1), expected[:, [1, 2]].sum(1)]))


def test_contributions_add_up() -> None:
    rng = np.random.default_rng(1)
    trees = Trees.join([random_tree(rng, 10, 6) for _ in range(20)], start=-2.0)
    matrix = rng.normal(size=(200, 10))
    total = trees.contributions(matrix).sum(axis=1)
    assert np.abs(trees.expected() + total - trees.predict(matrix)).max() < 1e-9


def test_deep_trees_are_cut_into_small_tables_and_chains_are_computed() -> None:
    rng = np.random.default_rng(2)
    bushy = Trees.join([random_tree(rng, 30, 6) for _ in range(20)])
    assert not bushy._shapley.wide.value.size
    assert bushy._shapley.values.size < 2**MOST_CONDITIONS * len(bushy._shapley.entry_column)
    chains = Trees.join([random_tree(rng, 30, 12), bushy])
    assert chains._shapley.wide.value.size
    for trees in (bushy, chains):
        matrix = rng.normal(size=(700, 30))
        assert (
            np.abs(trees.expected() + trees.contributions(matrix).sum(axis=1) - trees.predict(matrix)).max()
            < 1e-9
        )


@pytest.mark.parametrize("rows", [0, 50, 600])
def test_predictions_after_some_trees_are_those_of_the_shorter_ensemble(rows: int) -> None:
    """To the last bit, for few rows and for many."""
    rng = np.random.default_rng(3)
    grown = [random_tree(rng, 5, depth) for depth in (2, 6, 1, 4)]
    matrix = rng.normal(size=(rows, 5))
    after = Trees.join(grown, start=0.5).predictions_after(matrix, [4, 1, 2])
    for count, found in zip([4, 1, 2], after, strict=True):
        assert np.array_equal(found, Trees.join(grown[:count], start=0.5).predict(matrix))


def test_single_leaf_tree_predicts_its_value() -> None:
    leaf = random_tree(np.random.default_rng(0), 2, 0)
    matrix = np.zeros((3, 2))
    assert np.allclose(leaf.predict(matrix), leaf.value[0])
    assert leaf.expected() == pytest.approx(leaf.value[0])
    assert not leaf.contributions(matrix).any()


@pytest.mark.parametrize("kind", ["walked", "single leaves", "chains"])
def test_many_rows_of_trees_that_have_no_table(kind: str) -> None:
    rng = np.random.default_rng(4)
    leaf = random_tree(rng, 2, 0)
    grown = {"walked": random_tree(rng, 30, 8), "single leaves": leaf, "chains": chain(2 * MOST_CONDITIONS)}[
        kind
    ]
    trees, matrix = Trees.join([grown, grown], start=0.5), rng.normal(size=(600, 30))
    few = np.concatenate([trees.predict(matrix[:300]), trees.predict(matrix[300:])])
    assert np.array_equal(trees.predict(matrix), few)
    explained = trees.expected() + trees.contributions(matrix).sum(axis=1)
    assert np.abs(explained - trees.predict(matrix)).max() < 1e-9


def test_threshold_itself_goes_left() -> None:
    stump = Trees(
        roots=np.array([0]),
        column=np.array([0, LEAF, LEAF]),
        threshold=np.array([0.5, 0.0, 0.0]),
        left=np.array([1, LEAF, LEAF]),
        right=np.array([2, LEAF, LEAF]),
        value=np.array([0.0, -1.0, 1.0]),
        cover=np.array([2.0, 1.0, 1.0]),
    )
    assert stump.predict(np.array([[0.5], [0.50000001]])).tolist() == [-1.0, 1.0]


def test_no_trees_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one tree"):
        Trees.join([])
