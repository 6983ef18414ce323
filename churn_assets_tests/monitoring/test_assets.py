"""monitoring/model_performance and the sensor that reads it, on a small lake; no Spark anywhere."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.definitions import tracking_of
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse, LakehouseError
from churn_assets.models.evaluation import OK
from churn_assets.monitoring.assets import MONTHLY_PAGE, monitoring_assets
from churn_assets.monitoring.cohorts import population
from churn_assets.monitoring.drift import Population
from churn_assets.monitoring.performance import EXPECTED, as_table, not_yet
from churn_assets.monitoring.sensors import (
    auc_degradation_sensor,
    degradation_decision,
    new_data_decision,
    new_data_sensor,
)
from churn_assets.months import add_months, month_end, month_of, month_range
from churn_assets.partitions import range_tags
from churn_assets_tests.lakes import settings_for, small_business

MONTHS = ["2025-06", "2025-07", "2025-08"]
CUSTOMERS = 400


@pytest.fixture
def business(tmp_path: Path) -> Business:
    """customers, subscriptions and tickets, 2025."""
    return load_business(small_business(tmp_path, retraining=None))


@pytest.fixture
def lakehouse(tmp_path: Path, business: Business) -> Lakehouse:
    """Three scored cohorts: June has matured, July too but lacks an extract, August is pending."""
    house = Lakehouse(settings_for(tmp_path))
    rng = np.random.default_rng(3)
    scores, labels = [], []
    for month in MONTHS:
        raw = rng.normal(size=CUSTOMERS)
        left = rng.random(CUSTOMERS) < 1 / (1 + np.exp(2 - 1.5 * raw))
        for i in range(CUSTOMERS):
            key = f"{i * 16**8 // CUSTOMERS:08x}"
            day = month_end(month)
            scores.append(
                {
                    "customer_key": key,
                    "as_of_date": day,
                    "model_version": "1",
                    "raw": raw[i],
                    "probability": 1 / (1 + np.exp(2 - raw[i])),
                }
            )
            pending = month == "2025-08"
            labels.append(
                {
                    "customer_key": key,
                    "as_of_date": day,
                    "label": None if pending else int(left[i]),
                    "outcome": "pending" if pending else "churned" if left[i] else "stayed",
                    "label_available_at": month_end(add_months(month, 2)),
                }
            )
    _write(house, tables.CHURN_SCORES, scores)
    _write(house, tables.CHURN_LABELS, labels)
    passed = [
        {"source": s.name, "extract_month": m, "balances": True}
        for s in business.sources
        for m in month_range("2025-06", "2025-09")
        if (s.name, m) != ("tickets", "2025-09")
    ]
    house.replace_rows(
        tables.RECONCILIATION,
        pa.Table.from_pylist(passed),
        "extract_month",
        month_range("2025-06", "2025-09"),
        run_id="run",
    )
    return house


def _write(house: Lakehouse, table: tables.Table, rows: Sequence[dict[str, Any]]) -> None:
    days = sorted({row["as_of_date"] for row in rows})
    house.replace_rows(table, pa.Table.from_pylist(list(rows)), "as_of_date", days, run_id="run")


def _monitor(
    lakehouse: Lakehouse,
    business: Business,
    months: Sequence[str],
    instance: Any = None,
    chosen: Sequence[tables.Table] = (tables.MODEL_PERFORMANCE,),
) -> dg.ExecuteInProcessResult:
    upstream = (tables.CHURN_SCORES, tables.CHURN_LABELS, tables.CUSTOMER_SNAPSHOTS, tables.CUSTOMER_SEGMENTS)
    return dg.materialize(
        [*monitoring_assets(business), *(dg.AssetSpec(t.key) for t in upstream)],
        selection=dg.AssetSelection.assets(*(table.key for table in chosen)),
        resources={"lakehouse": lakehouse, "tracking": tracking_of(lakehouse.settings, business)},
        tags=range_tags(months),
        instance=instance,
    )


def test_each_cohort_is_judged_or_says_why_not(lakehouse: Lakehouse, business: Business) -> None:
    assert _monitor(lakehouse, business, MONTHS).success
    rows = {str(r["as_of_date"]): r for r in lakehouse.arrow(tables.MODEL_PERFORMANCE).to_pylist()}
    june, july, august = (rows[str(month_end(m))] for m in MONTHS)
    assert (june["status"], june["n"], june["model_version"]) == (OK, CUSTOMERS, "1")
    assert 0.7 < june["auc_low"] < june["auc"] < june["auc_high"] < 0.95
    # a lost extract in its outcome window: silence must not become loyalty
    assert (july["status"], july["auc"], july["positives"]) == ("feed incomplete", None, None)
    assert (august["status"], august["auc"]) == ("immature", None)
    assert "spark" not in vars(lakehouse)


def test_each_month_of_a_range_has_its_own_figures(lakehouse: Lakehouse, business: Business) -> None:
    """One run of three months is one materialisation a month, so that the UI can plot what only June has."""
    with dg.DagsterInstance.ephemeral() as instance:
        _monitor(lakehouse, business, MONTHS, instance)
        found = instance.fetch_materializations(dg.AssetKey(tables.MODEL_PERFORMANCE.key), limit=10).records
    points = {
        str(r.partition_key): {
            name: v.value
            for name, v in r.asset_materialization.metadata.items()
            if isinstance(v.value, float)
        }
        for r in found
        if r.asset_materialization
    }
    rows = {str(r["as_of_date"])[:7]: r for r in lakehouse.arrow(tables.MODEL_PERFORMANCE).to_pylist()}
    assert sorted(points) == MONTHS
    june = ("auc", "auc_low", "auc_high", "pr_auc", "brier", "calibration_slope", "calibration_intercept")
    june = (*june, "lift_top_decile", "precision", "recall", "untreated_auc", "base_rate", *EXPECTED)
    assert {name: points["2025-06"][name] for name in june} == {name: rows["2025-06"][name] for name in june}
    for month in MONTHS[1:]:
        assert points[month] == {name: rows[month][name] for name in EXPECTED}


def test_treated_are_those_whom_the_rule_names_in_time(lakehouse: Lakehouse, tmp_path: Path) -> None:
    """June's labels are available on 31 August: a treatment counts after 30 June until then, and only of the kind."""
    rule = {"treated": [{"source": "tickets", "column": "category", "values": ["network"]}]}
    business = load_business(small_business(tmp_path, retraining=None, monitoring=rule))
    tickets = [
        ("00000000", "1", "network", datetime(2025, 6, 30, 23, tzinfo=UTC), date(2025, 6, 30)),
        ("00a3d70a", "2", "network", datetime(2025, 7, 1, 1, tzinfo=UTC), date(2025, 7, 7)),
        ("0147ae14", "3", "billing", datetime(2025, 7, 1, 1, tzinfo=UTC), date(2025, 7, 7)),
        ("01eb851e", "4", "network", datetime(2025, 8, 31, 23, tzinfo=UTC), date(2025, 8, 31)),
        ("028f5c28", "5", "network", datetime(2025, 9, 1, 1, tzinfo=UTC), date(2025, 9, 7)),
        # corrected: in time, and after the label had settled
        ("03333333", "6", "network", datetime(2025, 7, 1, 1, tzinfo=UTC), date(2025, 7, 7)),
        ("03333333", "6", "billing", datetime(2025, 7, 1, 1, tzinfo=UTC), date(2025, 8, 31)),
        ("03d70a3d", "7", "network", datetime(2025, 7, 1, 1, tzinfo=UTC), date(2025, 7, 7)),
        ("03d70a3d", "7", "billing", datetime(2025, 7, 1, 1, tzinfo=UTC), date(2025, 9, 7)),
    ]
    names = ("customer_key", "ticket_id", "category", "opened_at", "known_at")
    told = [dict(zip(names, row, strict=True)) for row in tickets]
    rows = pa.Table.from_pylist(
        [row | {"sequence": 1, "extract_month": month_of(row["known_at"])} for row in told]
    )
    months = month_range("2025-06", "2025-09")
    table = tables.silver(business.source("tickets"))
    lakehouse.replace_rows(table, rows, "extract_month", months, run_id="run")
    _monitor(lakehouse, business, MONTHS[:1])
    [june] = lakehouse.arrow(tables.MODEL_PERFORMANCE).to_pylist()
    assert june["treated"] == 3
    assert june["untreated_auc"] is not None and june["untreated_auc"] != june["auc"]


