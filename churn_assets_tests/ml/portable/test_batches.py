"""A row gets the same bits whichever rows stand beside it: engines hand over batches of any size and order."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from churn_assets.contracts.loader import load_business
from churn_assets.ml.portable.model import Blend, Linear
from churn_assets.ml.portable.reasons_in_words import main_drivers
from churn_assets.ml.portable.trees import Trees
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.ml.portable.test_trees import random_tree

pytestmark = pytest.mark.one_python(reason="counts in NumPy")

Matrix = NDArray[np.float64]
RANDOM = np.random.default_rng(7)
ROWS: Matrix = RANDOM.normal(size=(1003, 97))
GROUPS: NDArray[np.intp] = RANDOM.integers(0, 40, 97)
GROUPS[0] = 39
LINEAR, OTHER, THIRD = (Linear(RANDOM.normal(size=97), 0.3, RANDOM.normal(size=97)) for _ in range(3))
BLEND = Blend((LINEAR, OTHER, THIRD), (0.2, 0.3, 0.5), -1.0)
TREES = Trees.join([random_tree(RANDOM, 97, depth) for depth in (1, 2, 2, 6, 6, 7, 12)], start=-0.2)
FEATURES = [f for f in load_business(SHIPPED_BUSINESSES / "telecom").features if f.nameable]


def _drivers(rows: Matrix) -> NDArray[np.object_]:
    return main_drivers(pd.DataFrame(rows[:, : len(FEATURES)], columns=[f.name for f in FEATURES]), FEATURES)


@pytest.mark.parametrize("rows_of_batch", [1, 7, 64, 600])
@pytest.mark.parametrize(
    "function",
    [
        LINEAR.predict,
        BLEND.predict,
        TREES.predict,
        lambda rows: LINEAR.contributions(rows, GROUPS),
        lambda rows: BLEND.contributions(rows, GROUPS),
        lambda rows: TREES.contributions(rows, GROUPS),
        _drivers,
    ],
    ids=[
        "linear",
        "blend",
        "trees",
        "contributions",
        "contributions of a blend",
        "contributions of trees",
        "drivers",
    ],
)
def test_a_row_does_not_depend_on_its_batch(function: Callable[[Matrix], Matrix], rows_of_batch: int) -> None:
    rows = ROWS[: 100 * rows_of_batch]
    whole = function(rows)
    apart = [function(rows[at : at + rows_of_batch].copy()) for at in range(0, len(rows), rows_of_batch)]
    np.testing.assert_array_equal(np.concatenate(apart), whole)
    shuffled = np.random.default_rng(1).permutation(len(rows))
    np.testing.assert_array_equal(function(np.asfortranarray(rows[shuffled])), whole[shuffled])
