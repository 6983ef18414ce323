"""Kinds of customers, and columns that move together."""

import numpy as np
import pandas as pd

from churn_assets.study.drivers import Driver
from churn_assets.study.subgroups import correlated, groups_of, subgroups


def test_a_number_is_cut_into_thirds_and_every_known_row_has_one() -> None:
    values = pd.Series([*range(300), np.nan, np.nan], dtype=float)
    names, rows = zip(*groups_of(values), strict=True)
    assert names[0].startswith("0 to 99") and names[1].startswith("over 99")
    assert [int(mask.sum()) for mask in rows] == [100, 100, 100]
    assert np.array_equal(np.sum(rows, axis=0), values.notna().to_numpy())


def test_groups_too_small_to_judge_are_left_out() -> None:
    plan = pd.Categorical(["a"] * 100 + ["b"] * 60 + ["c"] * 40)
    labels, probability = np.tile([0.0, 1.0], 100), np.full(200, 0.5)
    driver = Driver(name="plan", words="plan", strength=1.0, share=1.0, levels=())
    found = subgroups(pd.DataFrame({"plan": plan}), labels, probability, [driver])
    assert [(group.value, group.rows) for group in found] == [("a", 100), ("b", 60)]


def test_columns_that_move_together_are_told_whichever_way() -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"a": random.random(500), "alone": random.random(500)})
    frame["curve"], frame["against"] = np.exp(5 * frame["a"]), -frame["a"] + random.normal(0, 0.1, 500)
    frame["word"] = pd.Categorical(random.choice(list("xy"), 500))
    pairs = correlated(frame, list(frame))
    assert {frozenset(pair[:2]) for pair in pairs} == {
        frozenset(two) for two in (("a", "curve"), ("a", "against"), ("curve", "against"))
    }
    assert pairs[0][2] == 1.0 and all(value < -0.9 for *_, value in pairs[1:])
