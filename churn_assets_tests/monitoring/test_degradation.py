"""The rule that calls for a retraining, from both sides of every threshold."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.contracts.retraining import Degradation
from churn_assets.ml.metrics.classification import OK, ONE_CLASS, TOO_FEW
from churn_assets.monitoring.degradation import Judged, decide, judged_cohorts
from churn_assets.months import add_months, month_end

REFERENCE = 0.80
RULE = Degradation(of_last=3, at_least=2, margin=0.02, minimum_positives=30, cool_down_months=2)
BAR = 0.78
TRAINED, TODAY = date(2025, 6, 30), date(2026, 3, 31)


def cohorts(*upper_ends: float | str, positives: int = 100) -> list[Judged]:
    """Cohorts of successive months; a word instead of a number is a status."""
    made = []
    for position, high in enumerate(upper_ends):
        day = month_end(add_months("2025-07", position))
        if isinstance(high, str):
            made.append(Judged(day, high, 3))
        else:
            made.append(Judged(day, OK, positives, high - 0.03, high))
    return made


LOW, HIGH = BAR - 0.001, BAR


@pytest.mark.parametrize(
    ("judged", "retrain", "said"),
    [
        (cohorts(), False, "No cohort that the champion scored has matured yet"),
        (cohorts(HIGH, HIGH, HIGH), False, "not below the bar"),
        (cohorts(HIGH, HIGH, LOW), False, "1 of the 2 cohorts below the bar that it takes"),
        (cohorts(LOW, HIGH, LOW), True, "2 of the last 3 cohorts"),
        (cohorts(HIGH, LOW, LOW), True, "2 of the last 3 cohorts"),
        (cohorts(LOW, LOW, LOW), True, "3 of the last 3 cohorts"),
        (cohorts(LOW, LOW, HIGH), False, "The newest cohort is not below the bar"),
        (cohorts(LOW, HIGH, HIGH, LOW), False, "1 of the 2"),  # the first has left the window
        (cohorts(LOW, LOW, 0.95), False, "The newest cohort is not below the bar"),  # an AUC that rises
        (cohorts(LOW, LOW, ONE_CLASS), False, "The newest cohort cannot be judged"),
        (cohorts(LOW, LOW, TOO_FEW), False, "The newest cohort cannot be judged"),
        (cohorts(LOW, ONE_CLASS, LOW), True, "2 of the last 3 cohorts"),
        (cohorts(ONE_CLASS, ONE_CLASS, LOW), False, "1 of the 2"),
        (cohorts(LOW), False, "1 of the 2"),
        (cohorts(LOW, LOW), True, "2 of the last 2 cohorts"),
    ],
)
def test_which_cohorts_fire(judged: list[Judged], retrain: bool, said: str) -> None:
    decision = decide(judged, REFERENCE, TRAINED, TODAY, RULE)
    assert (decision.retrain, said in decision.reason) == (retrain, True), decision.reason


@pytest.mark.parametrize(("positives", "retrain"), [(29, False), (30, True)])
def test_too_few_churners_say_nothing(positives: int, retrain: bool) -> None:
    judged = cohorts(LOW, LOW, positives=positives)
    assert decide(judged, REFERENCE, TRAINED, TODAY, RULE).retrain is retrain


@pytest.mark.parametrize(
    ("last", "retrain"),
    [(date(2026, 3, 31), False), (date(2026, 2, 28), False), (date(2026, 1, 31), True), (TRAINED, True)],
)
def test_the_cool_down_counts_from_the_last_training(last: date, retrain: bool) -> None:
    decision = decide(cohorts(LOW, LOW), REFERENCE, last, TODAY, RULE)
    assert decision.retrain is retrain
    assert retrain or "cool-down is 2" in decision.reason


@pytest.mark.parametrize(("last", "retrain"), [(TODAY, False), (date(2026, 2, 28), True)])
def test_without_a_cool_down_a_rejected_challenger_is_not_trained_again_from_the_same(
    last: date, retrain: bool
) -> None:
    rule = RULE.model_copy(update={"cool_down_months": 0})
    decision = decide(cohorts(LOW, LOW), REFERENCE, last, TODAY, rule)
    assert decision.retrain is retrain
    assert retrain or "would learn from the same" in decision.reason


def test_switched_off_it_never_fires_and_says_so() -> None:
    decision = decide(cohorts(LOW, LOW), REFERENCE, TRAINED, TODAY, Degradation(enabled=False))
    assert not decision.retrain and "Switched off" in decision.reason


def test_the_reason_tells_how_far_each_cohort_is_from_firing() -> None:
    reason = decide(cohorts(0.81, 0.77, "one class"), REFERENCE, TRAINED, TODAY, RULE).reason
    assert "Bar 0.780 (reference 0.800 minus 0.02)" in reason
    assert "2025-07-31: AUC 0.780, upper end 0.810, 0.030 above." in reason
    assert "2025-08-31: AUC 0.740, upper end 0.770, 0.010 below." in reason
    assert "2025-09-30: 3 churners, one class." in reason


@given(
    highs=st.lists(st.sampled_from([LOW, HIGH, ONE_CLASS, TOO_FEW]), max_size=8),
    of_last=st.integers(1, 4),
    at_least=st.integers(1, 4),
)
def test_it_fires_exactly_by_the_rule(highs: list[float | str], of_last: int, at_least: int) -> None:
    """k of the last n matured cohorts including the newest."""
    if at_least > of_last:
        return
    rule = Degradation(of_last=of_last, at_least=at_least)
    expected = bool(highs) and highs[-1] == LOW and highs[-of_last:].count(LOW) >= at_least
    assert decide(cohorts(*highs), REFERENCE, TRAINED, TODAY, rule).retrain is expected


def test_only_matured_cohorts_of_the_champion_count() -> None:
    row = {"status": OK, "positives": 50, "auc": 0.7, "auc_high": 0.75}
    rows = [
        row | {"as_of_date": date(2025, 8, 31), "model_version": "2"},
        row | {"as_of_date": date(2025, 7, 31), "model_version": "2"},
        row | {"as_of_date": date(2025, 7, 31), "model_version": "1"},
        row
        | {"as_of_date": date(2025, 9, 30), "model_version": "2", "status": "immature", "positives": None},
    ]
    assert [c.as_of_date for c in judged_cohorts(rows, "2")] == [date(2025, 7, 31), date(2025, 8, 31)]
