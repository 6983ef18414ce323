"""models/churn_model: one training per trained_as_of month."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.graph.checks import passed
from churn_assets.graph.names import CHURN_MODEL, DEGRADATION, REQUESTED_BY
from churn_assets.graph.partitions import partition_range, snapshot_months
from churn_assets.graph.table_asset import table_asset
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.models.request import CHECKS, ENOUGH_COHORTS, TrainingRequest
from churn_assets.models.training import Trained, train_as_of
from churn_assets.months import month_end
from churn_assets.progress import note
from churn_assets.tracking.tracking import Tracking


def model_assets(business: Business) -> list[dg.AssetsDefinition]:
    """Returns the asset models/churn_model."""
    between = business.file.training.as_of_days

    @table_asset(
        CHURN_MODEL,
        business,
        description=(
            "Trains the candidates on cohorts whose labels had matured at the month's end (trained_as_of), chooses and "
            "calibrates on later cohorts, tests once on the last one, and registers the best one in MLflow. That model "
            "becomes champion if it beats the champion on the same rows. Writes models/training_runs and "
            "models/champions."
        ),
        deps=[
            tables.CUSTOMER_SNAPSHOTS.key,
            tables.CHURN_LABELS.key,
            *((tables.MIDMONTH_SNAPSHOTS.key, tables.MIDMONTH_LABELS.key) if between else ()),
        ],
        partitions=snapshot_months(business),
        checks=CHECKS,
        kinds=("mlflow", "scikitlearn", "pyspark"),
    )
    def churn_model(
        context: dg.AssetExecutionContext,
        lakehouse: dg.ResourceParam[Lakehouse],
        tracking: dg.ResourceParam[Tracking],
    ) -> dg.MaterializeResult[Any]:
        months = list(partition_range(context))
        trained: dict[str, Trained] = {}
        for month in months:
            found = _trained(context, lakehouse, tracking, business, month, last=month == months[-1])
            if found is not None:
                trained[month] = found
                context.add_asset_metadata(found.metadata, partition_key=month)
        newest = trained[months[-1]]
        return dg.MaterializeResult(
            metadata=_backtest(lakehouse, months) if len(months) > 1 else {},
            check_results=[passed(name, newest.evidence[name]) for name in CHECKS],
            data_version=dg.DataVersion(newest.model_version),
        )

    return [churn_model]


def _trained(
    context: dg.AssetExecutionContext,
    lakehouse: Lakehouse,
    tracking: Tracking,
    business: Business,
    month: str,
    *,
    last: bool,
) -> Trained | None:
    """Trains as of the end of a month; None if too few cohorts had matured by then and it is not the last month.

    Raises:
        CheckFailed: a check of the training failed.
    """
    from churn_assets.ml.training.split import NotEnoughHistory

    def tell(message: str) -> None:
        context.log.info(message)
        note(message)

    degraded = context.run.tags.get(REQUESTED_BY) == DEGRADATION
    training = TrainingRequest(
        business, lakehouse, tracking, month_end(month), degraded, context.run.run_id, tell
    )
    try:
        return train_as_of(training)
    except NotEnoughHistory as error:
        if last:
            remedy = "Train as of a later month, or load older extracts."
            evidence = {"found": str(error), "more monthly cohorts needed": error.more_months}
            raise training.refused(ENOUGH_COHORTS, str(error), remedy, evidence) from error
        context.log.info(f"trained_as_of {training.trained_as_of}: not trained. {error}")
        return None


def _backtest(lakehouse: Lakehouse, months: Sequence[str]) -> dict[str, Any]:
    """Returns metadata that compares the trainings of a range of months."""
    from churn_assets.models.backtest import backtest_markdown, trainings

    found = trainings(lakehouse, month_end(months[0]), month_end(months[-1]))
    return {"backtest": dg.MetadataValue.md(backtest_markdown(found))}