def test_where_nobody_was_treated_nobody_is(lakehouse: Lakehouse, tmp_path: Path) -> None:
    """Tickets, which have a time of day, of another month alone."""
    rule = {"treated": [{"source": "tickets"}]}
    business = load_business(small_business(tmp_path, retraining=None, monitoring=rule))
    ticket = {"customer_key": "00000000", "ticket_id": "1", "opened_at": datetime(2025, 5, 3, tzinfo=UTC)}
    known = {"known_at": date(2025, 5, 7), "sequence": 1, "extract_month": "2025-05"}
    table = tables.silver(business.source("tickets"))
    lakehouse.replace_rows(
        table, pa.Table.from_pylist([ticket | known]), "extract_month", ["2025-05"], run_id="run"
    )
    assert _monitor(lakehouse, business, MONTHS[:1]).success
    [june] = lakehouse.arrow(tables.MODEL_PERFORMANCE).to_pylist()
    assert june["treated"] == 0


def test_a_cohort_has_its_size_and_later_its_churners_beside_the_training(
    lakehouse: Lakehouse, business: Business
) -> None:
    trained = {"split": {"train": ["2025-03-31", "2025-04-30", "2025-01-31"]}}
    sizes = {date(2025, 3, 31): 380, date(2025, 4, 30): 390, date(2025, 6, 30): 400}
    june = month_end("2025-06")
    assert population(lakehouse, june, "1", trained, sizes) == Population(400, 385.0)
    _monitor(lakehouse, business, MONTHS)
    [row] = lakehouse.arrow(tables.MODEL_PERFORMANCE, filters=[("as_of_date", "=", june)]).to_pylist()
    assert population(lakehouse, june, "1", trained, sizes) == Population(400, 385.0, 400, row["positives"])
    assert population(lakehouse, june, "2", trained, {june: 400}) == Population(400)


