"""bronze/<source>: one asset per source contract."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from churn_assets.bronze.reading import bronze_frame
from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.counts import counted
from churn_assets.graph.checks import NOT_COMMITTED, CheckFailed, ingest_commands, passed
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.names import extracts_of
from churn_assets.graph.partitions import ingest_months, partition_range
from churn_assets.graph.table_asset import materialized, table_asset
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse, TableDraft
from churn_assets.months import spoken
from churn_assets.sources.arrivals import digest
from churn_assets.sources.landing import Listing, list_everything
from churn_assets.sources.readers.staging import stage

SHOWN_FILES = 50
# Metadata of a month: a digest of its files, which distinguishes a changed month from a repeated one.
EXTRACTS = "extracts"
FILES_FIT = "files_fit_contract"
EVERY_ROW = "every_row_of_every_file"
FILES_READ = "every_file_was_read"
LEFT_OUT = "These files are left out, and silver refuses their months."
NO_MONTH = "Nothing tells of which month {name} is, so no month waits for it; any of them may lack its rows."


def _bronze_asset(business: Business, source: Source) -> dg.AssetsDefinition:
    table = tables.bronze(source)

    @table_asset(
        table,
        business,
        description=f"{source.description} All delivered rows ({source.format}), unchanged.",
        deps=[extracts_of(source).key] if source.origin else [],
        partitions=ingest_months(business),
        checks={EVERY_ROW: "The table holds as many rows of each file as its reader counted."},
        reports={
            FILES_FIT: f"Every file is {source.format}, in a folder extract_date=YYYY-MM-DD. Other files are left out, "
            "and silver refuses the months that their names tell.",
            FILES_READ: "Every file is readable and has the columns that the contract requires. Other files are left "
            "out, and silver refuses their months.",
        },
        owner=source.owner,
    )
    def bronze(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        months = partition_range(context)
        landing = lakehouse.settings.landing_uri
        listing = list_everything(landing, source, months)
        if any(file.name == source.path for file in listing.refused):
            raise _unfit(FILES_FIT, [str(file.error) for file in listing.refused], months)
        with lakehouse.staging(table, run_id=context.run.run_id) as folder:
            staged = stage(source, listing.files, folder)
            with lakehouse.draft(table, bronze_frame(lakehouse.spark, source, staged)) as draft:
                rows = require_every_row(draft, staged.rows)
                commit = draft.replace(tables.between(months), run_id=context.run.run_id)
        delivered = table_metadata(
            ["file", "bytes", "rows"],
            [(f.name, f.size, staged.rows.get(f.name, "not read")) for f in listing.files[-SHOWN_FILES:]],
        )
        for month in months:
            mark = digest(
                (f for f in listing.files if f.month == month),
                (f for f in listing.refused if f.month == month),
            )
            context.add_asset_metadata({EXTRACTS: mark}, partition_key=month)
        report = {"files": len(listing.files), "newest files": delivered}
        if listing.not_read:
            told = [(file.name, file.reason) for file in listing.not_read[-SHOWN_FILES:]]
            report |= {
                "not read": len(listing.not_read),
                "files not read": table_metadata(["file", "reason"], told),
            }
        read = passed(FILES_READ, {"files": len(listing.files)})
        if staged.refused:
            # the step goes on, so that other sources get their keys; silver refuses the months of these files
            found, unfit = zip(*((str(file.error), str(file.month)) for file in staged.refused), strict=True)
            read = _unfit(FILES_READ, found, sorted({*unfit}), LEFT_OUT).result(table.key)
        held = [_fit(listing, months, table), passed(EVERY_ROW, rows), read]
        return materialized(lakehouse, table, commit, report, held)

    return bronze


def _fit(listing: Listing, months: Sequence[str], table: tables.Table) -> dg.AssetCheckResult:
    """The check on names and kinds of files."""
    if not listing.refused:
        return passed(FILES_FIT, {"files": len(listing.files)})
    found = [
        str(file.error) if file.month else f"{file.error} {NO_MONTH.format(name=file.name)}"
        for file in listing.refused
    ]
    known = sorted({file.month for file in listing.refused if file.month})
    consequence = LEFT_OUT if known else "It is left out."
    return _unfit(FILES_FIT, found, known or months, consequence).result(table.key)


def require_every_row(draft: TableDraft, read: Mapping[str, int]) -> dict[str, int]:
    """Checks that a draft holds as many rows of each file as the file's reader counted; returns the number of rows.

    Raises:
        CheckFailed: it holds more or fewer, or rows of another file.
    """
    rows = draft.content.aggregate(["source_file"], [("row_number", "count")]).to_pylist()
    held = {row["source_file"]: row["row_number_count"] for row in rows}
    wrong = [
        (name, read.get(name, 0), held.get(name, 0))
        for name in sorted({*read, *held})
        if read.get(name, 0) != held.get(name, 0)
    ]
    if wrong:
        name, delivered, found = wrong[0]
        raise CheckFailed(
            EVERY_ROW,
            f"{counted(len(wrong), 'file has', 'files have')} another number of rows than the table. The first is "
            f"{name}: {delivered:,} in the file, {found:,} in the table.",
            "This is a defect of this software; please report it.",
            {"files": table_metadata(["file", "rows in the file", "rows in the table"], wrong[:SHOWN_FILES])},
        )
    return {"files": len(read), "rows": sum(read.values())}


def _unfit(
    check: str, found: Sequence[str], months: Sequence[str], consequence: str = NOT_COMMITTED
) -> CheckFailed:
    remedy = f"Fix this, then run {ingest_commands(months)}."
    evidence = {"found": "\n".join(found), "months": spoken(months)}
    return CheckFailed(check, "\n".join(found), remedy, evidence, consequence)


def bronze_assets(business: Business) -> list[dg.AssetsDefinition]:
    """One bronze asset per contract."""
    return [_bronze_asset(business, source) for source in business.sources]
