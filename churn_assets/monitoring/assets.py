"""monitoring/*: realised quality of every scored cohort. No step here needs Spark."""

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from churn_assets.assets import markdown_table, materialized, table_asset
from churn_assets.contracts.business import Business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Commit, Lakehouse
from churn_assets.lakehouse.tables import Table
from churn_assets.models.sample import key_bound
from churn_assets.months import month_end, month_of, month_range
from churn_assets.partitions import partition_range, snapshot_months
from churn_assets.silver.reconciliation import SilverIncomplete, require_complete
from churn_assets.tracking.tracking import Tracking

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# Scored customers of one cohort that are read into this process for either table; of more, a random share of the keys.
COHORT_LIMIT = 1_000_000
DRIFT_LIMIT = 100_000


def _scored_rows(
    context: dg.AssetExecutionContext, lakehouse: Lakehouse, of_month: Callable[[str], list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """What `of_month` says of each month of the run; nothing before anybody was scored."""
    if not lakehouse.exists(tables.CHURN_SCORES):
        return []
    return [row for month in partition_range(context) for row in of_month(month)]


def _replaced(
    context: dg.AssetExecutionContext, lakehouse: Lakehouse, table: Table, rows: "pa.Table"
) -> Commit:
    """The cohorts of the run, and only they, replaced by `rows`."""
    days = [month_end(month) for month in partition_range(context)]
    return lakehouse.replace_rows(table, rows, "as_of_date", days, run_id=context.run.run_id)


def _cohort(lakehouse: Lakehouse, day: date) -> "tuple[pd.DataFrame, pd.DataFrame, date | None] | None":
    """Scores and labels of a cohort and the day its labels became available (None while pending); None unscored."""
    import pyarrow.compute as pc

    chosen: list[tuple[str, str, object]] = [("as_of_date", "=", day)]
    labels = lakehouse.arrow(
        tables.CHURN_LABELS, ["customer_key", "label", "outcome", "label_available_at"], chosen
    )
    if bound := key_bound(labels.num_rows, COHORT_LIMIT):
        labels = labels.filter(pc.field("customer_key") < bound)
        chosen = [*chosen, ("customer_key", "<", bound)]
    columns = ["customer_key", "model_version", "raw", "probability"]
    scores = lakehouse.arrow(tables.CHURN_SCORES, columns, chosen)
    if scores.num_rows == 0:
        return None
    pending = labels.num_rows == 0 or pc.any(pc.equal(labels["outcome"], "pending")).as_py()
    available = None if pending else pc.max(labels["label_available_at"]).as_py()
    return scores.to_pandas(), labels.select(["customer_key", "label"]).to_pandas(), available


def _treated(lakehouse: Lakehouse, business: Business, first: date, last: date) -> set[str]:
    """Keys of customers treated in `(first, last]`, by the rules under `monitoring.treated`."""
    import pyarrow.compute as pc

    found: set[str] = set()
    for rule in business.file.monitoring.treated:
        source = business.source(rule.source)
        time = str(source.event_time)
        columns = ["customer_key", time, *([rule.column] if rule.column else [])]
        # told at the latest in the month in which the label settled
        span = month_range(month_of(first), month_of(last))
        rows = lakehouse.arrow(tables.silver(source), columns, [("extract_month", "in", span)])
        day = rows[time].cast("date32")
        inside = pc.and_(pc.greater(day, first), pc.less_equal(day, last))
        if rule.column:
            inside = pc.and_(inside, pc.is_in(rows[rule.column], pc.SetLookupOptions(rule.values)))
        found |= set(rows.filter(inside)["customer_key"].to_pylist())
    return found


def _judge(lakehouse: Lakehouse, business: Business, month: str) -> list[dict[str, Any]]:
    from churn_assets.monitoring.performance import IMMATURE, INCOMPLETE, cohort_performance, not_yet

    day = month_end(month)
    cohort = _cohort(lakehouse, day)
    if cohort is None:
        return []
    scores, labels, available = cohort
    if available is None:
        return not_yet(day, scores, IMMATURE)
    try:
        require_complete(lakehouse, business, month_range(month, month_of(available)))
    except SilverIncomplete:
        return not_yet(day, scores, INCOMPLETE)
    treated = _treated(lakehouse, business, day, available)
    return cohort_performance(day, scores, labels, treated, business.file.training.capacity)


def monitoring_assets(business: Business) -> list[dg.AssetsDefinition]:
    """The realised quality of the scores."""
    table = tables.MODEL_PERFORMANCE

    @table_asset(
        table,
        business,
        description=(
            "Realised quality of each scored cohort and model version once its labels have matured: ROC-AUC with its "
            "interval, PR-AUC, Brier, calibration, lift, precision and recall at capacity; untreated customers apart. "
            "Before that, or with too few churners, a status instead of a number."
        ),
        deps=[tables.CHURN_SCORES.key, tables.CHURN_LABELS.key],
        partitions=snapshot_months(business),
        checks={"every_scored_version": "Every version that scored a cohort has one row."},
        kinds=("deltalake",),
        spark=False,
    )
    def model_performance(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        from churn_assets.monitoring.performance import as_table

        rows = _scored_rows(context, lakehouse, lambda month: _judge(lakehouse, business, month))
        commit = _replaced(context, lakehouse, table, as_table(rows))
        shown = ("as_of_date", "model_version", "status", "n", "positives", "auc", "auc_low", "auc_high")
        report = [[_short(row[name]) for name in shown] for row in rows]
        metadata: dict[str, Any] = {"performance": markdown_table(shown, report)}
        judged = [row for row in rows if row["auc"] is not None]
        if judged:
            newest = judged[-1]
            names = (
                "auc",
                "auc_low",
                "auc_high",
                "brier",
                "lift_top_decile",
                "calibration_slope",
                "positives",
            )
            metadata |= {name: newest[name] for name in names}
        return materialized(
            lakehouse, table, commit, None, metadata, {"every_scored_version": {"rows": len(rows)}}
        )

    return [model_performance, _drift(business)]


def _drift(business: Business) -> dg.AssetsDefinition:
    table = tables.DRIFT

    @table_asset(
        table,
        business,
        description=(
            "How far features and scores of each cohort lie from the training of the model that scored it: population "
            "stability index over fixed bins, missing rates, and whether that is more than chance. An early warning; "
            "no proof that the model is worse."
        ),
        deps=[tables.CHURN_SCORES.key, tables.CUSTOMER_SNAPSHOTS.key],
        partitions=snapshot_months(business),
        checks={"every_scored_version": "Every version that scored a cohort is compared."},
        kinds=("deltalake",),
        spark=False,
    )
    def feature_drift(
        context: dg.AssetExecutionContext,
        lakehouse: dg.ResourceParam[Lakehouse],
        tracking: dg.ResourceParam[Tracking],
    ) -> dg.MaterializeResult[Any]:
        from churn_assets.monitoring.drift import STABLE, as_table

        rows = _scored_rows(context, lakehouse, lambda month: _compare(lakehouse, tracking, month))
        commit = _replaced(context, lakehouse, table, as_table(rows))
        moved = sorted((r for r in rows if r["status"] != STABLE), key=lambda r: -r["psi"])
        shown = ("as_of_date", "model_version", "kind", "feature", "status", "psi", "missing_rate")
        report = [[_short(row[name]) for name in shown] for row in moved[:40]]
        metadata: dict[str, Any] = {"moved": markdown_table(shown, report), "features moved": len(moved)}
        metadata |= {f"psi of {r['feature']}": r["psi"] for r in rows if r["kind"] == "score"}
        compared = {(r["as_of_date"], r["model_version"]) for r in rows}
        return materialized(
            lakehouse, table, commit, None, metadata, {"every_scored_version": {"versions": len(compared)}}
        )

    return feature_drift


def _compare(lakehouse: Lakehouse, tracking: Tracking, month: str) -> list[dict[str, Any]]:
    """Rows of one cohort, every version that scored it against its own training."""
    from churn_assets.monitoring.drift import SCORES, cohort_drift

    day = month_end(month)
    chosen: list[tuple[str, str, object]] = [("as_of_date", "=", day)]
    scores = lakehouse.arrow(tables.CHURN_SCORES, ["customer_key", "model_version", *SCORES], chosen)
    if scores.num_rows == 0:
        return []
    if bound := key_bound(scores.num_rows, DRIFT_LIMIT):
        chosen = [*chosen, ("customer_key", "<", bound)]
        scores = lakehouse.arrow(tables.CHURN_SCORES, ["customer_key", "model_version", *SCORES], chosen)
    rows: list[dict[str, Any]] = []
    snapshots: pd.DataFrame | None = None
    for version, part in scores.to_pandas().groupby("model_version"):
        model = tracking.load_version(str(version))
        if snapshots is None:
            snapshots = lakehouse.arrow(tables.CUSTOMER_SNAPSHOTS, None, chosen).to_pandas()
        rows += cohort_drift(day, str(version), model.about, snapshots, part)
    return rows


def _short(value: object) -> object:
    return f"{value:.3f}" if isinstance(value, float) else "" if value is None else value
