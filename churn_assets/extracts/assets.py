"""extracts/<source>: one asset per source that this product asks."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.contracts.folder import SourceFolder
from churn_assets.contracts.source import Source
from churn_assets.contracts.topic import SourceTopic
from churn_assets.extracts.asking import asker_of
from churn_assets.extracts.checks import (
    ANSWERED,
    AS_BEFORE,
    WHOLE,
    every_month,
    not_answered,
    same_columns,
)
from churn_assets.extracts.folders import folder_asset
from churn_assets.extracts.topics import topic_asset
from churn_assets.graph.checks import passed, warned
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.names import extracts_of
from churn_assets.graph.partitions import ingest_months, partition_range
from churn_assets.graph.table_asset import table_asset
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_of
from churn_assets.settings import without_secrets
from churn_assets.sources.live.cursors import Cursor
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.extract import CannotAskAgain, Extract, extract_month, extract_new, origin_of

MOVED = "cursor_moved"


def _extract_asset(business: Business, source: Source) -> dg.AssetsDefinition:
    table = extracts_of(source)
    origin = origin_of(source)
    cursor = f", by the cursor {origin.cursor}" if origin.cursor else ", whole"

    @table_asset(
        table,
        business,
        description=f"{source.description} Extracts of {origin.what} ({origin.kind}){cursor}, as files in the "
        "landing zone.",
        partitions=ingest_months(business),
        checks=WHOLE,
        reports=AS_BEFORE
        | (
            {MOVED: "The newest value of the cursor is newer than at the extract before."}
            if origin.cursor
            else {}
        ),
        kinds=(origin.kind, source.format),
        owner=source.owner,
        spark=False,
    )
    def extracts(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        months, done = partition_range(context), list[Extract]()
        refused: dict[str, str] = {}
        with lakehouse.alone_with(table):
            for number, month in enumerate(months):
                with lakehouse.staging(table, run_id=context.run.run_id) as folder:
                    try:
                        done.append(_asked(business, source, lakehouse, folder, month))
                    except CannotAskAgain as why:
                        refused[month] = str(why)
                    except ExtractError as error:
                        raise not_answered(months[number:], error) from None
        return dg.MaterializeResult(
            asset_key=table.key,
            metadata=_told(lakehouse, source, done),
            check_results=[
                passed(ANSWERED, {"extracts": len(done)}),
                every_month(refused),
                same_columns(done),
                *([_moved(source, done)] if origin.cursor else []),
            ],
        )

    return extracts


def _asked(business: Business, source: Source, lakehouse: Lakehouse, folder: str, month: str) -> Extract:
    """The extract of a month, as of now: what was asked and waited for before may have taken hours."""
    landing, now = lakehouse.settings.landing_uri, datetime.now(UTC)
    if month == month_of(now.date()):
        return extract_new(asker_of(source), landing, folder, now)
    first = month == business.file.calendar.start
    return extract_month(asker_of(source), landing, folder, month, first, now)


def _told(lakehouse: Lakehouse, source: Source, done: Sequence[Extract]) -> dict[str, Any]:
    rows = [
        (
            e.name,
            e.record.rows,
            e.size,
            _shown(source, e.before),
            _shown(source, e.newest),
            f"{e.seconds:.1f}",
        )
        for e in done
    ]
    told: dict[str, Any] = {
        "dagster/row_count": sum(e.record.rows for e in done),
        "dagster/uri": without_secrets(f"{lakehouse.settings.landing_uri}/{source.path}"),
        "bytes": sum(e.size for e in done),
        "seconds": round(sum(e.seconds for e in done), 2),
        "extracts": table_metadata(["file", "rows", "bytes", "cursor from", "cursor to", "seconds"], rows),
    }
    if done and (left_out := done[-1].record.left_out):
        told["columns that the contract does not name"] = ", ".join(left_out)
    if done and origin_of(source).cursor:
        told |= {
            "cursor from": _shown(source, done[0].before),
            "cursor to": _shown(source, done[-1].newest),
        }
    return told


def _shown(source: Source, cursor: Cursor | None) -> str:
    """A cursor value for Dagster's pages, which hold no natural id and nothing personal."""
    if cursor is None:
        return "-"
    name = origin_of(source).cursor
    secret = {c.field for c in source.columns if c.personal or c.name in source.ids}
    return "not shown, as it is an id" if name in secret and not cursor.is_time else str(cursor)


def _moved(source: Source, done: Sequence[Extract]) -> dg.AssetCheckResult:
    """Judges extracts of what is new; a month that is asked again tells nothing of the cursor."""
    new = [e for e in done if e.record.month is None]
    if not new:
        return passed(MOVED, {})
    [extract] = new
    evidence = {"before": _shown(source, extract.before), "newest": _shown(source, extract.newest)}
    if extract.ahead is not None:
        found = f"The newest value, {extract.ahead}, lies in the future. The next extract begins at this one's time."
        return warned(MOVED, found, evidence)
    if extract.newest is None:
        return warned(
            MOVED, "No row is as new as those of the extract before, or none has a value.", evidence
        )
    if extract.before is not None and extract.newest.value == extract.before.value:
        return warned(MOVED, "Nothing is newer than at the extract before: is the source behind?", evidence)
    if extract.before is not None and extract.newest.value < extract.before.value:  # type: ignore[operator]
        found = (
            "The newest value is older than at the extract before. If the database was restored from a backup, delete "
            "the extracts made since; the next one asks for their rows again."
        )
        return warned(MOVED, found, evidence)
    return passed(MOVED, evidence)


def extract_assets(business: Business) -> list[dg.AssetsDefinition]:
    """One asset per source that this product asks."""
    return [_asset_of(business, source) for source in business.sources if source.origin]


def _asset_of(business: Business, source: Source) -> dg.AssetsDefinition:
    if isinstance(source.origin, SourceFolder):
        return folder_asset(business, source)
    return (topic_asset if isinstance(source.origin, SourceTopic) else _extract_asset)(business, source)
