"""Drift is found where it is, in the right size, and chance is not taken for it."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.lakehouse import tables
from churn_assets.ml.metrics.drift import reference_statistics
from churn_assets.monitoring.drift import (
    MODERATE,
    SHIFT,
    STABLE,
    CohortCounts,
    cohort_drift,
    discoveries,
    headlines,
)

DAY = date(2025, 6, 30)


def month(seed: int, n: int = 2000, move: float = 0.0) -> pd.DataFrame:
    """60 features, of which the first moves by so many standard deviations, and a category."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 60)), columns=[f"f{i}" for i in range(60)])
    frame["f0"] += move
    frame["region"] = rng.choice(["north", "south"], size=n)
    return frame


def scores(frame: pd.DataFrame) -> pd.DataFrame:
    """Scores that follow the second feature."""
    return pd.DataFrame({"raw": frame["f1"], "probability": 1 / (1 + np.exp(-frame["f1"]))})


@pytest.fixture(scope="module")
def about() -> dict[str, Any]:
    """What a model remembers of its training."""
    then = month(0, 6000)
    return {
        "reference_features": reference_statistics(then, list(then.columns)),
        "reference_scores": reference_statistics(scores(then), ["raw", "probability"]),
        "rows": {
            "train": {"rows": len(then), "positives": 300},
            "calibration": {"rows": len(then), "positives": 300},
        },
    }


def _found(about: dict[str, Any], frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    rows = cohort_drift(DAY, "1", about, frame, scores(frame), CohortCounts(len(frame)))
    return {row["feature"]: row for row in rows}


def test_no_change_is_stable_everywhere(about: dict[str, Any]) -> None:
    found = _found(about, month(1))
    assert {row["status"] for row in found.values()} == {STABLE}
    assert len(found) == 63
    assert found["raw"]["kind"] == "score"


def test_few_rows_are_chance_however_large_the_index(about: dict[str, Any]) -> None:
    found = _found(about, month(2, n=40))
    assert max(row["psi"] for row in found.values()) > 0.25
    assert {row["status"] for row in found.values()} == {STABLE}


@pytest.mark.parametrize(("move", "status"), [(0.1, STABLE), (0.4, MODERATE), (0.8, SHIFT)])
def test_what_moved_is_named_in_its_size(about: dict[str, Any], move: float, status: str) -> None:
    found = _found(about, month(3, move=move))
    assert found["f0"]["status"] == status
    assert {row["status"] for name, row in found.items() if name != "f0"} == {STABLE}


def test_missing_values_and_new_categories_are_drift(about: dict[str, Any]) -> None:
    frame = month(4)
    frame.loc[: len(frame) // 3, "f5"] = np.nan
    frame.loc[: len(frame) // 3, "region"] = "east"
    found = _found(about, frame)
    assert found["f5"]["status"] == SHIFT and found["f5"]["missing_rate"] == pytest.approx(1 / 3, abs=0.01)
    assert found["f5"]["reference_missing_rate"] == 0
    assert found["region"]["status"] == SHIFT


def test_p_values_hold_what_they_promise(about: dict[str, Any]) -> None:
    """Without any change about one in ten lies below 0.1."""
    p = [row["p_value"] for seed in range(20) for row in _found(about, month(100 + seed)).values()]
    assert 0.04 < np.mean(np.array(p) < 0.1) < 0.2


def test_headlines_are_the_largest_and_the_whole(about: dict[str, Any]) -> None:
    frame = month(7, move=0.8)
    frame.loc[:499, "f5"] = np.nan
    rows = cohort_drift(DAY, "1", about, frame, scores(frame), CohortCounts(2000, 2000.0, 1000, 60))
    found, figures = {row["feature"]: row for row in rows}, headlines(rows)
    assert figures["features moved"] == 2
    assert figures["highest psi of a feature"] == found["f5"]["psi"] > found["f0"]["psi"]
    assert figures["highest missing rate above training"] == 0.25
    assert figures["psi of raw"] == found["raw"]["psi"]
    assert (figures["customers"], figures["churn rate"]) == (2000.0, 0.06)
    assert headlines([]) == {}


def _whole(about: dict[str, Any], population: CohortCounts) -> dict[str, tuple[str, str, float, float]]:
    frame = month(6, n=300)
    rows = cohort_drift(DAY, "1", about, frame, scores(frame), population)
    names = ("kind", "status", "value", "reference_value")
    return {row["feature"]: tuple(row[n] for n in names) for row in rows if "value" in row}  # type: ignore[misc]


@pytest.mark.parametrize(
    ("customers", "status"),
    [
        (740, SHIFT),
        (750, SHIFT),
        (760, MODERATE),
        (890, MODERATE),
        (910, STABLE),
        (1090, STABLE),
        (1110, MODERATE),
        (1240, MODERATE),
        (1260, SHIFT),
    ],
)
def test_more_and_fewer_customers_are_drift(about: dict[str, Any], customers: int, status: str) -> None:
    found = _whole(about, CohortCounts(customers, 1000.0))
    assert found == {"customers": ("volume", status, float(customers), 1000.0)}


@pytest.mark.parametrize(
    ("labelled", "churned", "status"),
    [
        (20_000, 1000, STABLE),
        (20_000, 1245, STABLE),  # 24.5 % more: real, but small
        (20_000, 1290, MODERATE),
        (20_000, 1510, SHIFT),
        (20_000, 490, SHIFT),
        (100, 8, STABLE),  # 60 % more, by chance
    ],
)
def test_the_churn_rate_is_drift_when_the_change_is_large_and_real(
    about: dict[str, Any], labelled: int, churned: int, status: str
) -> None:
    """5 % in training."""
    found = _whole(about, CohortCounts(2000, None, labelled, churned))
    assert found == {"churn rate": ("base rate", status, churned / labelled, 0.05)}


def test_an_unsettled_cohort_has_no_churn_rate(about: dict[str, Any]) -> None:
    assert _whole(about, CohortCounts(2000)) == {}
    assert _whole(about, CohortCounts(2000, None, 0, 0)) == {}


def test_the_table_takes_all_rows_and_none(about: dict[str, Any]) -> None:
    rows = cohort_drift(DAY, "1", about, month(5), scores(month(5)), CohortCounts(2000, 1900.0, 1980, 99))
    assert tables.DRIFT.rows(rows).num_rows == len(rows)
    assert tables.DRIFT.rows([]).schema == tables.DRIFT.rows(rows).schema


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0.001, 0.2))
def test_discoveries_are_the_largest_set_that_the_rule_allows(values: list[float], rate: float) -> None:
    p = np.array(values)
    believed = discoveries(p, rate)
    if believed.any():
        limit = p[believed].max()
        assert believed.sum() == (p <= limit).sum() or limit in p[~believed]
        assert limit <= rate * believed.sum() / len(p)
    for k in range(int(believed.sum()) + 1, len(p) + 1):
        assert np.sort(p)[k - 1] > rate * k / len(p)
