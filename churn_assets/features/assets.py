"""features/*: snapshots and labels of every cohort."""

from collections import Counter
from typing import Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.features.labels import churn_labels, cohorts
from churn_assets.features.snapshots import customer_snapshots
from churn_assets.graph.checks import require_unique
from churn_assets.graph.partitions import observed_months, partition_range, snapshot_months
from churn_assets.graph.table_asset import materialized, table_asset, table_metadata
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import as_of_between
from churn_assets.months import add_months, month_end, month_of, month_range
from churn_assets.silver.reconciliation import SilverIncomplete, extract_dates, require_complete


def _snapshots(business: Business) -> dg.AssetsDefinition:
    table = tables.CUSTOMER_SNAPSHOTS
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
        checks={"one_row_per_customer": "Every eligible customer stands once in each cohort."},
    )
    def snapshots(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        months = partition_range(context)
        observed = month_range(add_months(months[0], 1 - windows.observation_months), months[-1])
        try:
            require_complete(lakehouse, business, observed)
        except SilverIncomplete as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        built = customer_snapshots(lakehouse, business, months)
        try:
            with lakehouse.draft(table, built.snapshots) as draft:
                counts = require_unique(draft, ["customer_key", "as_of_date"])
                people = {
                    (str(r.as_of_date), r.excluded or "eligible"): r["count"]
                    for r in built.people.groupBy("as_of_date", "excluded").count().collect()
                }
                eligible = sum(n for (_, reason), n in people.items() if reason == "eligible")
                if eligible != counts["rows"]:
                    raise dg.Failure(
                        f"{eligible:,} customers are eligible but {counts['rows']:,} snapshots came out; "
                        "nothing was written."
                    )
                commit = draft.replace(as_of_between(months), run_id=context.run.run_id)
        finally:
            built.people.unpersist()
        reasons = sorted({reason for _, reason in people})
        days = sorted({day for day, _ in people})
        report = table_metadata(
            ["as_of_date", *reasons], [[d, *(people.get((d, r), 0) for r in reasons)] for d in days]
        )
        return materialized(
            lakehouse,
            table,
            commit,
            {"population": report, "features": len(business.features)},
            {"one_row_per_customer": counts},
        )

    return snapshots


def _labels(business: Business) -> dg.AssetsDefinition:
    table = tables.CHURN_LABELS
    windows = business.file.windows

    @table_asset(
        table,
        business,
        description=(
            f"What became of each snapshot: policy {business.file.label.policy}, outcome window "
            f"(as_of + {windows.gap_days} d, as_of + {windows.gap_days + windows.outcome_days} d], settled "
            f"by the first extract at least {windows.settlement_days} days later and then kept. "
            "Pending is null, never 0."
        ),
        deps=[
            tables.CUSTOMER_SNAPSHOTS.key,
            tables.silver(business.label_source).key,
            tables.RECONCILIATION.key,
        ],
        partitions=snapshot_months(business),
        checks={
            "no_label_before_its_time": "No label is given before label_available_at is covered by extracts."
        },
    )
    def labels(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        months = partition_range(context)
        where = as_of_between(months)
        extracts = extract_dates(lakehouse, business.label_source)
        dates = cohorts(months, windows, extracts)
        mature = [c for c in dates if c.mature]
        if mature:
            try:
                # a month that is missing inside the outcome window would read as loyalty or as churn
                needed = month_range(month_of(mature[0].as_of_date), month_of(mature[-1].label_available_at))
                require_complete(lakehouse, business, needed)
            except SilverIncomplete as error:
                raise dg.Failure(str(error), allow_retries=False) from error
        settled = lakehouse.read(table).where(where).localCheckpoint() if lakehouse.exists(table) else None
        frame = churn_labels(
            lakehouse.read(tables.CUSTOMER_SNAPSHOTS).where(where),
            lakehouse.read(tables.silver(business.label_source)),
            business,
            dates,
            settled,
        )
        with lakehouse.draft(table, frame) as draft:
            given = draft.content.aggregate(["label_available_at"], [("label", "count")]).to_pylist()
            if any(row["label_count"] for row in given if row["label_available_at"] > extracts[-1]):
                raise dg.Failure("A label stands before its label_available_at; nothing was written.")
            counts = draft.content.aggregate(
                ["as_of_date", "outcome", "corrected"], [("customer_key", "count")]
            ).to_pylist()
            commit = draft.replace(where, run_id=context.run.run_id)
        outcomes = Counter[tuple[str, str]]()
        for row in counts:
            outcomes[str(row["as_of_date"]), row["outcome"]] += row["customer_key_count"]
        kinds = sorted({kind for _, kind in outcomes})
        days = [str(month_end(m)) for m in months]
        rows = [[d, *(outcomes[d, k] for k in kinds)] for d in days]
        churned = sum(n for (_, kind), n in outcomes.items() if kind == "churned")
        stayed = sum(n for (_, kind), n in outcomes.items() if kind == "stayed")
        metadata: dict[str, Any] = {
            "outcomes": table_metadata(["as_of_date", *kinds], rows),
            "mature cohorts": len(mature),
            "corrections not applied": sum(row["customer_key_count"] for row in counts if row["corrected"]),
        }
        if churned + stayed:
            metadata["base rate"] = churned / (churned + stayed)
        return materialized(
            lakehouse,
            table,
            commit,
            metadata,
            {"no_label_before_its_time": {"known until": str(extracts[-1])}},
        )

    return labels


def feature_assets(business: Business) -> list[dg.AssetsDefinition]:
    """Snapshots and labels."""
    return [_snapshots(business), _labels(business)]
