"""monitoring/*: realised quality and drift of every scored cohort, and a page a month. No step here needs Spark."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.graph.partitions import partition_range, snapshot_months
from churn_assets.graph.table_asset import materialized, table_asset, table_metadata
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Commit, Lakehouse
from churn_assets.lakehouse.tables import Table
from churn_assets.models.decisions import decided
from churn_assets.monitoring.cohorts import cohort_sizes, compared, in_charge, judged
from churn_assets.months import month_end
from churn_assets.tracking.tracking import Tracking

if TYPE_CHECKING:
    import pyarrow as pa

MONTHLY_PAGE = Table("monitoring", "monthly_page", "one page per month, as metadata")
Rows = dict[str, list[dict[str, Any]]]


def _replaced(
    context: dg.AssetExecutionContext, lakehouse: Lakehouse, table: Table, rows: "pa.Table"
) -> Commit:
    """The cohorts of the run, and only they, replaced by `rows`."""
    days = [month_end(month) for month in partition_range(context)]
    return lakehouse.replace_rows(table, rows, "as_of_date", days, run_id=context.run.run_id)


def _points(context: dg.AssetExecutionContext, month: str, figures: Mapping[str, float | int | None]) -> None:
    """Figures of one month: the UI plots them by month, also when one run made a range of months."""
    known = {name: value for name, value in figures.items() if value is not None}
    context.add_asset_metadata(known, partition_key=month)


def _performance(business: Business) -> dg.AssetsDefinition:
    table = tables.MODEL_PERFORMANCE

    @table_asset(
        table,
        business,
        description=(
            "Realised quality of each scored cohort and model version once its labels have matured: ROC-AUC with its "
            "interval, PR-AUC, Brier, calibration, lift, precision and recall at capacity; untreated customers apart. "
            "Before that, or with too few churners, a status instead of a number. From the day of the scores on, the "
            "AUC to be expected if the probabilities are right: an early warning, blind to new reasons to leave."
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
        from churn_assets.monitoring.performance import COUNTS, NUMBERS, as_table

        found: Rows = {}
        champions = decided(lakehouse)
        if lakehouse.exists(tables.CHURN_SCORES):
            found = {m: judged(lakehouse, business, m, champions) for m in partition_range(context)}
        rows = [row for of_month in found.values() for row in of_month]
        commit = _replaced(context, lakehouse, table, as_table(rows))
        for month, of_month in found.items():
            for row in in_charge(of_month, champions, month_end(month)):
                _points(context, month, {name: row[name] for name in (*COUNTS, *NUMBERS)})
        aucs = ("auc", "auc_low", "auc_high", "auc_estimated")
        shown = ("as_of_date", "model_version", "status", "n", "positives", *aucs)
        report = [[_short(row[name]) for name in shown] for row in rows]
        metadata = {"performance": table_metadata(shown, report)}
        return materialized(lakehouse, table, commit, metadata, {"every_scored_version": {"rows": len(rows)}})

    return model_performance


def _drift(business: Business) -> dg.AssetsDefinition:
    table = tables.DRIFT

    @table_asset(
        table,
        business,
        description=(
            "How far features and scores of each cohort lie from the training of the model that scored it: population "
            "stability index and Jensen-Shannon distance over fixed bins, missing rates, number of customers, churn "
            "rate once matured, and whether that is more than chance. An early warning; no proof of a worse model."
        ),
        deps=[tables.CHURN_SCORES.key, tables.CUSTOMER_SNAPSHOTS.key, tables.MODEL_PERFORMANCE.key],
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
        from churn_assets.monitoring.drift import STABLE, as_table, headlines

        found: Rows = {}
        if lakehouse.exists(tables.CHURN_SCORES):
            sizes = cohort_sizes(lakehouse)
            found = {month: compared(lakehouse, tracking, month, sizes) for month in partition_range(context)}
        rows = [row for of_month in found.values() for row in of_month]
        commit = _replaced(context, lakehouse, table, as_table(rows))
        champions = decided(lakehouse)
        for month, of_month in found.items():
            _points(context, month, headlines(in_charge(of_month, champions, month_end(month))))
        moved = sorted((r for r in rows if r["status"] != STABLE), key=lambda r: -r.get("psi", 0))
        numbers = ("psi", "js_distance", "value", "missing_rate")
        shown = ("as_of_date", "model_version", "kind", "feature", "status", *numbers)
        report = [[_short(row.get(name)) for name in shown] for row in moved[:40]]
        metadata = {"moved": table_metadata(shown, report)}
        versions = {(r["as_of_date"], r["model_version"]) for r in rows}
        return materialized(
            lakehouse, table, commit, metadata, {"every_scored_version": {"versions": len(versions)}}
        )

    return feature_drift


def _page(business: Business) -> dg.AssetsDefinition:
    @table_asset(
        MONTHLY_PAGE,
        business,
        description=(
            "A page for people who decide about customers: is the model still good, what has changed, who moved "
            "between segments. It is metadata of its month (key `page`); it has no table, since all of it stands in "
            "the others."
        ),
        deps=[tables.MODEL_PERFORMANCE.key, tables.DRIFT.key, tables.CUSTOMER_SEGMENTS.key],
        partitions=snapshot_months(business),
        kinds=("markdown",),
        spark=False,
    )
    def monthly_page(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        from churn_assets.monitoring.page import monthly_page, nobody_scored
        from churn_assets.monitoring.page_facts import month_facts

        for month in partition_range(context):
            facts = month_facts(lakehouse, business, month)
            page = monthly_page(facts) if facts else nobody_scored(month_end(month))
            context.add_asset_metadata({"page": dg.MetadataValue.md(page.markdown())}, partition_key=month)
            if facts:
                found = facts.movements
                moved = found.moved if found and found.compared else None
                _points(context, month, {"customers": facts.now.scored, "customers moved": moved})
        return dg.MaterializeResult()

    return monthly_page


def _short(value: object) -> object:
    return f"{value:.3f}" if isinstance(value, float) else "" if value is None else value


def monitoring_assets(business: Business) -> list[dg.AssetsDefinition]:
    """Realised quality of the scores, drift, and the page of each month."""
    return [_performance(business), _drift(business), _page(business)]
