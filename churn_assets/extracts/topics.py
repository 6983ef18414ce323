"""extracts/<source> of a topic: all messages since the extract before, and what was refused or lost."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.extracts.checks import ANSWERED, AS_BEFORE, WHOLE, every_month, not_answered, same_columns
from churn_assets.extracts.lost_messages import note_lost, told
from churn_assets.graph.checks import passed, warned
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.names import extracts_of
from churn_assets.graph.partitions import ingest_months, partition_range
from churn_assets.graph.table_asset import table_asset
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import Table
from churn_assets.months import month_of
from churn_assets.settings import without_secrets
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.extract import origin_of
from churn_assets.sources.topics.reader import TopicExtract, extract_topic

ALL_OBJECTS = "messages_are_objects"
NONE_LOST = "no_message_lost"
READ_ONCE = (
    "A topic is read once, in the order of its offsets; messages are known on the day on which they are read."
)


def topic_asset(business: Business, source: Source) -> dg.AssetsDefinition:
    """The asset of the extracts of a topic."""
    table = extracts_of(source)

    @table_asset(
        table,
        business,
        description=f"{source.description} Messages of {origin_of(source).what} (kafka), as files in the landing zone.",
        partitions=ingest_months(business),
        checks=WHOLE,
        reports=AS_BEFORE
        | {
            ALL_OBJECTS: "Each message is a JSON object; others go to the quarantine.",
            NONE_LOST: "The topic has kept each message until it was read, here or by `live` within the last day.",
        },
        kinds=("kafka", source.format),
        owner=source.owner,
        spark=False,
    )
    def extracts(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        months = partition_range(context)
        this = month_of(datetime.now(UTC).date())
        done = _read(lakehouse, source, table, context.run.run_id, this) if this in months else None
        return dg.MaterializeResult(
            asset_key=table.key,
            metadata=_told(lakehouse, source, done),
            check_results=[
                passed(ANSWERED, {"extracts": int(done is not None)}),
                every_month({month: READ_ONCE for month in months if month != this}),
                same_columns([done.extract] if done else []),
                _all_objects(done),
                _none_lost(source, done),
            ],
        )

    return extracts


def _read(lakehouse: Lakehouse, source: Source, table: Table, run_id: str, month: str) -> TopicExtract:
    with lakehouse.alone_with(table), lakehouse.staging(table, run_id=run_id) as folder:
        try:
            done = extract_topic(source, lakehouse.settings.landing_uri, folder, now := datetime.now(UTC))
        except ExtractError as error:
            raise not_answered([month], error) from None
    if done.extract.record.lost:
        note_lost(lakehouse, source, done.lost, done.extract.name, now, run_id)
    return done


def _told(lakehouse: Lakehouse, source: Source, done: TopicExtract | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "dagster/row_count": 0,
        "dagster/uri": without_secrets(f"{lakehouse.settings.landing_uri}/{source.path}"),
    }
    if done is None:
        return told
    record = done.extract.record
    rows = [(name, first, after, after - first) for name, (first, after) in record.offsets.items()]
    return told | {
        "dagster/row_count": record.rows,
        "bytes": done.extract.size,
        "seconds": round(done.extract.seconds, 2),
        "file": done.extract.name,
        "messages that are no objects": done.refused,
        "offsets": table_metadata(["partition", "from", "to", "offsets"], rows),
    }


def _all_objects(done: TopicExtract | None) -> dg.AssetCheckResult:
    if done is None or not done.refused:
        return passed(ALL_OBJECTS, {})
    found = (
        f"{done.refused:,} of {done.extract.record.rows:,} messages are no JSON objects. They are in the quarantine "
        "after the ingest; ask who writes to the topic."
    )
    return warned(ALL_OBJECTS, found, {"messages": done.refused})


def _none_lost(source: Source, done: TopicExtract | None) -> dg.AssetCheckResult:
    if done is None or not done.lost:
        return passed(NONE_LOST, {})
    rows = sorted(done.lost.items())
    return dg.AssetCheckResult(
        check_name=NONE_LOST,
        passed=False,
        severity=dg.AssetCheckSeverity.ERROR,
        description=told(source, done.lost),
        metadata={
            "lost": sum(done.lost.values()),
            "partitions": table_metadata(["partition", "lost offsets"], rows),
        },
    )
