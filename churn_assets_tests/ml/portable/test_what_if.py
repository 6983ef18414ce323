"""What if: the answer is the model's own score, and only sensible questions are taken."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from churn_assets.contracts.feature import Feature
from churn_assets.ml.portable.transformation import Transformation
from churn_assets.ml.portable.what_if import (
    Observed,
    WhatIf,
    WhatIfError,
    actionable,
    observed_range,
    present_value,
    value_in_words,
    what_if,
)
from churn_assets.ml.training.result import TrainingResult
from churn_assets.ml.training.settings import TrainingSettings
from churn_assets.ml.training.train import train
from churn_assets_tests.ml.synthetic import FEATURES, SPLIT, no_spark, training_frame

TICKETS = Feature(
    "tickets__count_3m", "number", "service", "tickets", "tickets", measure="tickets", actionable=True
)
AMOUNT = Feature(
    "invoices__amount__sum_3m", "number", "price", "invoiced", "invoices", measure="amount", actionable=True
)
REGION = Feature("region", "category", "profile", "region", "people", column="region", actionable=True)
AUTOPAY = Feature(
    "autopay", "number", "payment", "automatic payment", "people", column="autopay", actionable=True
)
TREND = Feature("usage__gb__trend", "number", "usage", "trend of use", sql="tickets__count_3m / 2")
NOTHING = Feature("nothing", "number", "other", "nothing", "tickets", measure="tickets")
DECLARED = [TICKETS, AMOUNT, REGION, AUTOPAY, TREND, NOTHING]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return training_frame(customers=500)


@pytest.fixture(scope="module")
def result(frame: pd.DataFrame) -> TrainingResult:
    return train(frame, FEATURES, SPLIT, TrainingSettings(("histogram_boosting",)), no_spark)


def ask(result: TrainingResult, frame: pd.DataFrame, wishes: dict[str, str], row: int = 0) -> WhatIf:
    learned = frame[frame["as_of_date"].isin(SPLIT.train)]
    names = [name for name in wishes if name in {f.name for f in DECLARED if f.actionable}]
    ranges = {name: observed_range(result.model, learned[name]) for name in names}
    return what_if(result.model, frame.iloc[[row]], DECLARED, wishes, ranges)


@pytest.mark.parametrize("row", [0, 17, 400])
def test_the_answer_is_the_score_of_the_changed_snapshot(
    result: TrainingResult, frame: pd.DataFrame, row: int
) -> None:
    found = ask(result, frame, {"tickets__count_3m": "2", "region": "south"}, row)
    one = frame.iloc[[row]]

    def score(**values: object) -> float:
        return float(result.model.score(one.assign(**values))["probability"].iloc[0])

    assert found.before == score()
    assert found.after == score(tickets__count_3m=2.0, region="south")
    tickets, region = found.changes
    assert tickets.probability == score(tickets__count_3m=2.0)
    assert region.probability == score(region="south")
    assert (tickets.before, tickets.after) == (float(one["tickets__count_3m"].iloc[0]), 2.0)
    assert found.after > score(tickets__count_3m=0.0, region="north")


def test_setting_what_is_already_so_changes_nothing(result: TrainingResult, frame: pd.DataFrame) -> None:
    now = present_value(result.model, frame.iloc[[0]], "tickets__count_3m")
    found = ask(result, frame, {"tickets__count_3m": str(now)})
    assert found.after == found.before


def test_the_question_changes_no_snapshot(result: TrainingResult, frame: pd.DataFrame) -> None:
    before = frame.iloc[[0]].copy()
    ask(result, frame, {"region": "south", "autopay": "1"})
    pd.testing.assert_frame_equal(frame.iloc[[0]], before)


def test_what_speaks_of_the_same_thing_is_said_to_stay(result: TrainingResult, frame: pd.DataFrame) -> None:
    assert ask(result, frame, {"tickets__count_3m": "2"}).kept == ("trend of use", "nothing")
    assert ask(result, frame, {"region": "south"}).kept == ()


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"nothing": "1"}, "nothing is not actionable"),
        ({"usage__gb__trend": "1"}, "usage__gb__trend is not actionable"),
        ({"shoe_size": "44"}, "There is no feature shoe_size; choose from tickets__count_3m"),
        ({"tickets__count_3m": "many"}, "the value must be a number"),
        ({"tickets__count_3m": "-1"}, "lies outside of what the model has seen: 0, 1, 2"),
        ({"region": "moon"}, "lies outside of what the model has seen: north, south, centre"),
        ({"invoices__amount__sum_3m": "1e9"}, "lies outside of what the model has seen: "),
        ({"invoices__amount__sum_3m": "nan"}, "lies outside of what the model has seen: "),
    ],
)
def test_other_questions_are_refused_with_what_can_be_asked(
    result: TrainingResult, frame: pd.DataFrame, wish: dict[str, str], said: str
) -> None:
    with pytest.raises(WhatIfError, match=said):
        ask(result, frame, wish)


def test_the_range_is_that_of_98_in_100_customers(result: TrainingResult, frame: pd.DataFrame) -> None:
    learned = frame[frame["as_of_date"].isin(SPLIT.train)]["invoices__amount__sum_3m"]
    found = observed_range(result.model, learned)
    inside = learned.between(found.low, found.high).mean()
    assert inside == pytest.approx(0.98, abs=0.005) and found.high < learned.max()
    assert found.holds(found.low) and found.holds(found.high)
    assert str(found) == f"{value_in_words(found.low)} to {value_in_words(found.high)}"
    assert float(value_in_words(found.high).replace(",", "")) == found.high
    assert not found.holds(np.nextafter(found.high, np.inf)) and not found.holds(
        np.nextafter(found.low, -np.inf)
    )


def test_values_of_few_customers_cannot_be_asked_for(result: TrainingResult) -> None:
    values = pd.Series([0.0] * 60 + [1.0] * 50 + [2.0] * 49, name="tickets__count_3m")
    assert observed_range(result.model, values) == Observed(values=(0.0, 1.0))


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("tickets__count_3m", [float(count) for count in range(9)]),
        ("invoices__amount__sum_3m", [np.nan] * 60),
        ("region", None),
    ],
)
def test_where_no_value_was_seen_often_enough_nothing_can_be_asked_for(
    result: TrainingResult, frame: pd.DataFrame, name: str, seen: list[float] | None
) -> None:
    if seen is None:
        few = Transformation.fit(frame.head(20), FEATURES)  # no category for which there are enough rows
        found = observed_range(replace(result.model, transformation=few), frame[name])
    else:
        found = observed_range(result.model, pd.Series(seen, name=name))
    assert found == Observed() and str(found) == "no value often enough"
    assert not any(found.holds(value) for value in (0.0, 1.0, -np.inf, np.inf, np.nan, "south"))
    with pytest.raises(
        WhatIfError, match=f"{name}=0 lies outside of what the model has seen: no value often"
    ):
        what_if(result.model, frame.iloc[[0]], DECLARED, {name: "0"}, {name: found})


def test_only_actionable_features_of_the_model_are_offered(result: TrainingResult) -> None:
    unknown = Feature("later", "number", "x", "later", actionable=True)
    assert actionable(result.model, [unknown, *DECLARED]) == [TICKETS, AMOUNT, REGION, AUTOPAY]


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "unknown"), ("south", "south"), (24.0, "24"), (1234.5, "1,234.5"), (0.126, "0.13")],
)
def test_values_as_people_read_them(value: float | str | None, said: str) -> None:
    assert value_in_words(value) == said
