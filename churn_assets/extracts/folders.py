"""extracts/<source> of a foreign folder: the files that were copied, changed or are still being written."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.counts import counted
from churn_assets.extracts.checks import ANSWERED, WHOLE, not_answered
from churn_assets.graph.checks import passed, warned
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.names import extracts_of
from churn_assets.graph.partitions import ingest_months, partition_range
from churn_assets.graph.table_asset import table_asset
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import Table
from churn_assets.months import month_end, month_of, month_start
from churn_assets.settings import without_secrets
from churn_assets.sources.folders.copying import SETTLED_SECONDS, CopiedFiles, copy_new
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.extract import origin_of

UNCHANGED = "no_file_changed"
DATES = "no_date_in_the_future"
WHOLE_FILES = "no_file_is_growing"
SHOWN = 20  # names in a check
CHANGED = (
    "Changed since they were copied ({files}): {names}. They were copied once more; of a key, the row of the later "
    "file counts."
)
TO_COME = (
    "Not copied, as their day is still to come: {names}. Is the pattern right, with day and month in order?"
)
GROWING = (
    f"Not copied, as they were written within the last {SETTLED_SECONDS:.0f} seconds or while they were read: "
    "{names}. The next extract copies them; if one is named each time, ask who writes it."
)


def folder_asset(business: Business, source: Source) -> dg.AssetsDefinition:
    """The asset of the copies of a foreign folder."""
    table, origin = extracts_of(source), origin_of(source)

    @table_asset(
        table,
        business,
        description=f"{source.description} Copies of {origin.what} ({origin.kind}) in the landing zone.",
        partitions=ingest_months(business),
        checks=WHOLE,
        reports={
            UNCHANGED: "No file has changed since it was copied; a changed one is a redelivery.",
            DATES: "No name tells a day that is still to come.",
            WHOLE_FILES: "No file is still being written, so that all were copied.",
        },
        kinds=(origin.kind, source.format),
        owner=source.owner,
        spark=False,
    )
    def extracts(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        months = partition_range(context)
        done = _copied(business, lakehouse, source, table, context.run.run_id, months)
        return dg.MaterializeResult(
            asset_key=table.key,
            metadata=_told(lakehouse, source, done),
            check_results=[
                passed(ANSWERED, {"files copied": len(done.copied)}),
                _judged(UNCHANGED, done.redelivered, CHANGED),
                _judged(DATES, done.future, TO_COME),
                _judged(WHOLE_FILES, done.growing, GROWING),
            ],
        )

    return extracts


def _copied(
    business: Business, lakehouse: Lakehouse, source: Source, table: Table, run_id: str, months: Sequence[str]
) -> CopiedFiles:
    """The files of the months; with the open month also those that came late for earlier ones."""
    now = datetime.now(UTC)
    start = business.file.calendar.start if month_of(now.date()) in months else min(months)
    first, last = month_start(start), month_end(max(months))
    with lakehouse.alone_with(table), lakehouse.staging(table, run_id=run_id) as folder:
        try:
            return copy_new(source, lakehouse.settings.landing_uri, folder, first, last, now)
        except ExtractError as error:
            raise not_answered(months, error) from None


def _told(lakehouse: Lakehouse, source: Source, done: CopiedFiles) -> dict[str, Any]:
    return {
        "dagster/uri": without_secrets(f"{lakehouse.settings.landing_uri}/{source.path}"),
        "bytes": sum(done.copied.values()),
        "seconds": round(done.seconds, 2),
        "files copied": len(done.copied),
        "files": table_metadata(["file", "bytes"], sorted(done.copied.items())),
        "files with other names": len(done.others),
        "some other names": ", ".join(done.others[:SHOWN]) or "-",
    }


def _judged(check: str, files: Sequence[str], found: str) -> dg.AssetCheckResult:
    """Passed without such files; else a warning that names some of them in place of `{names}` in `found`."""
    if not files:
        return passed(check, {})
    told = found.format(names=", ".join(files[:SHOWN]), files=counted(len(files), "file"))
    return warned(check, told, {"files": len(files)})
