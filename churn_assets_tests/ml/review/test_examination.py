"""What is found about a finished training, on synthetic snapshots whose truth is known."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from churn_assets.contracts.segments import ValueTiers
from churn_assets.ml.metrics.classification import auc_interval
from churn_assets.ml.review.examination import Examination, ExaminationSettings, _days, examine
from churn_assets.ml.training.result import TrainingResult
from churn_assets.ml.training.settings import TrainingSettings
from churn_assets.ml.training.split import recent_split
from churn_assets.ml.training.train import train
from churn_assets_tests.ml.synthetic import COHORTS, FEATURES, SPLIT, no_spark, training_frame

pytestmark = pytest.mark.one_python(reason="fits models, mostly in scikit-learn")

SETTINGS = TrainingSettings(candidates=("histogram_boosting",))
QUESTIONS = ExaminationSettings(value=ValueTiers(feature="invoices__amount__sum_3m", high=0.67, middle=0.33))


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return training_frame(customers=1000)


@pytest.fixture(scope="module")
def result(frame: pd.DataFrame) -> TrainingResult:
    return train(frame, FEATURES, SPLIT, SETTINGS, no_spark)


@pytest.fixture(scope="module")
def found(result: TrainingResult, frame: pd.DataFrame) -> Examination:
    return examine(result, frame, QUESTIONS)


def test_figures_of_the_test_cohort_agree_with_its_metrics(
    found: Examination, result: TrainingResult
) -> None:
    assert found.quality is not None
    top = next(r for r in found.quality.reached if r.share == 0.1)
    assert top.lift == pytest.approx(result.test.lift_top_decile)
    assert top.capture == pytest.approx(result.test.recall)
    assert found.metrics()["test.empc"] == found.quality.maximum_profit.profit > 0
    # plain numbers: Dagster stores no other
    assert {type(value) for value in found.figures().values()} == {float}


def test_every_judged_cohort_has_its_own_auc(found: Examination, result: TrainingResult) -> None:
    assert list(found.cohorts) == [str(day) for day in (*SPLIT.validation, SPLIT.test)]
    assert found.cohorts[str(SPLIT.test)] == result.test
    assert f"cohort.{SPLIT.test}.auc" in found.metrics()


def test_later_days_are_judged_beside_the_test_cohort(frame: pd.DataFrame, result: TrainingResult) -> None:
    """Here they are the same rows under another date, so their figures are the same."""
    assert _days(result, None, QUESTIONS) == {}
    later = SPLIT.test + timedelta(days=10)
    between = frame[frame["as_of_date"] == SPLIT.test].assign(as_of_date=later)
    found = _days(result, between, QUESTIONS)
    assert list(found) == [str(SPLIT.test), str(later)]
    assert found[str(later)].auc == pytest.approx(result.test.auc)
    assert found[str(later)].calibration_slope == pytest.approx(result.test.calibration_slope)


def test_value_tiers_are_thirds_of_the_test_cohort(
    found: Examination, frame: pd.DataFrame, result: TrainingResult
) -> None:
    sizes = {name: found.segments[name].n for name in ("high value", "middle value", "low value")}
    assert sum(sizes.values()) == 1000 and all(320 <= n <= 350 for n in sizes.values())
    tested = frame[frame["as_of_date"] == SPLIT.test].reset_index(drop=True)
    rich = (tested["invoices__amount__sum_3m"].rank(pct=True) > 0.671).to_numpy()
    expected = auc_interval(tested["label"].to_numpy(float)[rich], result.tested.raw[rich])[0]
    assert found.segments["high value"].auc == pytest.approx(expected, abs=0.01)
    assert "under 6 months" in found.segments
    assert not {"segment.high_value.auc", "segment.high_value.auc_low"} - found.metrics().keys()


def test_a_cohort_without_churners_has_no_figures(frame: pd.DataFrame) -> None:
    quiet = frame[(frame["as_of_date"] != SPLIT.test) | (frame["label"] == 0)]
    result = train(quiet, FEATURES, SPLIT, SETTINGS, no_spark)
    found = examine(result, quiet, QUESTIONS)
    assert found.quality is None and found.figures() == {}
    assert found.cohorts[str(SPLIT.test)].status == "one class"
    assert all(np.isfinite(value) for value in found.metrics().values())


def test_a_split_that_shares_cohorts_judges_nobody_twice(frame: pd.DataFrame) -> None:
    split = recent_split(COHORTS, 7, 30)
    result = train(frame, FEATURES, split, SETTINGS, no_spark)
    assert not result.judged.duplicated(["customer_key", "as_of_date"]).any()
    assert examine(result, frame, QUESTIONS).cohorts[str(split.test)] == result.test
