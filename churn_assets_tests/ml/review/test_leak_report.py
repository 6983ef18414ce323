"""The leak report is quiet about honest data, and finds each sign that is planted."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churn_assets.ml.review.leak_report import Auc, LeakReport, Twins, future_gains, leak_report
from churn_assets.ml.training.leak_guards import tells_shuffled_labels
from churn_assets.ml.training.result import TrainingResult
from churn_assets.ml.training.settings import TrainingSettings
from churn_assets.ml.training.split import recent_split
from churn_assets.ml.training.train import train
from churn_assets.reporting.markdown import markdown
from churn_assets.simulator.plan import DirtRates, SimulationPlan
from churn_assets.simulator.truth import eligible
from churn_assets_tests.ml.synthetic import COHORTS, SPLIT, no_spark, training_frame
from churn_assets_tests.ml.synthetic import FEATURES as BASE
from churn_assets_tests.simulator.worlds import make_world

pytestmark = pytest.mark.one_python(reason="fits models, mostly in scikit-learn")

SETTINGS = TrainingSettings(candidates=("histogram_boosting",))
# one more than the others have, that tells customers apart
FEATURES = [*BASE, "minutes"]
NO_TWINS = Twins(1000, 0, 0, None, None)
QUIET = LeakReport({"a": 0.6}, Auc(0.5, 0.46, 0.54), Auc(0.5, 0.48, 0.52), {}, NO_TWINS)


def trained(frame: pd.DataFrame) -> TrainingResult:
    return train(frame, FEATURES, SPLIT, SETTINGS, no_spark)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rows = training_frame(customers=700)
    return rows.assign(minutes=np.random.default_rng(3).normal(size=len(rows)))


@pytest.fixture(scope="module")
def result(frame: pd.DataFrame) -> TrainingResult:
    return trained(frame)


def test_honest_data_leave_nothing_to_find(result: TrainingResult, frame: pd.DataFrame) -> None:
    found = leak_report(result, frame, 1)
    assert found.findings() == []
    assert found.shuffled and found.shuffled.low < 0.5 < found.shuffled.high
    assert found.apart and found.apart.low < 0.5 < found.apart.high
    assert (found.twins.rows, found.twins.exact) == (700, 0) and found.twins.near < 7
    assert list(found.alone.values()) == sorted(result.alone.values(), reverse=True)
    text = markdown(found.blocks())
    assert "The data shows nothing" in text and "key0" not in text
    assert found.metrics()["leaks.findings"] == 0


@pytest.mark.parametrize(("jitter", "exact"), [(0.0, 70), (1e-4, 0)])
def test_the_same_person_under_two_keys_is_found(frame: pd.DataFrame, jitter: float, exact: int) -> None:
    """A tenth of the test customers are copies of customers of the first cohort."""
    doubled = frame.copy()
    test, first = (doubled.index[doubled["as_of_date"] == day] for day in (SPLIT.test, COHORTS[0]))
    copied = doubled.loc[first[100:170], FEATURES].to_numpy(object)
    doubled.loc[test[:70], FEATURES] = copied
    doubled = doubled.infer_objects()
    for name in ("invoices__amount__sum_3m", "usage__gb__trend", "tickets__count_3m"):
        doubled[name] = doubled[name].astype(float)
    doubled.loc[test[:70], "usage__gb__trend"] += jitter
    doubled["autopay"] = doubled["autopay"].astype(float)
    found = leak_report(trained(doubled), doubled, 1)
    assert found.twins.exact == pytest.approx(exact, abs=8 if jitter else 0)
    assert 60 <= found.twins.near <= 77
    *others, said = found.findings()
    assert len(others) == (0 if jitter else 1) and knows_each_other(found) == (not jitter)
    assert f"{found.twins.near} of 700 test rows" in said and "doubled ids" in said
    assert found.twins.everybody and found.twins.without


def test_the_same_customer_with_the_same_values_is_no_twin(frame: pd.DataFrame) -> None:
    still = frame.copy()
    test, first = (still.index[still["as_of_date"] == day] for day in (SPLIT.test, COHORTS[0]))
    for name in FEATURES:
        still.loc[test, name] = still.loc[first, name].to_numpy()
    assert leak_report(trained(still), still, 1).twins.exact == 0


def knows_each_other(found: LeakReport) -> bool:
    return any("rows of train and test know each other" in said for said in found.findings())


def under_other_keys(frame: pd.DataFrame, share: float) -> pd.DataFrame:
    """A share of the test customers stand in the train cohorts as well, each under another key."""
    test = frame[frame["as_of_date"] == SPLIT.test]
    copied = test.head(int(share * len(test)))
    others = [copied.assign(customer_key="x" + copied["customer_key"], as_of_date=day) for day in SPLIT.train]
    return pd.concat([frame, *others], ignore_index=True)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("share", "known"), [(0.0, False), (0.3, True), (1.0, True)])
def test_rows_that_know_each_other_foresee_shuffled_labels(
    result: TrainingResult, frame: pd.DataFrame, share: float, known: bool, seed: int
) -> None:
    assert knows_each_other(leak_report(result, under_other_keys(frame, share), seed)) == known


@pytest.mark.parametrize("seed", range(5))
def test_coarse_features_and_customers_that_stay_the_same_foresee_no_shuffled_labels(
    result: TrainingResult, frame: pd.DataFrame, seed: int
) -> None:
    coarse = frame.assign(
        invoices__amount__sum_3m=(frame["invoices__amount__sum_3m"] > 20).astype(float),
        usage__gb__trend=np.sign(frame["usage__gb__trend"]),
    )
    still = frame.copy()
    test, first = (still.index[still["as_of_date"] == day] for day in (SPLIT.test, COHORTS[0]))
    for name in FEATURES:
        still.loc[test, name] = still.loc[first, name].to_numpy()
    for harmless in (coarse, still):
        found = leak_report(result, harmless, seed)
        assert found.shuffled is not None and not knows_each_other(found)


def test_a_feature_that_tells_the_months_apart_is_named(frame: pd.DataFrame) -> None:
    moved = frame.copy()
    moved.loc[moved["as_of_date"] == SPLIT.test, "invoices__amount__sum_3m"] *= 50
    found = leak_report(trained(moved), moved, 1)
    assert found.apart and found.apart.value > 0.9
    assert next(iter(found.apart_by)) == "invoices__amount__sum_3m"
    [said] = found.findings()
    assert "most of all by invoices__amount__sum_3m" in said and "monitoring/drift" in said


def test_parts_that_share_cohorts_are_still_asked_about(frame: pd.DataFrame) -> None:
    split = recent_split(COHORTS, 7, 30)
    result = train(frame, FEATURES, split, SETTINGS, no_spark)
    found = leak_report(result, frame, 1)
    assert found.shuffled is not None and found.apart is not None


def test_too_few_churners_are_not_asked_about(frame: pd.DataFrame, result: TrainingResult) -> None:
    few = frame[frame["as_of_date"] != SPLIT.test].copy()
    few["label"] = 0
    few = pd.concat([few, frame[frame["as_of_date"] == SPLIT.test]])
    few.loc[few["as_of_date"] == SPLIT.test, "label"] = 0
    assert leak_report(result, few, 1).shuffled is None


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0.45, 0.55, False),
        (0.519, 0.56, False),
        (0.521, 0.56, True),
        (0.44, 0.481, False),
        (0.44, 0.479, True),
    ],
)
def test_shuffled_labels_that_are_foreseen_are_a_finding(low: float, high: float, found: bool) -> None:
    assert tells_shuffled_labels(low, high) == found
    report = replace(QUIET, shuffled=Auc((low + high) / 2, low, high))
    assert bool(report.findings()) == found


def test_a_strong_feature_is_a_finding() -> None:
    assert replace(QUIET, alone={"a": 0.85}).findings() == []
    [said] = replace(QUIET, alone={"a": 0.86}).findings()
    assert said.startswith("a alone tells churners apart with a ROC-AUC of 0.860")


def test_what_knows_the_future_gains_from_it(tmp_path: Path) -> None:
    """Subscriptions joined as they stand at the end of the history, against the simulator's truth at the as_of date."""
    plan = SimulationPlan(customers=1500, start=date(2025, 1, 1), months=7, seed=4, dirt=DirtRates.none())
    world = make_world(tmp_path, plan)
    as_of = "2025-04-30"
    truth = eligible(world.hazard())
    truth = truth[truth["as_of_date"].astype(str) == as_of].set_index("customer_id")
    spells = world.table("subscriptions").sort_values("extract_date")

    def state(rows: pd.DataFrame) -> pd.DataFrame:
        newest = rows.drop_duplicates("subscription_id", keep="last").drop_duplicates(
            "customer_id", keep="last"
        )
        newest = newest.set_index("customer_id").loc[truth.index]
        return pd.DataFrame(
            {
                "monthly_price": newest["monthly_price"].astype(float),
                "contract_months": newest["contract_months"].astype(float),
                "in_notice": newest["notice_on"].ne("").astype(float),
                "plan": newest["plan"].astype(object),
            }
        )

    known = spells[spells["extract_date"] <= as_of]
    labels = truth["voluntary_end_in_window"].astype(float).to_numpy()
    gains = future_gains(
        state(spells), state(known), labels, ["monthly_price", "contract_months", "in_notice", "plan"]
    )
    assert next(iter(gains)) == "in_notice" and gains["in_notice"] > 0.3
    assert abs(gains["contract_months"]) < 0.1
    findings = replace(QUIET, future=gains).findings()
    assert findings[0].startswith("in_notice gains +") and "source with history" in findings[0]
    honest = future_gains(state(known), state(known), labels, ["monthly_price", "in_notice"])
    assert set(honest.values()) == {0.0} and replace(QUIET, future=honest).findings() == []


def test_gains_are_zero_where_nothing_differs(frame: pd.DataFrame) -> None:
    labels = frame["label"].to_numpy(np.float64)
    assert set(future_gains(frame, frame, labels, FEATURES).values()) == {0.0}
