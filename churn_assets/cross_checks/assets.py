"""silver/findings: what the cross-checks find, beside what silver found in each source."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.cross_checks.contradictions import contradictions
from churn_assets.cross_checks.doubtful_merges import doubtful_merges
from churn_assets.cross_checks.unknown_ids import unknown_ids
from churn_assets.graph.checks import CheckFailed, ingest_commands, passed, warned
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.partitions import ingest_months, partition_range
from churn_assets.graph.table_asset import materialized, table_asset
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.silver.findings import as_metadata, findings, in_words, record
from churn_assets.silver.reconciliation_rows import passed_before, refuse_months
from churn_assets.silver.today import today_of

CROSS_CHECKS = "cross_checks"
SOURCES_AGREE = "sources_agree"
FINDING_COLUMNS = ("source", "extract_month", "rule", "subject", "severity", "what", "remedy")
SHOWN_FINDINGS = 50


def _findings(business: Business) -> dg.AssetsDefinition:
    table = tables.FINDINGS

    @table_asset(
        table,
        business,
        description=(
            "What the checks found in each month. Silver adds what it finds within a source; this asset adds what it "
            "finds between sources."
        ),
        deps=[tables.silver(s).key for s in business.sources],
        partitions=ingest_months(business),
        checks={
            SOURCES_AGREE: "Sources do not contradict each other more than their contracts and churn.yaml allow."
        },
    )
    def found(context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]) -> Iterator[Any]:
        judged = set(context.instance.get_materialized_partitions(context.asset_key))
        # months that passed in a run that another month failed
        left_out = passed_before(lakehouse, partition_range(context)[0]) - judged
        months = sorted({*left_out, *partition_range(context)})
        problems = [
            *unknown_ids(lakehouse, business, months),
            *doubtful_merges(lakehouse, business, months),
            *contradictions(lakehouse, business, months, today_of(lakehouse, business)),
        ]
        commit = record(lakehouse, CROSS_CHECKS, months, problems, run_id=context.run.run_id)
        refusing = [p for p in problems if p.severity == "block"]
        if refusing:
            refuse_months(lakehouse, [(p.source, p.month, p.rule) for p in refusing], context.run.run_id)
        good = {*months} - {p.month for p in refusing}
        for month in sorted(good if refusing else left_out):
            yield dg.AssetMaterialization(table.key, partition=month)
        if refusing:
            remedies = " ".join(dict.fromkeys(p.remedy for p in refusing))
            again = f"Then run {ingest_commands(p.month for p in refusing)}."
            evidence, outcome = as_metadata(problems), "These months have not passed silver."
            raise CheckFailed(SOURCES_AGREE, in_words(refusing), f"{remedies} {again}", evidence, outcome)
        rows = findings(lakehouse, months)
        listed = [[row[name] for name in FINDING_COLUMNS] for row in rows[:SHOWN_FINDINGS]]
        report = {"findings": len(rows), "found": table_metadata(FINDING_COLUMNS, listed)}
        held = passed(SOURCES_AGREE, {})
        if problems:
            held = warned(SOURCES_AGREE, in_words(problems), as_metadata(problems))
        yield materialized(lakehouse, table, commit, report, [held])

    return found


def cross_check_assets(business: Business) -> list[dg.AssetsDefinition]:
    """The one asset of the cross-checks."""
    return [_findings(business)]
