"""Each guard finds its leak, stops the training, and is silent about honest data."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from churn_assets.ml.training.checked_parts import LeakFound
from churn_assets.ml.training.leak_guards import auc_alone, overlapping_outcomes
from churn_assets.ml.training.settings import TrainingSettings
from churn_assets.ml.training.split import Split
from churn_assets.ml.training.train import train
from churn_assets_tests.ml.synthetic import COHORTS, FEATURES, SPLIT, no_spark, training_frame

pytestmark = pytest.mark.one_python(reason="fits models, mostly in scikit-learn")

SETTINGS = TrainingSettings(candidates=("histogram_boosting",))


@pytest.fixture
def frame() -> pd.DataFrame:
    return training_frame(customers=300)


def _refused(frame: pd.DataFrame, split: Split = SPLIT, settings: TrainingSettings = SETTINGS) -> str:
    with pytest.raises(LeakFound) as caught:
        train(frame, FEATURES, split, settings, no_spark)
    return str(caught.value)


def test_a_feature_that_knows_the_answer_stops_the_training(frame: pd.DataFrame) -> None:
    rng = np.random.default_rng(0)
    frame["usage__gb__trend"] = -5.0 * frame["label"] + rng.normal(size=len(frame))
    found = _refused(frame)
    assert "usage__gb__trend alone has a ROC-AUC of 0.999" in found and "tickets" not in found
    assert "single_feature_auc_limit" in found
    allowed = TrainingSettings(candidates=("histogram_boosting",), single_feature_auc_limit=1)
    assert train(frame, FEATURES, SPLIT, allowed, no_spark).test.status == "ok"


def test_a_value_known_after_the_as_of_date_stops_the_training(frame: pd.DataFrame) -> None:
    frame["known_at"] = frame["as_of_date"]
    train(frame, FEATURES, SPLIT, SETTINGS, no_spark)
    at = frame.index[frame["as_of_date"] == SPLIT.train[0]][0]
    frame.loc[at, "known_at"] = SPLIT.train[0] + timedelta(days=1)
    assert f"1 snapshots ({SPLIT.train[0]}) hold values that became known after" in _refused(frame)


@pytest.mark.parametrize(("earlier", "later"), [("train", "validation"), ("validation", "test")])
def test_open_outcomes_across_the_split_stop_the_training(
    frame: pd.DataFrame, earlier: str, later: str
) -> None:
    june, july, august, september, _, november, december = COHORTS
    parts = {
        "train": Split((june, july), (august,), december, SPLIT.horizon),
        "validation": Split((june, july), (september, november), december, SPLIT.horizon),
    }
    found = _refused(frame, parts[earlier])
    assert f"300 customers stand in the {earlier} part" in found and f"into the {later} part" in found


@given(
    earlier=st.dictionaries(st.sampled_from("abc"), st.integers(0, 200), min_size=1),
    later=st.dictionaries(st.sampled_from("abc"), st.integers(0, 200), min_size=1),
    horizon=st.integers(1, 90),
)
def test_exactly_open_outcomes_of_the_same_customer_overlap(
    earlier: dict[str, int], later: dict[str, int], horizon: int
) -> None:
    start = date(2025, 1, 31)

    def part(days: dict[str, int]) -> pd.DataFrame:
        return pd.DataFrame(
            {"customer_key": list(days), "as_of_date": [start + timedelta(days=d) for d in days.values()]}
        )

    found = overlapping_outcomes(
        {"train": part(earlier), "test": part(later)}, ["train"], "test", timedelta(days=horizon)
    )
    open_ = sum(1 for who, day in earlier.items() if who in later and day + horizon > later[who])
    assert [f.split(" ")[0] for f in found] == ([str(open_)] if open_ else [])


def test_the_auc_of_a_feature_that_rises_or_falls_is_that_of_its_values(frame: pd.DataFrame) -> None:
    labels = frame["label"].to_numpy(np.float64)
    tickets = frame["tickets__count_3m"]
    assert auc_alone(tickets, labels) == pytest.approx(roc_auc_score(labels, tickets), abs=0.01)
    assert auc_alone(-tickets, labels) == pytest.approx(auc_alone(tickets, labels), abs=0.01)
    assert auc_alone(frame["nothing"], labels) == 0.5
    south = roc_auc_score(labels, frame["region"] == "south")
    assert auc_alone(frame["region"], labels) == pytest.approx(south, abs=0.02)
    assert auc_alone(frame["region"].astype("category"), labels) == pytest.approx(south, abs=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_rare_categories_do_not_flatter(seed: int) -> None:
    """500 categories of two rows each say nothing; learned on the rows they are judged on they would say a lot."""
    random = np.random.default_rng(100 + seed)
    labels = (random.random(1000) < 0.3).astype(float)
    noise = pd.Series(pd.Categorical(random.permutation(np.repeat(np.arange(500).astype(str), 2))))
    assert auc_alone(noise, labels) == pytest.approx(0.5, abs=0.06)


def test_any_shape_is_seen() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=4000)
    labels = (np.abs(x) > 1).astype(float)
    assert auc_alone(pd.Series(x), labels) > 0.95
    assert auc_alone(pd.Series(np.where(labels == 1, np.nan, x)), labels) == 1.0
