"""bronze/<source>: one asset per source contract."""

from typing import Any

import dagster as dg

from churn_assets.bronze.reading import read_extracts
from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.graph.checks import CheckFailed, passed
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.partitions import ingest_months, partition_range
from churn_assets.graph.table_asset import materialized, table_asset
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.sources.arrivals import digest
from churn_assets.sources.landing import LandingError, list_extracts

SHOWN_FILES = 50
# Metadata of a month: a digest of its files, which distinguishes a changed month from a repeated one.
EXTRACTS = "extracts"
FILES_FIT = "files_fit_contract"


def _bronze_asset(business: Business, source: Source) -> dg.AssetsDefinition:
    table = tables.bronze(source)

    @table_asset(
        table,
        business,
        description=f"{source.description} As delivered ({source.format}), nothing refused.",
        partitions=ingest_months(business),
        checks={
            FILES_FIT: f"Every file is readable {source.format}, is in a folder extract_date=YYYY-MM-DD and has the "
            "columns that the contract requires."
        },
        owner=source.owner,
    )
    def bronze(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        months = partition_range(context)
        landing = lakehouse.settings.landing_uri
        try:
            files = list_extracts(landing, source, months)
            with lakehouse.staging(table, run_id=context.run.run_id) as folder:
                frame = read_extracts(lakehouse.spark, source, files, folder)
                commit = lakehouse.replace(table, frame, tables.between(months), run_id=context.run.run_id)
        except LandingError as error:
            remedy = "Fix this, then materialise these months again."
            evidence = {"found": str(error), "months": ", ".join(months)}
            raise CheckFailed(FILES_FIT, str(error), remedy, evidence) from error
        delivered = table_metadata(["file", "bytes"], [(f.name, f.size) for f in files[-SHOWN_FILES:]])
        for month in months:
            mark = digest(f for f in files if f.month == month)
            context.add_asset_metadata({EXTRACTS: mark}, partition_key=month)
        report = {"files": len(files), "newest files": delivered}
        return materialized(lakehouse, table, commit, report, [passed(FILES_FIT, {"files": len(files)})])

    return bronze


def bronze_assets(business: Business) -> list[dg.AssetsDefinition]:
    """One bronze asset per contract."""
    return [_bronze_asset(business, source) for source in business.sources]
