"""features/*: snapshots and labels of every cohort."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.counts import counted
from churn_assets.features.current_snapshot import current_snapshot_asset
from churn_assets.features.labels import Cohort, churn_labels, cohorts
from churn_assets.features.snapshots import customer_snapshots
from churn_assets.features.written_snapshots import ONE_ROW, population_report, write_snapshots
from churn_assets.graph.checks import CheckFailed, passed
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.partitions import observed_months, partition_range, snapshot_months
from churn_assets.graph.table_asset import materialized, table_asset
from churn_assets.history.known_until import require_history
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Commit, Lakehouse, TableDraft
from churn_assets.lakehouse.tables import as_of_between
from churn_assets.months import month_end, month_of
from churn_assets.silver.completeness import EVERY_SOURCE_COMPLETE, LABEL_SOURCE_LOADED, incomplete_fails
from churn_assets.silver.reconciliation import extract_dates, first_extracts

NOT_EARLY = "no_label_before_maturity"
NOT_FROM_GAPS = "no_label_from_incomplete_feed"


def _snapshots(business: Business) -> dg.AssetsDefinition:
    table = tables.customer_snapshots(business)
    windows = business.file.windows

    @table_asset(
        table,
        business,
        description=(
            f"Every eligible customer at each month end with {len(business.features)} features, from rows with "
            f"event time and known_at on or before it; observation window {windows.observation_months} months."
        ),
        deps=[
            *(
                dg.AssetDep(dg.AssetKey(tables.silver(s).key), partition_mapping=observed_months(business))
                for s in business.sources
            ),
            dg.AssetDep(dg.AssetKey(tables.RECONCILIATION.key), partition_mapping=observed_months(business)),
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
        with incomplete_fails(EVERY_SOURCE_COMPLETE):
            require_history(lakehouse, business, months[0], months[-1])
        built = customer_snapshots(lakehouse, business, [month_end(month) for month in months])
        where, run_id = as_of_between(months), context.run.run_id
        commit, population, counts = write_snapshots(lakehouse, table, built, where, run_id)
        return materialized(
            lakehouse,
            table,
            commit,
            {"population": population_report(population), "features": len(business.features)},
            [
                passed(EVERY_SOURCE_COMPLETE, {"known until": str(month_end(months[-1]))}),
                passed(ONE_ROW, counts),
            ],
        )

    return snapshots


def _labels(business: Business) -> dg.AssetsDefinition:
    table = tables.CHURN_LABELS
    windows = business.file.windows

    @table_asset(
        table,
        business,
        description=(
            f"The outcome of each snapshot: policy {business.file.label.rule}, outcome window "
            f"(as_of + {windows.gap_days} d, as_of + {windows.gap_days + windows.outcome_days} d], settled "
            f"by the first extract at least {windows.settlement_days} days later and then kept. "
            "A pending label is null, never 0."
        ),
        deps=[
            tables.CUSTOMER_SNAPSHOTS.key,
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
        dates = cohorts(months, windows, extracts)
        mature = [c for c in dates if c.mature]
        _require_outcome_windows(lakehouse, business, mature)
        commit, report = _write_labels(lakehouse, business, months, dates, extracts[-1], context.run.run_id)
        known_until = {"known until": str(extracts[-1])}
        return materialized(
            lakehouse,
            table,
            commit,
            report | {"mature cohorts": len(mature)},
            [
                passed(LABEL_SOURCE_LOADED, known_until),
                passed(NOT_FROM_GAPS, {"mature cohorts": len(mature)}),
                passed(NOT_EARLY, known_until),
            ],
        )

    return labels


def _require_outcome_windows(lakehouse: Lakehouse, business: Business, mature: Sequence[Cohort]) -> None:
    """Fails NOT_FROM_GAPS when a month is missing in an outcome window: customers would look loyal or churned."""
    if mature:
        first, last = month_of(mature[0].as_of_date), month_of(mature[-1].label_available_at)
        with incomplete_fails(NOT_FROM_GAPS):
            require_history(lakehouse, business, first, last, back=False)


def _write_labels(
    lakehouse: Lakehouse,
    business: Business,
    months: Sequence[str],
    dates: Sequence[Cohort],
    known_until: date,
    run_id: str,
) -> tuple[Commit, dict[str, Any]]:
    """Writes the labels of these months; their commit and what is told of them.

    Raises:
        CheckFailed: a label is set before its label_available_at; nothing was committed.
    """
    table, where = tables.CHURN_LABELS, as_of_between(months)
    settled = lakehouse.read(table).where(where).localCheckpoint() if lakehouse.exists(table) else None
    frame = churn_labels(
        lakehouse.read(tables.CUSTOMER_SNAPSHOTS).where(where),
        lakehouse.read(tables.silver(business.label_source)),
        business,
        dates,
        settled,
        {s.name: lakehouse.read(tables.silver(s)) for s in business.tells_who_is_gone},
        first_extracts(lakehouse),
    )
    with lakehouse.draft(table, frame) as draft:
        _refuse_early_labels(draft, known_until)
        counts = draft.content.aggregate(
            ["as_of_date", "outcome", "corrected"], [("customer_key", "count")]
        ).to_pylist()
        commit = draft.replace(where, run_id=run_id)
    return commit, _label_report(counts, months)


def _refuse_early_labels(draft: TableDraft, known_until: date) -> None:
    """Raises CheckFailed when a row has a label before its label_available_at."""
    given = draft.content.aggregate(["as_of_date", "label_available_at"], [("label", "count")]).to_pylist()
    early = [row for row in given if row["label_count"] and row["label_available_at"] > known_until]
    if early:
        header = ["as_of_date", "label_available_at", "label_count"]
        rows = [[row[name] for name in header] for row in early]
        raise CheckFailed(
            NOT_EARLY,
            f"{counted(sum(row['label_count'] for row in early), 'label is', 'labels are')} set too early: before "
            "label_available_at.",
            "This is a defect of this software; please report it.",
            {"known until": str(known_until), "early labels": table_metadata(header, rows)},
        )


def _label_report(counts: Sequence[Mapping[str, Any]], months: Sequence[str]) -> dict[str, Any]:
    """Outcomes by cohort, corrections that were not applied, and the share of churners among the labelled."""
    outcomes, kinds = Counter[tuple[str, str]](), Counter[str]()
    for row in counts:
        outcomes[str(row["as_of_date"]), row["outcome"]] += row["customer_key_count"]
        kinds[row["outcome"]] += row["customer_key_count"]
    days = [str(month_end(m)) for m in months]
    rows = [[d, *(outcomes[d, k] for k in sorted(kinds))] for d in days]
    report: dict[str, Any] = {
        "outcomes": table_metadata(["as_of_date", *sorted(kinds)], rows),
        "corrections not applied": sum(row["customer_key_count"] for row in counts if row["corrected"]),
    }
    if labelled := kinds["churned"] + kinds["stayed"]:
        report["base rate"] = kinds["churned"] / labelled
    return report


def feature_assets(business: Business) -> list[dg.AssetsDefinition]:
    """The assets of snapshots and labels, and that of current snapshots."""
    return [_snapshots(business), _labels(business), current_snapshot_asset(business)]
