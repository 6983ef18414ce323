"""monitoring/*: realised quality and drift of every scored cohort, and a page a month. Only merges need Spark."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.graph.checks import CheckFailed, not_judged, passed
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.names import MONTHLY_PAGE
from churn_assets.graph.partitions import partition_range, snapshot_months
from churn_assets.graph.table_asset import materialized, table_asset
from churn_assets.history.treated import follows_merges
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Commit, Lakehouse
from churn_assets.lakehouse.tables import Table
from churn_assets.models.decisions import decided
from churn_assets.monitoring.people_balance_asset import people_asset
from churn_assets.monitoring.read_cohorts import cohort_sizes, compared, in_charge, judged, scored_cohorts
from churn_assets.months import month_end
from churn_assets.tracking.tracking import Tracking

EVERY_VERSION_JUDGED = "every_scored_version_judged"
EVERY_VERSION_COMPARED = "every_scored_version_compared"
NOBODY_SCORED = "no cohort of this run has been scored."
Rows = dict[str, list[dict[str, Any]]]


def _replaced(
    context: dg.AssetExecutionContext, lakehouse: Lakehouse, table: Table, rows: list[dict[str, Any]]
) -> Commit:
    """Replaces the rows of the run's cohorts with `rows`."""
    days = [month_end(month) for month in partition_range(context)]
    return lakehouse.replace_rows(table, table.rows(rows), "as_of_date", days, run_id=context.run.run_id)


def _every_version(
    check: str, table: Table, rows: Sequence[Mapping[str, Any]], scored: Mapping[tuple[date, str], int]
) -> dg.AssetCheckResult:
    """Checks that `rows` cover every cohort and version in `scored` (-> number of customers).

    Raises:
        CheckFailed: a cohort and version has no row.
    """
    if not scored:
        return not_judged(check, NOBODY_SCORED)
    found = {(row["as_of_date"], row["model_version"]) for row in rows}
    lacking = [
        (day, version, n) for (day, version), n in sorted(scored.items()) if (day, version) not in found
    ]
    if lacking:
        raise CheckFailed(
            check,
            f"{len(lacking)} of {len(scored)} scored cohorts and versions would have no row in {table.path}, first "
            f"version {lacking[0][1]} as of {lacking[0][0]}.",
            "A version that scored few customers is missing from the sample of a large cohort: score the whole cohort "
            "with it, or delete its scores.",
            {"without a row": table_metadata(["as_of_date", "model_version", "customers scored"], lacking)},
        )
    return passed(check, {"cohorts and versions": len(scored)})


def _points(context: dg.AssetExecutionContext, month: str, figures: Mapping[str, float | int | None]) -> None:
    """Adds figures as metadata of one month: the UI then plots them by month, also after a run over several months."""
    known = {name: value for name, value in figures.items() if value is not None}
    context.add_asset_metadata(known, partition_key=month)


