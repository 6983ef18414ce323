"""bronze/<source>: one asset per source contract."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from churn_assets.bronze.reading import read_extracts, unreadable
from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.graph.checks import NOT_COMMITTED, CheckFailed, ingest_commands, passed
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.partitions import ingest_months, partition_range
from churn_assets.graph.table_asset import materialized, table_asset
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import spoken
from churn_assets.sources.arrivals import digest
from churn_assets.sources.landing import ExtractFile, LandingError, list_extracts

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SHOWN_FILES = 50
# Metadata of a month: a digest of its files, which distinguishes a changed month from a repeated one.
EXTRACTS = "extracts"
FILES_FIT = "files_fit_contract"
FILES_READ = "every_file_was_read"
LEFT_OUT = "These files are left out, and silver refuses their months."


def _bronze_asset(business: Business, source: Source) -> dg.AssetsDefinition:
    table = tables.bronze(source)

    @table_asset(
        table,
        business,
        description=f"{source.description} As delivered ({source.format}), nothing refused.",
        partitions=ingest_months(business),
        checks={FILES_FIT: f"Every file is {source.format}, in a folder extract_date=YYYY-MM-DD."},
        reports={
            FILES_READ: "Every file is readable and has the columns that the contract requires. A file that is not is "
            "left out, and silver refuses its month."
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
        except LandingError as error:
            raise _unfit(FILES_FIT, [str(error)], months) from error
        with lakehouse.staging(table, run_id=context.run.run_id) as folder:
            frame, refused = _readable(lakehouse, source, files, folder)
            commit = lakehouse.replace(table, frame, tables.between(months), run_id=context.run.run_id)
        delivered = table_metadata(["file", "bytes"], [(f.name, f.size) for f in files[-SHOWN_FILES:]])
        for month in months:
            mark = digest(f for f in files if f.month == month)
            context.add_asset_metadata({EXTRACTS: mark}, partition_key=month)
        report = {"files": len(files), "newest files": delivered}
        read = passed(FILES_READ, {"files": len(files)})
        if refused:
            # the step goes on, so that other sources get their keys; silver refuses the months of these files
            unfit = {f.month for f in files if f.name in refused}
            read = _unfit(FILES_READ, [*map(str, refused.values())], sorted(unfit), LEFT_OUT).result(
                table.key
            )
        held = [passed(FILES_FIT, {"files": len(files)}), read]
        return materialized(lakehouse, table, commit, report, held)

    return bronze


def _readable(
    lakehouse: Lakehouse, source: Source, files: Sequence[ExtractFile], folder: str
) -> "tuple[DataFrame, dict[str, LandingError]]":
    """The rows of the files that can be read, and why the others cannot."""
    spark, landing = lakehouse.spark, lakehouse.settings.landing_uri
    try:
        return read_extracts(spark, source, landing, files, f"{folder}/all"), {}
    except LandingError:
        refused = unreadable(source, landing, files, f"{folder}/each")
        rest = [f for f in files if f.name not in refused]
        return read_extracts(spark, source, landing, rest, f"{folder}/rest"), refused


def _unfit(
    check: str, found: Sequence[str], months: Sequence[str], consequence: str = NOT_COMMITTED
) -> CheckFailed:
    remedy = f"Fix this, then run {ingest_commands(months)}."
    evidence = {"found": "\n".join(found), "months": spoken(months)}
    return CheckFailed(check, "\n".join(found), remedy, evidence, consequence)


def bronze_assets(business: Business) -> list[dg.AssetsDefinition]:
    """One bronze asset per contract."""
    return [_bronze_asset(business, source) for source in business.sources]
