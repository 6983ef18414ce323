"""The sensors that call for a training, on a small lake; no Spark anywhere."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from churn_assets.automation.retraining_sensors import (
    degradation_decision,
    new_data_decision,
    retrain_on_degradation_sensor,
    retrain_on_new_data_sensor,
)
from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.metrics.classification import OK
from churn_assets.monitoring.performance import not_yet
from churn_assets.months import add_months, month_end, month_of
from churn_assets_tests.lakes import small_business
from churn_assets_tests.scored_cohorts import MONTHS, put_in_charge, write


def _performance(house: Lakehouse, *upper_ends: float) -> None:
    rows = []
    for month, high in zip(MONTHS, upper_ends, strict=True):
        [row] = not_yet(month_end(month), house.arrow(tables.CHURN_SCORES).to_pandas()[:100], OK)
        rows.append(row | {"positives": 60, "auc": high - 0.03, "auc_low": high - 0.06, "auc_high": high})
    write(house, tables.MODEL_PERFORMANCE, rows)
    labels = house.arrow(tables.CHURN_LABELS).to_pylist()
    settled = {"label": 0, "outcome": "stayed"}
    write(house, tables.CHURN_LABELS, [r if r["outcome"] != "pending" else r | settled for r in labels])


def test_without_a_champion_there_is_nothing_to_judge(lakehouse: Lakehouse, business: Business) -> None:
    decision, _ = degradation_decision(lakehouse, business, "2025-12")
    assert not decision.retrain and "models/champions" in decision.reason


def test_the_sensor_requests_one_training_with_its_reason(lakehouse: Lakehouse, business: Business) -> None:
    put_in_charge(lakehouse, 0.80)
    sensor = retrain_on_degradation_sensor(business)
    with dg.DagsterInstance.ephemeral() as instance:

        def tick() -> Any:
            context = dg.build_sensor_context(instance=instance, resources={"lakehouse": lakehouse})
            return sensor(context)

        _performance(lakehouse, 0.85, 0.84, 0.77)
        healthy = tick()
        assert isinstance(healthy, dg.SkipReason) and "1 of the 2 cohorts" in str(healthy.skip_message)
        _performance(lakehouse, 0.85, 0.77, 0.76)
        request = tick()
        assert isinstance(request, dg.RunRequest)
        asked = f"degradation-1-2025-08-31-{datetime.now(UTC):%Y-%m-%d}"
        assert (request.partition_key, request.run_key) == ("2025-12", asked)
        assert request.tags["churn/retraining"] == "degradation"
        assert "2 of the last 3 cohorts" in request.tags["churn/why"]
        again = tick()
        assert isinstance(again, dg.RunRequest) and again.run_key == request.run_key
        instance.add_run(dg.DagsterRun(job_name="train", run_id="1" * 8, status=dg.DagsterRunStatus.STARTED))
        waiting = tick()
        assert isinstance(waiting, dg.SkipReason) and "under way" in str(waiting.skip_message)
    assert "spark" not in vars(lakehouse)


def test_a_cohort_that_settled_after_the_month_is_no_evidence_in_it(
    lakehouse: Lakehouse, business: Business
) -> None:
    """July and August are bad; August's labels came at the end of October."""
    put_in_charge(lakehouse, 0.80)
    _performance(lakehouse, 0.85, 0.77, 0.76)
    decision, key = degradation_decision(lakehouse, business, "2025-09")
    assert not decision.retrain and key == "degradation-1-2025-07-31"
    assert degradation_decision(lakehouse, business, "2025-10")[0].retrain


def test_the_champion_of_the_month_is_judged_and_none_of_a_later_one(
    lakehouse: Lakehouse, business: Business
) -> None:
    """A version that is in charge from next June on has no cohort yet, and would be found healthy for a year."""
    put_in_charge(lakehouse, 0.80)
    put_in_charge(lakehouse, 0.80, "2", since=date(2026, 6, 30))
    _performance(lakehouse, 0.85, 0.77, 0.76)
    assert degradation_decision(lakehouse, business, "2025-12")[0].retrain
    nobody, _ = degradation_decision(lakehouse, business, "2025-04")
    assert not nobody.retrain and "No model was in charge on 2025-04-30" in nobody.reason