def _performance(business: Business) -> dg.AssetsDefinition:
    table = tables.MODEL_PERFORMANCE

    @table_asset(
        table,
        business,
        description=(
            "Realised quality of each scored cohort and model version once its labels have matured: ROC-AUC with its "
            "interval, PR-AUC, Brier, calibration, lift, precision and recall at capacity, also of untreated customers "
            "alone. Until then, or with too few churners, there is a status instead of numbers. The AUC expected if "
            "the probabilities are right is there from the day of the scores: an early warning that cannot see new "
            "reasons to leave."
        ),
        deps=[tables.CHURN_SCORES.key, tables.CHURN_LABELS.key],
        partitions=snapshot_months(business),
        checks={EVERY_VERSION_JUDGED: "Every model version that scored a cohort has a row of its quality."},
        kinds=("deltalake",),
        spark=follows_merges(business),
    )
    def model_performance(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        from churn_assets.monitoring.performance import COUNTS, NUMBERS

        months = partition_range(context)
        scored, champions = scored_cohorts(lakehouse, months), decided(lakehouse)
        found: Rows = {m: judged(lakehouse, business, m, champions) for m in months} if scored else {}
        rows = [row for of_month in found.values() for row in of_month]
        check = _every_version(EVERY_VERSION_JUDGED, table, rows, scored)
        commit = _replaced(context, lakehouse, table, rows)
        for month, of_month in found.items():
            for row in in_charge(of_month, champions, month_end(month)):
                _points(context, month, {name: row[name] for name in (*COUNTS, *NUMBERS)})
        aucs = ("auc", "auc_low", "auc_high", "auc_estimated")
        shown = ("as_of_date", "model_version", "status", "n", "positives", *aucs)
        report = [[_short(row[name]) for name in shown] for row in rows]
        metadata = {"performance": table_metadata(shown, report)}
        return materialized(lakehouse, table, commit, metadata, [check])

    return model_performance


def _drift(business: Business) -> dg.AssetsDefinition:
    table = tables.DRIFT

    @table_asset(
        table,
        business,
        description=(
            "Distance of each cohort's features and scores from the training of the model that scored it: population "
            "stability index and Jensen-Shannon distance over fixed bins, missing rates, number of customers, churn "
            "rate once matured, and whether that exceeds chance. It is an early warning, not proof of a worse model."
        ),
        deps=[tables.CHURN_SCORES.key, tables.CUSTOMER_SNAPSHOTS.key, tables.MODEL_PERFORMANCE.key],
        partitions=snapshot_months(business),
        checks={
            EVERY_VERSION_COMPARED: "Every model version that scored a cohort is compared with its training."
        },
        kinds=("deltalake",),
        spark=False,
    )
    def feature_drift(
        context: dg.AssetExecutionContext,
        lakehouse: dg.ResourceParam[Lakehouse],
        tracking: dg.ResourceParam[Tracking],
    ) -> dg.MaterializeResult[Any]:
        from churn_assets.monitoring.drift import STABLE, headlines

        months = partition_range(context)
        scored = scored_cohorts(lakehouse, months)
        found: Rows = {}
        if scored:
            sizes = cohort_sizes(lakehouse)
            found = {month: compared(lakehouse, tracking, month, sizes) for month in months}
        rows = [row for of_month in found.values() for row in of_month]
        compared_with = {row["model_version"] for row in rows}
        others = sorted({version for _, version in scored if version not in compared_with})
        gone = [version for version in others if not tracking.has_version(version)]
        scored = {key: customers for key, customers in scored.items() if key[1] not in gone}
        check = _every_version(EVERY_VERSION_COMPARED, table, rows, scored)
        commit = _replaced(context, lakehouse, table, rows)
        champions = decided(lakehouse)
        for month, of_month in found.items():
            _points(context, month, headlines(in_charge(of_month, champions, month_end(month))))
        moved = sorted((r for r in rows if r["status"] != STABLE), key=lambda r: -r.get("psi", 0))
        numbers = ("psi", "js_distance", "value", "missing_rate")
        shown = ("as_of_date", "model_version", "kind", "feature", "status", *numbers)
        report = [[_short(row.get(name)) for name in shown] for row in moved[:40]]
        metadata: dict[str, Any] = {"moved": table_metadata(shown, report)}
        if gone:
            metadata["versions deleted in MLflow, not compared"] = ", ".join(gone)
        return materialized(lakehouse, table, commit, metadata, [check])

    return feature_drift


def _page(business: Business) -> dg.AssetsDefinition:
    campaigns = business.file.campaigns

    @table_asset(
        MONTHLY_PAGE,
        business,
        description=(
            "A page for people who decide about customers: is the model still good, what has changed, who moved "
            "between segments. It is metadata of its month (key `page`); it has no table, because the other tables "
            "contain all of it."
        ),
        deps=[
            tables.MODEL_PERFORMANCE.key,
            tables.DRIFT.key,
            tables.PEOPLE_BALANCE.key,
            tables.CUSTOMER_SEGMENTS.key,
            tables.CHURN_RATES.key,
            tables.CAMPAIGN_RESULTS.key,
            *([tables.OFFER_UPLIFT.key] if campaigns is not None and campaigns.has_control else []),
        ],
        partitions=snapshot_months(business),
        kinds=("markdown",),
        spark=False,
    )
    def monthly_page(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        from churn_assets.monitoring.monthly_page import monthly_page, nobody_scored
        from churn_assets.monitoring.monthly_page_facts import month_facts

        today = datetime.now(UTC).date()
        for month in partition_range(context):
            facts = month_facts(lakehouse, business, month, today)
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
    """The assets of realised quality, drift, the balance of people, and the page of each month."""
    return [_performance(business), _drift(business), people_asset(business), _page(business)]
