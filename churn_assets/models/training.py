"""Runs one training as of a date: reads the sample, trains, checks, compares with the champion, and records."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from churn_assets import trace
from churn_assets.contracts.business import Business
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.table_asset import CODE_VERSION
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.engine.profiles import is_local
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.openmp import share_cores
from churn_assets.models.champions import Champion, Provisional, champion_at, provisional
from churn_assets.models.comparison import compare
from churn_assets.models.decisions import BY_TRAINING, Decision, decided, record_decision
from churn_assets.models.request import (
    BETTER_THAN_CHANCE,
    ENOUGH_COHORTS,
    NO_LEAK,
    USABLE_SAMPLE,
    Sample,
    TrainingRequest,
)
from churn_assets.models.training_frame import mature_cohorts, mature_midmonth_days, training_frame
from churn_assets.months import month_of, month_range, spoken
from churn_assets.progress import note

if TYPE_CHECKING:
    import pandas as pd

    from churn_assets.ml.candidates.candidate import EngineChoice
    from churn_assets.ml.metrics.classification import Metrics
    from churn_assets.ml.training.result import TrainingResult
    from churn_assets.ml.training.search import Search
    from churn_assets.ml.training.split import Split
    from churn_assets.models.inspection import Inspection
    from churn_assets.models.promotion_rule import Verdict
    from churn_assets.tracking.training_run import TrainingRun

SHOWN_FEATURES = 15


@dataclass(frozen=True)
class Trained:
    """A registered model, with the metadata of its materialisation and the evidence of each check."""

    model_version: str
    metadata: dict[str, Any]
    evidence: dict[str, dict[str, Any]]


def train_as_of(training: TrainingRequest) -> Trained:
    """Trains, registers the model, and records the training and the decision.

    Raises:
        NotEnoughHistory: too few cohorts had matured by then; nothing was recorded.
        CheckFailed: the sample is unusable, there is a leak, or the model is no better than chance; nothing was
            registered.
        TrackingError: MLflow does not answer.
    """
    from churn_assets.models.inspection import inspect

    share_cores()
    lakehouse, business = training.lakehouse, training.business
    sample = _sample(training)
    parameters = _parameters(business, lakehouse)
    tags = {"business": business.name, "churn.trace_id": trace.current()}
    with training.tracking.training_run(training.run_id, training.trained_as_of, tags) as run:
        result = _fit(training, sample, run)
        note("logging the training")
        run.log_training(result, parameters)
        inspected = inspect(
            lakehouse, business, result, sample.frame, training.trained_as_of, parameters, run
        )
        _require_better_than_chance(training, result)
        own = {"trained_as_of": str(training.trained_as_of)}
        note("registering the model")
        registered = run.register(result.model, own, description=inspected.card.short)
        verdict = compare(training, sample, result)
        training.progress(f"version {registered.version}: {verdict.why}")
    version = registered.version
    _record_training(training, result, inspected, version, run.run_id)
    decision = _decision(training, sample.before, verdict, version, run.run_id)
    record_decision(lakehouse, training.tracking, decision, training.run_id)
    ids = {"model_version": version, "mlflow_run_id": run.run_id}
    return Trained(
        version, ids | _metadata(result, inspected, verdict), _evidence(training, sample.split, result)
    )


def _sample(training: TrainingRequest) -> Sample:
    """Reads the labelled snapshots that were available at trained_as_of, and splits them by time.

    Raises:
        NotEnoughHistory: too few cohorts have matured.
    """
    from churn_assets.ml.training.split import recent_split, temporal_split
    from churn_assets.models.promotion_rule import DEGRADED, PROVISIONAL

    lakehouse, business = training.lakehouse, training.business
    windows, settings = business.file.windows, business.file.training
    cohorts = mature_cohorts(lakehouse, training.trained_as_of)
    before = champion_at(decided(lakehouse), training.trained_as_of)
    # after a degradation the number of cohorts to train on is not settled yet, so `since` stays None
    unsure = None if training.degraded else _provisional(lakehouse, business, before)
    if training.degraded or unsure:
        since = unsure.since if unsure else None
        split = recent_split(cohorts, windows.gap_days, windows.outcome_days, since)
    else:
        split = temporal_split(cohorts, windows.gap_days, windows.outcome_days, settings.validation_cohorts)
    split = _with_midmonth(training, split)
    names = [*(f.name for f in business.features), *(p.name for p in business.protected)]
    frame = training_frame(lakehouse, names, split.cohorts, settings.row_limit, split.midmonth)
    weakness = DEGRADED if training.degraded else PROVISIONAL if unsure else None
    return Sample(split, frame, before, weakness)


def _with_midmonth(training: TrainingRequest, split: "Split") -> "Split":
    """Returns the split with the mature days of `training.as_of_days`; tells which of them have no settled labels."""
    business = training.business
    mature = mature_midmonth_days(training.lakehouse, business, training.trained_as_of)
    months = month_range(month_of(split.cohorts[0]), month_of(split.test))
    wanted = split.with_midmonth(business.midmonth_days(months)).midmonth
    if missing := sorted({month_of(day) for day in wanted if day not in mature}):
        training.progress(
            f"{spoken(missing)}: no settled labels as of days {_in_words(business)} of the month, so nothing is "
            f"learned from them. Materialise {tables.MIDMONTH_SNAPSHOTS.path} and {tables.MIDMONTH_LABELS.path} of "
            "these months."
        )
    return split.with_midmonth(mature)


def _in_words(business: Business) -> str:
    """Returns `training.as_of_days` for people: "10, 20"; "none" without any."""
    return ", ".join(map(str, sorted(business.file.training.as_of_days))) or "none"


def _provisional(lakehouse: Lakehouse, business: Business, champion: Champion | None) -> Provisional | None:
    """Returns the result of `champions.provisional` for this champion; None without one."""
    if champion is None:
        return None
    trainings = lakehouse.arrow(tables.TRAINING_RUNS).to_pylist()
    enough = business.file.retraining.new_data.matured_months
    return provisional(trainings, champion.model_version, enough)


def _parameters(business: Business, lakehouse: Lakehouse) -> dict[str, object]:
    windows, training = business.file.windows, business.file.training
    return {
        "business": business.name,
        "label_policy": business.file.label.rule,
        "observation_months": windows.observation_months,
        "gap_days": windows.gap_days,
        "outcome_days": windows.outcome_days,
        "settlement_days": windows.settlement_days,
        "seed": training.seed,
        "capacity": training.capacity,
        "row_limit": training.row_limit,
        "as_of_days": _in_words(business),
        "engine": training.engine,
        "search_trials": training.search.trials,
        "search_seconds": training.search.seconds,
        "snapshots_version": lakehouse.version(tables.CUSTOMER_SNAPSHOTS),
        "labels_version": lakehouse.version(tables.CHURN_LABELS),
        "code_version": CODE_VERSION,
    }


def _search(training: TrainingRequest, run: "TrainingRun") -> "Search | None":
    """Returns the search that churn.yaml configures, with its journal in the home folder; None without trials."""
    from churn_assets.ml.training.search import Search

    business, wanted = training.business, training.business.file.training.search
    if not wanted.trials:
        return None
    folder = training.lakehouse.settings.home_path / "searches"
    file = folder / f"{business.name}-{training.trained_as_of}.journal"
    return Search(wanted.trials, file, wanted.seconds, run.log_trial)


def _fit(training: TrainingRequest, sample: Sample, run: "TrainingRun") -> "TrainingResult":
    """Returns the fitted, calibrated and tested model.

    Raises:
        CheckFailed: the sample cannot be used for training, or it contains a leak.
    """
    from churn_assets.ml.training.checked_parts import LeakFound, TrainingError
    from churn_assets.ml.training.settings import TrainingSettings
    from churn_assets.ml.training.train import train

    settings = training.business.file.training
    names = [f.name for f in training.business.features]
    try:
        return train(
            sample.frame,
            names,
            sample.split,
            TrainingSettings(
                tuple(settings.candidates),
                settings.seed,
                settings.capacity,
                settings.single_feature_auc_limit,
                tuple(settings.memory_cohorts),
                settings.ensemble_margin,
                engine=_engine(training),
            ),
            lambda: training.lakehouse.spark_with_mllib,
            training.progress,
            _search(training, run),
        )
    except TrainingError as error:
        check = NO_LEAK if isinstance(error, LeakFound) else USABLE_SAMPLE
        evidence = {"found": str(error), "labels by cohort": _labels_by_cohort(sample.frame)}
        remedy = "Fix this, then train again as of the same month."
        raise training.refused(check, str(error), remedy, evidence) from error


def _engine(training: TrainingRequest) -> "EngineChoice":
    """Returns where candidates that know both engines are fitted; without a cluster `auto` is this machine."""
    wanted = training.business.file.training.engine
    on_cluster = not is_local(training.lakehouse.settings.spark_master)
    return wanted if on_cluster or wanted != "auto" else "local"


def _labels_by_cohort(frame: "pd.DataFrame") -> Any:
    """Returns a table of the customers with a label and the churners of each cohort of the sample."""
    counted = frame.groupby("as_of_date")["label"].agg(["count", "sum"])
    rows = [(str(day), int(n), int(left)) for day, n, left in counted.itertuples()]
    return table_metadata(["as_of_date", "customers with a label", "churners"], rows)


def _require_better_than_chance(training: TrainingRequest, result: "TrainingResult") -> None:
    """Raises CheckFailed if the test cohort is too small to test the model, or the model is no better than chance."""
    test, day = result.test, result.split.test
    if test.auc is None or test.auc_low is None:
        raise training.refused(
            USABLE_SAMPLE,
            f"the test cohort of {day} has {test.positives} churners among {test.n:,} snapshots ({test.status}): "
            "too few to test the model.",
            "Use more customers, or a longer outcome window in churn.yaml.",
            _tested(test, day),
        )
    if test.auc_low <= 0.5:
        raise training.refused(
            BETTER_THAN_CHANCE,
            f"the AUC on {day} is {test.auc:.3f} (from {test.auc_low:.3f}): not better than chance.",
            "Look for changed sources in silver/quarantine.",
            _tested(test, day),
        )


def _tested(test: "Metrics", day: date) -> dict[str, Any]:
    """Returns the test metrics as evidence, without metrics that are None."""
    figures = ("status", "n", "positives", "auc", "auc_low", "auc_high")
    known = {name: getattr(test, name) for name in figures if getattr(test, name) is not None}
    return {"test cohort": str(day), **known}


def _evidence(
    training: TrainingRequest, split: "Split", result: "TrainingResult"
) -> dict[str, dict[str, Any]]:
    """Returns the evidence of the checks that this training passed."""
    limit = training.business.file.training.single_feature_auc_limit
    feature, auc = max(result.alone.items(), key=lambda item: item[1])
    own = {"trained_as_of": str(training.trained_as_of)}
    return {
        ENOUGH_COHORTS: own | {"matured cohorts": len(split.cohorts), "test cohort": str(split.test)},
        USABLE_SAMPLE: own | result.rows["train"],
        NO_LEAK: own | {"strongest feature alone": feature, "its AUC": auc, "limit": limit},
        BETTER_THAN_CHANCE: own | _tested(result.test, result.split.test),
    }


def _record_training(
    training: TrainingRequest,
    result: "TrainingResult",
    inspected: "Inspection",
    version: str,
    mlflow_run: str,
) -> None:
    """Appends a row to models/training_runs."""
    lakehouse = training.lakehouse
    figures = result.test.as_dict() | inspected.examination.figures()
    row = {name: figures[name] for name in figures.keys() & tables.TRAINING_RUNS.types.keys()}
    row |= {
        "trained_as_of": training.trained_as_of,
        "model_version": version,
        "mlflow_run_id": mlflow_run,
        "dagster_run_id": training.run_id,
        "candidate": result.chosen,
        "learned_from": result.split.train[0],
        "learned_until": result.split.train[-1],
        "test_as_of_date": result.split.test,
        "rows": result.rows["train"]["rows"],
        "positives": result.rows["train"]["positives"],
        "snapshots_version": lakehouse.version(tables.CUSTOMER_SNAPSHOTS),
        "labels_version": lakehouse.version(tables.CHURN_LABELS),
        "trained_at": datetime.now(UTC),
    }
    lakehouse.append_rows(tables.TRAINING_RUNS, tables.TRAINING_RUNS.rows([row]), run_id=training.run_id)


def _decision(
    training: TrainingRequest, before: Champion | None, verdict: "Verdict", version: str, mlflow_run: str
) -> Decision:
    return Decision(
        in_charge_from=training.trained_as_of,
        model_version=version,
        trained_as_of=training.trained_as_of,
        promoted=verdict.promoted,
        previous_version=before.model_version if before else None,
        why=verdict.why,
        by=f"{BY_TRAINING}, Dagster run {training.run_id}",
        auc_difference=verdict.difference,
        auc_difference_low=verdict.low,
        auc_difference_high=verdict.high,
        mlflow_run_id=mlflow_run,
    )


def _metadata(result: "TrainingResult", inspected: "Inspection", verdict: "Verdict") -> dict[str, Any]:
    """Returns the metadata about the model for the materialisation of its month."""
    table = result.candidates_table().fillna("")
    numbers = {k: v for k, v in result.test.as_dict().items() if isinstance(v, int | float)}
    importance = list(result.importance.items())[:SHOWN_FEATURES]
    midmonth = result.split.learned_midmonth
    return {
        "promoted": verdict.promoted,
        "decision": verdict.why,
        "candidate": result.chosen,
        "test cohort": str(result.split.test),
        **({"as_of days between cohorts": len(midmonth)} if midmonth else {}),
        **numbers,
        **inspected.metadata(),
        "ensemble": result.ensemble,
        "search": "; ".join(found.why for found in result.searched) or "none",
        "candidates": table_metadata(list(table.columns), table.values.tolist()),
        "drivers": table_metadata(
            ["feature", "mean |contribution|"], [(n, f"{v:.3f}") for n, v in importance]
        ),
    }
