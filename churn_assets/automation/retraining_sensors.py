"""Sensors that request trainings. They read a few rows of the lake and start neither Spark nor a JVM."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg

from churn_assets.automation.traced_requests import traced
from churn_assets.automation.under_way import training_under_way
from churn_assets.contracts.business import Business
from churn_assets.counts import counted
from churn_assets.graph.names import DEGRADATION, NEW_DATA, REQUESTED_BY, TRAIN, WHY
from churn_assets.graph.partitions import snapshot_months
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.models.champions import champion_at, provisional
from churn_assets.models.decisions import decided
from churn_assets.monitoring.degradation import RetrainingDecision, decide, judged_cohorts
from churn_assets.months import month_end

EVERY_SECONDS = 3600
DEGRADATION_SENSOR = "retrain_on_degradation_sensor"
NEEDED = (tables.CHAMPIONS, tables.TRAINING_RUNS, tables.MODEL_PERFORMANCE, tables.CHURN_LABELS)


def _settled(lakehouse: Lakehouse) -> list[dict[str, Any]]:
    """as_of_date and label_available_at of the cohorts that have labels."""
    by = ["as_of_date", "label_available_at"]
    cohorts = lakehouse.aggregate(tables.CHURN_LABELS, by, [("label", "count")]).to_pylist()
    return [cohort for cohort in cohorts if cohort["label_count"]]


def degradation_decision(
    lakehouse: Lakehouse, business: Business, month: str
) -> tuple[RetrainingDecision, str]:
    """Whether the champion has degraded as of the end of `month`, and a key that is the same for the same evidence.

    Cohorts whose labels settled after that do not count: the training could neither learn from them nor test on them.
    """
    missing = [t.path for t in NEEDED if not lakehouse.exists(t)]
    if missing:
        return RetrainingDecision(False, f"Nothing to judge yet: {', '.join(missing)} does not exist."), ""
    champion = champion_at(decided(lakehouse), month_end(month))
    if champion is None:
        return RetrainingDecision(False, f"No model was in charge on {month_end(month)}."), ""
    trainings = lakehouse.arrow(tables.TRAINING_RUNS).to_pylist()
    references = [t["auc"] for t in trainings if t["model_version"] == champion.model_version]
    if not references:
        return RetrainingDecision(
            False, f"Version {champion.model_version} has no training on record, so no reference."
        ), ""
    later = {c["as_of_date"] for c in _settled(lakehouse) if c["label_available_at"] > month_end(month)}
    judged = lakehouse.arrow(tables.MODEL_PERFORMANCE).to_pylist()
    cohorts = judged_cohorts([r for r in judged if r["as_of_date"] not in later], champion.model_version)
    last: date = max(t["trained_as_of"] for t in trainings)
    rule = business.file.retraining.degradation
    decision = decide(cohorts, references[-1], last, month_end(month), rule)
    newest = cohorts[-1].as_of_date if cohorts else None
    return decision, f"degradation-{champion.model_version}-{newest}"


def new_data_decision(lakehouse: Lakehouse, business: Business, month: str) -> tuple[RetrainingDecision, str]:
    """Whether enough cohorts have matured since the last training by the end of `month`, and a key for this evidence.

    For a provisional champion (see `champions.provisional`) one new cohort is enough.
    """
    rule = business.file.retraining.new_data
    if not rule.enabled:
        return RetrainingDecision(False, "Switched off in churn.yaml (retraining.new_data.enabled)."), ""
    missing = [t.path for t in (tables.TRAINING_RUNS, tables.CHURN_LABELS) if not lakehouse.exists(t)]
    if missing:
        return RetrainingDecision(
            False, f"Nothing to count from yet: {', '.join(missing)} does not exist."
        ), ""
    trainings = lakehouse.arrow(tables.TRAINING_RUNS).to_pylist()
    last: date = max(t["trained_as_of"] for t in trainings)
    today = month_end(month)
    new = sorted(c["as_of_date"] for c in _settled(lakehouse) if last < c["label_available_at"] <= today)
    champion = champion_at(decided(lakehouse), today)
    unsure = champion and provisional(trainings, champion.model_version, rule.matured_months)
    wanted = 1 if unsure else rule.matured_months
    matured = counted(len(new), "cohort has", "cohorts have")
    told = f"{matured} matured since the training as of {last}; it takes {wanted}."
    if champion and unsure:
        knows = (
            f"knows only the cohorts from {unsure.since} on"
            if unsure.since
            else "may know mostly the world before"
        )
        told += f" Version {champion.model_version} is provisional: it {knows}."
    return RetrainingDecision(len(new) >= wanted, told), f"new-data-{last}-{new[-1] if new else None}"


def _new_data_alone(lakehouse: Lakehouse, business: Business, month: str) -> tuple[RetrainingDecision, str]:
    """`new_data_decision`, but no request if degradation requests the same training: both sensors run in parallel."""
    decision, key = new_data_decision(lakehouse, business, month)
    if decision.retrain and degradation_decision(lakehouse, business, month)[0].retrain:
        told = f"{decision.reason} The champion has degraded, so {DEGRADATION_SENSOR} asks for it."
        return RetrainingDecision(False, told), key
    return decision, key


def _training_sensor(
    business: Business,
    name: str,
    description: str,
    by: str,
    decide_as_of: Callable[[Lakehouse, Business, str], tuple[RetrainingDecision, str]],
) -> dg.SensorDefinition:
    """A sensor that requests a training as of the newest closed month if `decide_as_of` says so and none is under way.

    It requests a training at most once a day for the same evidence. A failed training (MLflow was down) is requested
    again the next day; a successful one removes the reason.
    """

    @dg.sensor(
        name=name,
        job_name=TRAIN,
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=description,
    )
    def sensor(
        context: dg.SensorEvaluationContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.RunRequest | dg.SkipReason:
        month = snapshot_months(business).get_last_partition_key()
        if month is None:
            return dg.SkipReason("No month is closed yet.")
        decision, key = decide_as_of(lakehouse, business, month)
        if not decision.retrain:
            return dg.SkipReason(decision.reason)
        if training_under_way(context.instance):
            return dg.SkipReason(f"A training is under way. {decision.reason}")
        tags = {REQUESTED_BY: by, WHY: decision.reason[:900]}
        run_key = f"{key}-{datetime.now(UTC):%Y-%m-%d}"
        return traced(dg.RunRequest(run_key=run_key, partition_key=month, tags=tags), name)

    return sensor


def retrain_on_new_data_sensor(business: Business) -> dg.SensorDefinition:
    """A sensor that requests a training when enough cohorts have matured since the last one."""
    return _training_sensor(
        business,
        "retrain_on_new_data_sensor",
        "Requests a training when enough cohorts have matured since the last one: the number in "
        "`retraining.new_data` of churn.yaml, or one while the champion is provisional (it has learned from fewer "
        f"cohorts since a degradation). It requests none while {DEGRADATION_SENSOR} does.",
        NEW_DATA,
        _new_data_alone,
    )


def retrain_on_degradation_sensor(business: Business) -> dg.SensorDefinition:
    """A sensor that requests a training when the champion's AUC has degraded by the rule in churn.yaml."""
    return _training_sensor(
        business,
        DEGRADATION_SENSOR,
        "Requests a training when the AUC of the champion's matured cohorts has degraded by the rule under "
        "`retraining.degradation` in churn.yaml. Each tick shows how far each cohort is from that.",
        DEGRADATION,
        degradation_decision,
    )
