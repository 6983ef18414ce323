"""Curves and importance against what the synthetic world is made of."""

import numpy as np
import pandas as pd
import pytest

from churn_assets.ml.metrics.importance import importance_intervals
from churn_assets.ml.metrics.partial_dependence import partial_dependence
from churn_assets.ml.review.figures import dependence_figure
from churn_assets.ml.training.result import TrainingResult
from churn_assets.ml.training.settings import TrainingSettings
from churn_assets.ml.training.train import train
from churn_assets_tests.ml.synthetic import FEATURES, SPLIT, no_spark, training_frame


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return training_frame(customers=800)


@pytest.fixture(scope="module")
def result(frame: pd.DataFrame) -> TrainingResult:
    return train(frame, FEATURES, SPLIT, TrainingSettings(("histogram_boosting",)), no_spark)


def test_curves_follow_the_truth(result: TrainingResult, frame: pd.DataFrame) -> None:
    """Risk falls with the trend, rises with tickets, is highest in the south."""
    test = frame[frame["as_of_date"] == SPLIT.test]
    trend, tickets, region = partial_dependence(
        result.model, test, ["usage__gb__trend", "tickets__count_3m", "region"], 1
    )
    assert trend.probability[0] > trend.probability[-1] + 0.2
    assert all(np.diff(trend.values) > 0) and len(trend.values) == 9
    assert tickets.values[0] == 0 and tickets.probability[-1] > tickets.probability[0]
    assert region.values[int(np.argmax(region.probability))] == "south"
    assert all(a < b < c for a, b, c in zip(trend.low, trend.probability, trend.high, strict=True))


def test_a_point_of_a_curve_is_the_mean_score_with_that_value(
    result: TrainingResult, frame: pd.DataFrame
) -> None:
    few = frame[frame["as_of_date"] == SPLIT.test].head(200)
    for curve in partial_dependence(result.model, few, ["usage__gb__trend", "region"], 1):
        for value, probability in zip(curve.values, curve.probability, strict=True):
            same = result.model.score(few.assign(**{curve.feature: value}))["probability"].mean()
            assert probability == pytest.approx(same)


def test_a_feature_with_one_value_has_no_curve(result: TrainingResult, frame: pd.DataFrame) -> None:
    assert partial_dependence(result.model, frame, ["nothing"], 1) == ()


def test_the_figure_holds_one_picture_per_curve(result: TrainingResult, frame: pd.DataFrame) -> None:
    curves = partial_dependence(result.model, frame, ["usage__gb__trend", "region"], 1)
    drawn = [axes for axes in dependence_figure(curves, {"region": "home"}).axes if axes.axison]
    assert [axes.get_title() for axes in drawn] == ["usage__gb__trend", "home"]


def test_importance_intervals_hold_the_mean_and_narrow_with_customers(result: TrainingResult) -> None:
    lines = importance_intervals(result.contributions, 1)
    assert [line.feature for line in lines] == list(result.importance)
    for line in lines:
        assert line.value == pytest.approx(result.importance[line.feature])
        assert line.low <= line.value <= line.high
    fewer = importance_intervals(result.contributions.iloc[::10], 1)
    assert fewer[0].high - fewer[0].low > 2 * (lines[0].high - lines[0].low)


def test_rows_of_one_customer_are_drawn_together() -> None:
    """Ten rows of each of 50 customers say no more than one row of each."""
    strength = np.random.default_rng(0).exponential(size=50)
    once = pd.DataFrame({"a": strength}, index=pd.Index([f"k{i}" for i in range(50)], name="customer_key"))
    often = pd.concat([once] * 10)
    [one], [ten] = importance_intervals(once, 1), importance_intervals(often, 1)
    assert (ten.low, ten.high) == pytest.approx((one.low, one.high))
