"""features/*: snapshots and labels of every cohort, and of the days between cohorts that trainings learn from."""

from typing import Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.features.as_of import AsOf, midmonth, month_ends
from churn_assets.features.current_snapshot import current_snapshot_asset
from churn_assets.features.labels import cohorts
from churn_assets.features.snapshots import customer_snapshots
from churn_assets.features.writing import (
    NOT_EARLY,
    NOT_FROM_GAPS,
    ONE_ROW,
    population_report,
    require_outcome_windows,
    write_labels,
    write_snapshots,
)
from churn_assets.graph.checks import passed
from churn_assets.graph.partitions import observed_months, partition_range, snapshot_months
from churn_assets.graph.table_asset import materialized, table_asset
from churn_assets.history.known_until import require_history
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import as_of_between
from churn_assets.months import add_months, month_end
from churn_assets.silver.completeness import EVERY_SOURCE_COMPLETE, LABEL_SOURCE_LOADED, incomplete_fails
from churn_assets.silver.reconciliation import extract_dates


def _snapshots(business: Business, of: AsOf) -> dg.AssetsDefinition:
    windows, observed = business.file.windows, observed_months(business, of.earlier_months)

    @table_asset(
        of.snapshots,
        business,
        description=(
            f"Every eligible customer {of.when} with {len(business.features)} features, from rows with "
            f"event time and known_at on or before it; observation window {windows.observation_months} months."
        ),
        deps=[
            *(
                dg.AssetDep(dg.AssetKey(tables.silver(s).key), partition_mapping=observed)
                for s in business.sources
            ),
            dg.AssetDep(dg.AssetKey(tables.RECONCILIATION.key), partition_mapping=observed),
        ],
        partitions=snapshot_months(business),
        checks={
            EVERY_SOURCE_COMPLETE: "Every source has passed silver in every month of the observation window. Spells, "
            "entities that deliver changes and the label's source have passed in all earlier months, too.",
            ONE_ROW: "Each cohort has exactly one row per eligible customer, and no other rows.",
        },
    )
    def snapshots(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        months = partition_range(context)
        first = add_months(months[0], business.file.windows.observation_months - 1 - of.earlier_months)
        with incomplete_fails(EVERY_SOURCE_COMPLETE):
            require_history(lakehouse, business, first, months[-1])
        known_until = passed(EVERY_SOURCE_COMPLETE, {"known until": str(month_end(months[-1]))})
        days = of.days(months)
        if not days:
            return materialized(
                lakehouse, of.snapshots, None, None, [known_until, passed(ONE_ROW, {"rows": 0})]
            )
        commit, population, counts = write_snapshots(
            lakehouse,
            of.snapshots,
            customer_snapshots(lakehouse, business, days),
            as_of_between(months),
            context.run.run_id,
        )
        return materialized(
            lakehouse,
            of.snapshots,
            commit,
            {"population": population_report(population), "features": len(business.features)},
            [known_until, passed(ONE_ROW, counts)],
        )

    return snapshots


def _labels(business: Business, of: AsOf) -> dg.AssetsDefinition:
    windows = business.file.windows

    @table_asset(
        of.labels,
        business,
        description=(
            f"The outcome of each snapshot of {of.snapshots.path}: policy {business.file.label.rule}, outcome window "
            f"(as_of + {windows.gap_days} d, as_of + {windows.gap_days + windows.outcome_days} d], settled "
            f"by the first extract at least {windows.settlement_days} days later and then kept. "
            "A pending label is null, never 0."
        ),
        deps=[
            of.snapshots.key,
            tables.silver(business.label_source).key,
            *(tables.silver(s).key for s in business.tells_who_is_gone),
            tables.RECONCILIATION.key,
        ],
        partitions=snapshot_months(business),
        checks={
            LABEL_SOURCE_LOADED: "At least one extract of the source that labels come from has passed silver.",
            NOT_FROM_GAPS: "A label is set only if every source has passed silver in all months of its outcome "
            "window, and the label's source in all earlier months, too.",
            NOT_EARLY: "A label is set only if there is an extract of its label_available_at or later.",
        },
    )
    def labels(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        months = partition_range(context)
        with incomplete_fails(LABEL_SOURCE_LOADED):
            extracts = extract_dates(lakehouse, business.label_source)
        dates = cohorts(of.days(months), windows, extracts)
        mature = [c for c in dates if c.mature]
        require_outcome_windows(lakehouse, business, mature)
        known_until = {"known until": str(extracts[-1])}
        checks = [
            passed(LABEL_SOURCE_LOADED, known_until),
            passed(NOT_FROM_GAPS, {"mature cohorts": len(mature)}),
            passed(NOT_EARLY, known_until),
        ]
        if not dates:
            return materialized(lakehouse, of.labels, None, None, checks)
        commit, report = write_labels(
            lakehouse,
            business,
            of,
            as_of_between(months),
            dates,
            extracts[-1],
            context.run.run_id,
        )
        return materialized(lakehouse, of.labels, commit, report | {"mature cohorts": len(mature)}, checks)

    return labels


def feature_assets(business: Business) -> list[dg.AssetsDefinition]:
    """The assets of snapshots and labels, and that of current snapshots."""
    kinds = [month_ends(business), *([midmonth(business)] if business.file.training.as_of_days else [])]
    cohorts_and_days = [make(business, of) for of in kinds for make in (_snapshots, _labels)]
    return [*cohorts_and_days, current_snapshot_asset(business)]