def test_a_month_again_replaces_only_itself(lakehouse: Lakehouse, business: Business) -> None:
    _monitor(lakehouse, business, MONTHS)
    before = lakehouse.arrow(tables.MODEL_PERFORMANCE).sort_by("as_of_date")
    assert _monitor(lakehouse, business, MONTHS[:1]).success
    assert lakehouse.arrow(tables.MODEL_PERFORMANCE).sort_by("as_of_date").equals(before)
    assert lakehouse.version(tables.MODEL_PERFORMANCE) == 1


def test_rows_of_another_slice_are_refused(lakehouse: Lakehouse) -> None:
    rows = lakehouse.arrow(tables.CHURN_LABELS).slice(0, 5)
    with pytest.raises(LakehouseError, match="outside the slice of as_of_date"):
        lakehouse.replace_rows(tables.CHURN_LABELS, rows, "as_of_date", [date(2031, 1, 31)], run_id="run")
    assert lakehouse.version(tables.CHURN_LABELS) == 0


def test_each_month_has_its_page(lakehouse: Lakehouse, business: Business) -> None:
    _champion(lakehouse, 0.80)
    segments = [
        {
            "customer_key": f"{i * 16**8 // 100:08x}",
            "as_of_date": month_end(month),
            "segment": "all" if i < stays else "gone by",
            "action": "wait",
            "probability": 0.1,
        }
        for month, stays in (("2025-06", 100), ("2025-07", 70))
        for i in range(100)
    ]
    _write(lakehouse, tables.CUSTOMER_SEGMENTS, segments)
    with dg.DagsterInstance.ephemeral() as instance:
        _monitor(
            lakehouse, business, [*MONTHS, "2025-09"], instance, (tables.MODEL_PERFORMANCE, MONTHLY_PAGE)
        )
        found = instance.fetch_materializations(dg.AssetKey(MONTHLY_PAGE.key), limit=10).records
    metadata = {
        str(r.partition_key): r.asset_materialization.metadata for r in found if r.asset_materialization
    }
    june, july, august, september = (str(metadata[m]["page"].value) for m in (*MONTHS, "2025-09"))
    assert (
        "# Customers at risk, June 2025\n\nAs of 30 June 2025. Model version 1, trained as of 31 May 2025."
        in june
    )
    assert "For June 2025" in june and "no segments of the month before" in june
    assert "| all | gone by | 30 |" in july and "deliveries are missing" in july
    assert metadata["2025-07"]["customers moved"].value == 30
    assert "results follow" in august and "segments of this month have not been made" in august
    assert "customers moved" not in metadata["2025-08"]
    assert "Nobody was scored" in september
    assert "spark" not in vars(lakehouse)


def _champion(house: Lakehouse, auc: float, **learned: date) -> None:
    trained = date(2025, 5, 31)
    now = datetime(2025, 6, 2, tzinfo=UTC)
    training = {"trained_as_of": trained, "model_version": "1", "auc": auc, "trained_at": now} | learned
    decision = {
        "in_charge_from": trained,
        "trained_as_of": trained,
        "model_version": "1",
        "promoted": True,
        "decided_at": now,
    }
    for table, row in ((tables.TRAINING_RUNS, training), (tables.CHAMPIONS, decision)):
        house.replace_rows(table, pa.Table.from_pylist([row]), "model_version", ["1"], run_id="run")


