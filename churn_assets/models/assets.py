"""models/churn_model: one training per trained_as_of month."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.graph.partitions import partition_range, snapshot_months
from churn_assets.graph.table_asset import CODE_VERSION, POOL, table_asset, table_metadata
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import Table
from churn_assets.models.champions import (
    Champion,
    Provisional,
    champion_at,
    learned_up_to,
    provisional,
    trainings_schema,
)
from churn_assets.models.decisions import BY_TRAINING, Decision, decided, record_decision
from churn_assets.models.sample import mature_cohorts, training_frame
from churn_assets.months import month_end
from churn_assets.tracking.tracking import Tracking

if TYPE_CHECKING:
    import pandas as pd

    from churn_assets.ml.review.examination import Examination
    from churn_assets.ml.training.result import TrainingResult
    from churn_assets.ml.training.search import Search
    from churn_assets.models.promotion import Verdict
    from churn_assets.tracking.training_run import TrainingRun

CHURN_MODEL = Table("models", "churn_model", "one registered model version per training")
BETTER_THAN_CHANCE = "better_than_chance"
REQUESTED_BY, DEGRADATION, NEW_DATA = "churn/retraining", "degradation", "new data"
__all__ = ["CHURN_MODEL", "POOL", "model_assets"]


def _parameters(business: Business, lakehouse: Lakehouse) -> dict[str, object]:
    windows, training = business.file.windows, business.file.training
    return {
        "business": business.name,
        "label_policy": business.file.label.policy,
        "observation_months": windows.observation_months,
        "gap_days": windows.gap_days,
        "outcome_days": windows.outcome_days,
        "settlement_days": windows.settlement_days,
        "seed": training.seed,
        "capacity": training.capacity,
        "row_limit": training.row_limit,
        "engine": training.engine,
        "search_trials": training.search.trials,
        "search_seconds": training.search.seconds,
        "snapshots_version": lakehouse.version(tables.CUSTOMER_SNAPSHOTS),
        "labels_version": lakehouse.version(tables.CHURN_LABELS),
        "code_version": CODE_VERSION,
    }


def _search(
    lakehouse: Lakehouse, business: Business, trained_as_of: date, run: "TrainingRun"
) -> "Search | None":
    """The search that the business asks for, with its journal below home."""
    from churn_assets.ml.training.search import Search

    wanted = business.file.training.search
    if not wanted.trials:
        return None
    file = lakehouse.settings.home_path / "searches" / f"{business.name}-{trained_as_of}.journal"
    return Search(wanted.trials, file, wanted.seconds, run.log_trial)


def _record(
    lakehouse: Lakehouse,
    result: "TrainingResult",
    examination: "Examination",
    version: str,
    mlflow_run: str,
    trained_as_of: date,
    run_id: str,
) -> None:
    """A row in models/training_runs."""
    import pyarrow as pa

    schema = trainings_schema()
    row = dict.fromkeys(schema.names) | result.test.as_dict() | examination.figures()
    row |= {
        "trained_as_of": trained_as_of,
        "model_version": version,
        "mlflow_run_id": mlflow_run,
        "dagster_run_id": run_id,
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
    rows = pa.Table.from_pylist([{name: row[name] for name in schema.names}], schema=schema)
    lakehouse.append_rows(tables.TRAINING_RUNS, rows, run_id=run_id)


def _provisional(lakehouse: Lakehouse, business: Business, champion: Champion | None) -> Provisional | None:
    """See `champions.provisional`, of the champion at hand."""
    if champion is None:
        return None
    trainings = lakehouse.arrow(tables.TRAINING_RUNS).to_pylist()
    enough = business.file.retraining.new_data.matured_months
    return provisional(trainings, champion.model_version, enough)


def _judge(
    lakehouse: Lakehouse,
    tracking: Tracking,
    business: Business,
    result: "TrainingResult",
    tested: "pd.DataFrame",
    before: Champion | None,
    weakness: str | None,
) -> "Verdict":
    """The verdict on the new model against the champion before it."""
    from churn_assets.models.promotion import (
        first_champion,
        judge_challenger,
        nothing_matured,
        speechless_champion,
    )
    from churn_assets.models.undeclared import undeclared, with_undeclared, without_values

    if before is None:
        return first_champion()
    rival = tracking.load_version(before.model_version)
    if lost := undeclared(rival.transformation.features, business.features):
        day = result.split.test
        if gone := without_values(lakehouse, lost, [day]):
            return speechless_champion(gone)
        tested = with_undeclared(lakehouse, tested, lost, day)
    trainings = lakehouse.arrow(tables.TRAINING_RUNS).to_pylist()
    if learned_up_to(trainings, before.model_version, result.split.test):
        return nothing_matured(result.split.test)
    champion = rival.score(tested)["raw"].to_numpy()
    rule = business.file.retraining.promotion
    return judge_challenger(result.tested.labels, result.tested.raw, champion, result.test, weakness, rule)


def model_assets(business: Business) -> list[dg.AssetsDefinition]:
    """The trained, registered model."""

    @table_asset(
        CHURN_MODEL,
        business,
        description=(
            "Trains the candidates on cohorts whose labels had matured at the month's end (trained_as_of), chooses and "
            "calibrates on later ones, tests once on the last, and registers the winner in MLflow. It becomes champion "
            "when it is better than the champion on the same rows. Rows in models/training_runs and models/champions."
        ),
        deps=[tables.CUSTOMER_SNAPSHOTS.key, tables.CHURN_LABELS.key],
        partitions=snapshot_months(business),
        checks={BETTER_THAN_CHANCE: "The test AUC's interval lies above 0.5."},
        kinds=("mlflow", "scikitlearn", "pyspark"),
    )
    def churn_model(
        context: dg.AssetExecutionContext,
        lakehouse: dg.ResourceParam[Lakehouse],
        tracking: dg.ResourceParam[Tracking],
    ) -> dg.MaterializeResult[Any]:
        from churn_assets.ml.training.split import NotEnoughHistory

        months = list(partition_range(context))
        trained: dict[str, dict[str, Any]] = {}
        for month in months:
            try:
                trained[month] = _train(context, lakehouse, tracking, business, month)
            except NotEnoughHistory as error:
                if month == months[-1]:
                    raise dg.Failure(
                        f"trained_as_of {month_end(month)}: {error}", allow_retries=False
                    ) from error
                context.log.info(f"trained_as_of {month_end(month)}: not trained. {error}")
                continue
            context.add_asset_metadata(trained[month], partition_key=month)
        newest = trained[months[-1]]
        metadata = _backtest(lakehouse, months) if len(months) > 1 else {}
        passed = dg.AssetCheckResult(
            check_name=BETTER_THAN_CHANCE, passed=True, metadata={"auc_low": newest["auc_low"]}
        )
        return dg.MaterializeResult(
            metadata=metadata, check_results=[passed], data_version=dg.DataVersion(newest["model_version"])
        )

    return [churn_model]


def _backtest(lakehouse: Lakehouse, months: Sequence[str]) -> dict[str, Any]:
    """The trainings of a range side by side."""
    from churn_assets.models.backtest import backtest_markdown, trainings

    found = trainings(lakehouse, month_end(months[0]), month_end(months[-1]))
    return {"backtest": dg.MetadataValue.md(backtest_markdown(found))}


def _train(
    context: dg.AssetExecutionContext,
    lakehouse: Lakehouse,
    tracking: Tracking,
    business: Business,
    month: str,
) -> dict[str, Any]:
    """Trains as of the end of a month, records training and decision; returns what the month's materialisation tells.

    Raises:
        NotEnoughHistory: too few cohorts had matured by then; nothing was recorded.
        Failure: a leak, too few churners, or no better than chance; nothing was registered.
    """
    from churn_assets.ml.training.split import recent_split, temporal_split
    from churn_assets.ml.training.train import TrainingError, TrainingSettings, train
    from churn_assets.models.inspection import inspect
    from churn_assets.models.promotion import DEGRADED, PROVISIONAL

    windows, settings = business.file.windows, business.file.training
    trained_as_of = month_end(month)
    degraded = context.run.tags.get(REQUESTED_BY) == DEGRADATION
    names = [f.name for f in business.features]
    judged_by = [p.name for p in business.protected]
    cohorts = mature_cohorts(lakehouse, trained_as_of)
    before = champion_at(decided(lakehouse), trained_as_of)
    # who comes after a degraded champion has yet to find out what to forget
    unsure = None if degraded else _provisional(lakehouse, business, before)
    split = (
        recent_split(cohorts, windows.gap_days, windows.outcome_days, unsure.since if unsure else None)
        if degraded or unsure
        else temporal_split(cohorts, windows.gap_days, windows.outcome_days, settings.validation_cohorts)
    )
    frame = training_frame(
        lakehouse,
        [*names, *judged_by],
        split.cohorts,
        settings.row_limit,
    )
    parameters = _parameters(business, lakehouse)
    with tracking.training_run(context.run.run_id, trained_as_of, {"business": business.name}) as run:
        try:
            result = train(
                frame,
                names,
                split,
                TrainingSettings(
                    tuple(settings.candidates),
                    settings.seed,
                    settings.capacity,
                    settings.single_feature_auc_limit,
                    tuple(settings.memory_cohorts),
                    settings.ensemble_margin,
                    engine=settings.engine,
                ),
                lambda: lakehouse.spark,
                context.log.info,
                _search(lakehouse, business, trained_as_of, run),
            )
        except TrainingError as error:
            raise dg.Failure(f"trained_as_of {trained_as_of}: {error}", allow_retries=False) from error
        run.log_training(result, parameters)
        inspected = inspect(lakehouse, business, result, frame, trained_as_of, parameters, run)
        test = result.test
        if test.auc is None or test.auc_low is None:
            raise dg.Failure(
                f"trained_as_of {trained_as_of}: the test cohort of {split.test} has {test.positives} churners "
                f"among {test.n:,} snapshots ({test.status}), so the model cannot be judged and was not registered. "
                "It takes more customers, or a longer outcome window in churn.yaml.",
                allow_retries=False,
            )
        if test.auc_low <= 0.5:
            raise dg.Failure(
                f"trained_as_of {trained_as_of}: the AUC on {split.test} is {test.auc:.3f} (from {test.auc_low:.3f}): "
                "not better than chance, so it was not registered. Look for changed sources in silver/quarantine.",
                allow_retries=False,
            )
        registered = run.register(
            result.model, {"trained_as_of": str(trained_as_of)}, description=inspected.card.short
        )
        tested = frame[result.tested_in(frame)]
        weakness = DEGRADED if degraded else PROVISIONAL if unsure else None
        verdict = _judge(lakehouse, tracking, business, result, tested, before, weakness)
        context.log.info(f"version {registered.version}: {verdict.why}")
    _record(
        lakehouse,
        result,
        inspected.examination,
        registered.version,
        run.run_id,
        trained_as_of,
        context.run.run_id,
    )
    decision = Decision(
        in_charge_from=trained_as_of,
        model_version=registered.version,
        trained_as_of=trained_as_of,
        promoted=verdict.promoted,
        previous_version=before.model_version if before else None,
        why=verdict.why,
        by=f"{BY_TRAINING}, Dagster run {context.run.run_id}",
        auc_difference=verdict.difference,
        auc_difference_low=verdict.low,
        auc_difference_high=verdict.high,
        mlflow_run_id=run.run_id,
    )
    record_decision(lakehouse, tracking, decision, context.run.run_id)
    table = result.candidates_table().fillna("")
    numbers = {k: v for k, v in test.as_dict().items() if isinstance(v, int | float)}
    importance = list(result.importance.items())[:15]
    return {
        "model_version": registered.version,
        "mlflow_run_id": run.run_id,
        "promoted": verdict.promoted,
        "decision": verdict.why,
        "candidate": result.chosen,
        "test cohort": str(split.test),
        **numbers,
        **inspected.metadata(),
        "ensemble": result.ensemble,
        "search": "; ".join(found.why for found in result.searched) or "none",
        "candidates": table_metadata(list(table.columns), table.values.tolist()),
        "drivers": table_metadata(
            ["feature", "mean |contribution|"], [(n, f"{v:.3f}") for n, v in importance]
        ),
    }
