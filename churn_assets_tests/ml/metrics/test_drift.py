"""Reference statistics and the stability index."""

import json

import numpy as np
import pandas as pd
import pytest

from churn_assets.ml.metrics.drift import drift, reference_statistics
from churn_assets_tests.ml.synthetic import FEATURES, training_frame


def test_no_drift_against_itself_and_little_against_a_sister_sample() -> None:
    frame = training_frame()
    reference = json.loads(json.dumps(reference_statistics(frame, FEATURES), allow_nan=False))
    assert np.allclose(drift(reference, frame)["psi"], 0)
    assert (drift(reference, training_frame(seed=9))["psi"] < 0.02).all()


def test_shift_missing_and_new_category_are_seen() -> None:
    frame = training_frame()
    reference = reference_statistics(frame, FEATURES)
    later = training_frame(seed=9).assign(region="atlantis")
    later["usage__gb__trend"] += 1.0
    later.loc[later.index[::2], "tickets__count_3m"] = np.nan
    psi = drift(reference, later).set_index("feature")
    assert (psi.loc[["usage__gb__trend", "region", "tickets__count_3m"], "psi"] > 0.25).all()
    assert psi.loc["autopay", "psi"] < 0.02
    assert psi.loc["tickets__count_3m", "missing_rate"] == pytest.approx(0.5)
    assert psi.loc["tickets__count_3m", "reference_missing_rate"] == 0


def test_the_distance_lies_between_the_same_and_nothing_in_common() -> None:
    frame = training_frame()
    reference = reference_statistics(frame, FEATURES)
    assert np.allclose(drift(reference, frame)["js_distance"], 0)
    gone = drift(reference, frame.assign(**dict.fromkeys(FEATURES, np.nan)))
    missing = frame[FEATURES].isna().mean().to_numpy()
    assert np.allclose(gone["js_distance"][missing == 0], 1)
    assert np.allclose(gone["js_distance"][missing == 1], 0)
    assert gone["js_distance"][(missing > 0) & (missing < 1)].between(0.5, 0.999).all()


def test_the_distance_is_that_of_the_definition() -> None:
    """Half of the rows in another bin: the divergence of (1, 0) and (1/2, 1/2) is 0.311 bits."""
    reference = reference_statistics(pd.DataFrame({"plan": ["basic"] * 100}), ["plan"])
    [now] = drift(reference, pd.DataFrame({"plan": ["basic", "gold"] * 50}))["js_distance"]
    mean = np.array([0.75, 0.25])
    divergence = 0.5 * np.log2(1 / mean[0]) + 0.5 * (0.5 * np.log2(0.5 / mean)).sum()
    assert now == pytest.approx(divergence**0.5)


def test_reference_holds_no_extreme_value() -> None:
    frame = training_frame()
    edges = reference_statistics(frame, ["invoices__amount__sum_3m"])["invoices__amount__sum_3m"]["edges"]
    assert frame["invoices__amount__sum_3m"].min() < min(edges)
    assert max(edges) < frame["invoices__amount__sum_3m"].max()


def test_words_without_any_value_in_training_drift_when_they_appear() -> None:
    reference = reference_statistics(pd.DataFrame({"plan": pd.Series([None] * 100, dtype=object)}), ["plan"])
    assert (reference["plan"]["kind"], reference["plan"]["missing"]) == ("categorical", 1)
    [psi] = drift(reference, pd.DataFrame({"plan": ["gold"] * 100}))["psi"]
    assert psi > 0.25


def test_an_empty_month_is_refused() -> None:
    frame = training_frame()
    with pytest.raises(ValueError, match="no rows"):
        drift(reference_statistics(frame, FEATURES), frame.head(0))