def _performance(house: Lakehouse, *upper_ends: float) -> None:
    rows = []
    for month, high in zip(MONTHS, upper_ends, strict=True):
        [row] = not_yet(month_end(month), house.arrow(tables.CHURN_SCORES).to_pandas()[:100], OK)
        rows.append(row | {"positives": 60, "auc": high - 0.03, "auc_low": high - 0.06, "auc_high": high})
    days = [row["as_of_date"] for row in rows]
    house.replace_rows(tables.MODEL_PERFORMANCE, as_table(rows), "as_of_date", days, run_id="run")
    labels = house.arrow(tables.CHURN_LABELS).to_pylist()
    settled = {"label": 0, "outcome": "stayed"}
    _write(house, tables.CHURN_LABELS, [r if r["outcome"] != "pending" else r | settled for r in labels])


def test_without_a_champion_there_is_nothing_to_judge(lakehouse: Lakehouse, business: Business) -> None:
    decision, _ = degradation_decision(lakehouse, business, "2025-12")
    assert not decision.retrain and "models/champions" in decision.reason


def test_the_sensor_requests_one_training_with_its_reason(lakehouse: Lakehouse, business: Business) -> None:
    _champion(lakehouse, 0.80)
    sensor = auc_degradation_sensor(business)
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
    _champion(lakehouse, 0.80)
    _performance(lakehouse, 0.85, 0.77, 0.76)
    decision, key = degradation_decision(lakehouse, business, "2025-09")
    assert not decision.retrain and key == "degradation-1-2025-07-31"
    assert degradation_decision(lakehouse, business, "2025-10")[0].retrain


def test_one_month_is_not_trained_for_both_reasons(lakehouse: Lakehouse, tmp_path: Path) -> None:
    """The sensors tick side by side, so neither sees what the other has just asked for."""
    business = load_business(small_business(tmp_path, retraining={"new_data": {"matured_months": 2}}))
    _champion(lakehouse, 0.80)
    with dg.DagsterInstance.ephemeral() as instance:

        def tick() -> list[Any]:
            context = dg.build_sensor_context(instance=instance, resources={"lakehouse": lakehouse})
            return [sensor(business)(context) for sensor in (auc_degradation_sensor, new_data_sensor)]

        _performance(lakehouse, 0.85, 0.84, 0.77)
        assert [type(found) for found in tick()] == [dg.SkipReason, dg.RunRequest]
        _performance(lakehouse, 0.85, 0.77, 0.76)
        degraded, new = tick()
        assert (type(degraded), type(new)) == (dg.RunRequest, dg.SkipReason)
        assert "auc_degradation_sensor asks for it" in new.skip_message


@pytest.mark.parametrize(("asset", "waits"), [("models/churn_model", True), ("gold/customers", False)])
def test_a_training_that_somebody_started_as_an_asset_is_under_way_too(
    lakehouse: Lakehouse, business: Business, asset: str, waits: bool
) -> None:
    """From the asset's page, alone or as a backfill: Dagster's own job, with a selection."""
    _champion(lakehouse, 0.80)
    _performance(lakehouse, 0.85, 0.77, 0.76)
    with dg.DagsterInstance.ephemeral() as instance:
        chosen = frozenset({dg.AssetKey(asset.split("/"))})
        status = dg.DagsterRunStatus.STARTED
        instance.add_run(
            dg.DagsterRun(job_name="__ASSET_JOB", run_id="1" * 8, status=status, asset_selection=chosen)
        )
        context = dg.build_sensor_context(instance=instance, resources={"lakehouse": lakehouse})
        found: Any = auc_degradation_sensor(business)(context)
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
    _champion(lakehouse, 0.8)
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
    _champion(lakehouse, 0.8, learned_from=first, learned_until=may, test_as_of_date=test)
    decision, _ = new_data_decision(lakehouse, business, "2025-12")
    assert decision.retrain is bool(told)
    assert told in decision.reason and ("provisional" in decision.reason) is bool(told)


def test_a_cohort_that_matures_after_the_month_does_not_count_in_it(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    business = load_business(small_business(tmp_path, retraining={"new_data": {"matured_months": 2}}))
    _champion(lakehouse, 0.8)
    available = lakehouse.arrow(
        tables.CHURN_LABELS, ["label_available_at"], [("as_of_date", "=", date(2025, 7, 31))]
    )
    [day] = set(available["label_available_at"].to_pylist())
    before = add_months(month_of(day), -1)
    assert not new_data_decision(lakehouse, business, before)[0].retrain
    assert new_data_decision(lakehouse, business, month_of(day))[0].retrain


def test_new_data_can_be_switched_off_alone(lakehouse: Lakehouse, tmp_path: Path) -> None:
    business = load_business(small_business(tmp_path, retraining={"new_data": {"enabled": False}}))
    _champion(lakehouse, 0.8)
    assert "Switched off" in new_data_decision(lakehouse, business, "2025-12")[0].reason
    assert "Switched off" not in degradation_decision(lakehouse, business, "2025-12")[0].reason