def test_one_month_is_not_trained_for_both_reasons(lakehouse: Lakehouse, tmp_path: Path) -> None:
    """The sensors tick side by side, so neither sees what the other has just asked for."""
    business = load_business(small_business(tmp_path, retraining={"new_data": {"matured_months": 2}}))
    put_in_charge(lakehouse, 0.80)
    with dg.DagsterInstance.ephemeral() as instance:

        def tick() -> list[Any]:
            context = dg.build_sensor_context(instance=instance, resources={"lakehouse": lakehouse})
            return [
                sensor(business)(context)
                for sensor in (retrain_on_degradation_sensor, retrain_on_new_data_sensor)
            ]

        _performance(lakehouse, 0.85, 0.84, 0.77)
        assert [type(found) for found in tick()] == [dg.SkipReason, dg.RunRequest]
        _performance(lakehouse, 0.85, 0.77, 0.76)
        degraded, new = tick()
        assert (type(degraded), type(new)) == (dg.RunRequest, dg.SkipReason)
        assert "retrain_on_degradation_sensor asks for it" in new.skip_message


@pytest.mark.parametrize(("asset", "waits"), [("models/churn_model", True), ("gold/customers", False)])
def test_a_training_that_somebody_started_as_an_asset_is_under_way_too(
    lakehouse: Lakehouse, business: Business, asset: str, waits: bool
) -> None:
    """From the asset's page, alone or as a backfill: Dagster's own job, with a selection."""
    put_in_charge(lakehouse, 0.80)
    _performance(lakehouse, 0.85, 0.77, 0.76)
    with dg.DagsterInstance.ephemeral() as instance:
        chosen = frozenset({dg.AssetKey(asset.split("/"))})
        status = dg.DagsterRunStatus.STARTED
        instance.add_run(
            dg.DagsterRun(job_name="__ASSET_JOB", run_id="1" * 8, status=status, asset_selection=chosen)
        )
        context = dg.build_sensor_context(instance=instance, resources={"lakehouse": lakehouse})
        found: Any = retrain_on_degradation_sensor(business)(context)
        assert isinstance(found, dg.SkipReason) is waits
        assert not waits or "A training is under way" in str(found.skip_message)


@pytest.mark.parametrize(("wanted", "retrain"), [(1, True), (2, True), (3, False)])
def test_newly_matured_cohorts_are_counted_from_the_last_training(
    lakehouse: Lakehouse, tmp_path: Path, wanted: int, retrain: bool
) -> None:
    """June and July have matured since the training as of May; August is pending."""
    rule = {"new_data": {"matured_months": wanted}}
    business = load_business(small_business(tmp_path, retraining=rule))
    assert (
        "models/training_runs does not exist" in new_data_decision(lakehouse, business, "2025-12")[0].reason
    )
    put_in_charge(lakehouse, 0.8)
    decision, key = new_data_decision(lakehouse, business, "2025-12")
    assert (decision.retrain, key) == (retrain, "new-data-2025-05-31-2025-07-31")
    assert (
        f"2 cohorts have matured since the training as of 2025-05-31; it takes {wanted}." in decision.reason
    )


@pytest.mark.parametrize(
    ("first", "test", "told"),
    [
        (date(2025, 3, 31), date(2025, 5, 31), "knows only the cohorts from 2025-03-31 on"),
        (date(2024, 11, 30), date(2025, 5, 31), "may know mostly the world before"),
        (date(2025, 3, 31), date(2025, 7, 31), ""),  # tested out of time
    ],
)
def test_a_provisional_champion_learns_on_with_each_cohort(
    lakehouse: Lakehouse, tmp_path: Path, first: date, test: date, told: str
) -> None:
    """It has learned up to May, from 3 or 7 cohorts; others are trained anew every 6."""
    business = load_business(small_business(tmp_path, retraining={"new_data": {"matured_months": 6}}))
    may = date(2025, 5, 31)
    put_in_charge(lakehouse, 0.8, learned_from=first, learned_until=may, test_as_of_date=test)
    decision, _ = new_data_decision(lakehouse, business, "2025-12")
    assert decision.retrain is bool(told)
    assert told in decision.reason and ("provisional" in decision.reason) is bool(told)


def test_a_cohort_that_matures_after_the_month_does_not_count_in_it(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    business = load_business(small_business(tmp_path, retraining={"new_data": {"matured_months": 2}}))
    put_in_charge(lakehouse, 0.8)
    available = lakehouse.arrow(
        tables.CHURN_LABELS, ["label_available_at"], [("as_of_date", "=", date(2025, 7, 31))]
    )
    [day] = set(available["label_available_at"].to_pylist())
    before = add_months(month_of(day), -1)
    assert not new_data_decision(lakehouse, business, before)[0].retrain
    assert new_data_decision(lakehouse, business, month_of(day))[0].retrain


def test_new_data_can_be_switched_off_alone(lakehouse: Lakehouse, tmp_path: Path) -> None:
    business = load_business(small_business(tmp_path, retraining={"new_data": {"enabled": False}}))
    put_in_charge(lakehouse, 0.8)
    assert "Switched off" in new_data_decision(lakehouse, business, "2025-12")[0].reason
    assert "Switched off" not in degradation_decision(lakehouse, business, "2025-12")[0].reason
