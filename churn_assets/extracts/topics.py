"""extracts/<source> of a topic: all messages since the extract before, and what was refused or lost."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.extracts.checks import ANSWERED, AS_BEFORE, WHOLE, every_month, not_answered, same_columns
from churn_assets.extracts.lost_messages import note_lost, told
from churn_assets.extracts.topic_job import extract_by_spark
from churn_assets.graph.checks import passed, warned
from churn_assets.graph.metadata import table_metadata
from churn_assets.graph.names import extracts_of
from churn_assets.graph.partitions import ingest_months, partition_range
from churn_assets.graph.table_asset import table_asset
from churn_assets.lakehouse.engine.jars import JarsError
from churn_assets.lakehouse.engine.kafka_connector import NoConnectorError, add_connector
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import Table
from churn_assets.months import month_of
from churn_assets.settings import without_secrets
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.extract import origin_of
from churn_assets.sources.topics.client import topic_of
from churn_assets.sources.topics.reader import LOST_LATELY, TopicExtract, extract_topic

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
        spark=topic_of(source).engine == "spark",
    )
    def extracts(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.MaterializeResult[Any]:
        months = partition_range(context)
        this = month_of(datetime.now(UTC).date())
        done = _read(lakehouse, source, table, context.run.run_id, this) if this in months else []
        return dg.MaterializeResult(
            asset_key=table.key,
            metadata=_told(lakehouse, source, done),
            check_results=[
                passed(ANSWERED, {"extracts": len(done)}),
                every_month({month: READ_ONCE for month in months if month != this}),
                same_columns([one.extract for one in done]),
                _all_objects(done),
                _none_lost(source, done),
            ],
        )

    return extracts


def _read(
    lakehouse: Lakehouse, source: Source, table: Table, run_id: str, month: str
) -> Sequence[TopicExtract]:
    """The files that the topic gave, in their order."""
    try:
        with lakehouse.alone_with(table), lakehouse.staging(table, run_id=run_id) as folder:
            done = _extracted(lakehouse, source, folder, now := datetime.now(UTC))
        if any(one.lost for one in done):
            note_lost(lakehouse, source, now - LOST_LATELY, now, run_id)
    except ExtractError as error:
        raise not_answered([month], error) from None
    return done


def _extracted(lakehouse: Lakehouse, source: Source, folder: str, now: datetime) -> Sequence[TopicExtract]:
    landing = lakehouse.settings.landing_uri
    if topic_of(source).engine == "local":
        return [extract_topic(source, landing, folder, now)]
    session = lakehouse.spark
    try:
        add_connector(session, lakehouse.settings)
    except (JarsError, NoConnectorError) as error:
        raise ExtractError(str(error)) from None
    return extract_by_spark(session, source, landing, folder, now)


def _told(lakehouse: Lakehouse, source: Source, done: Sequence[TopicExtract]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "dagster/row_count": 0,
        "dagster/uri": without_secrets(f"{lakehouse.settings.landing_uri}/{source.path}"),
    }
    if not done:
        return told
    spans: dict[int, tuple[int, int]] = {}
    for one in done:
        for name, (first, after) in one.extract.record.offsets.items():
            spans[int(name)] = (spans.get(int(name), (first, after))[0], after)
    rows = [(str(name), first, after, after - first) for name, (first, after) in sorted(spans.items())]
    names = [one.extract.name for one in done]
    return told | {
        "dagster/row_count": sum(one.extract.record.rows for one in done),
        "bytes": sum(one.extract.size for one in done),
        "seconds": round(sum(one.extract.seconds for one in done), 2),
        "file": names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1:,} more",
        "messages that are no objects": sum(one.refused for one in done),
        "offsets": table_metadata(["partition", "from", "to", "offsets"], rows),
    }


def _all_objects(done: Sequence[TopicExtract]) -> dg.AssetCheckResult:
    refused = sum(one.refused for one in done)
    if not refused:
        return passed(ALL_OBJECTS, {})
    found = (
        f"{refused:,} of {sum(one.extract.record.rows for one in done):,} messages are no JSON objects. They are in "
        "the quarantine after the ingest; ask who writes to the topic."
    )
    return warned(ALL_OBJECTS, found, {"messages": refused})


def _none_lost(source: Source, done: Sequence[TopicExtract]) -> dg.AssetCheckResult:
    lost = Counter[int]()
    for one in done:
        lost.update(one.lost)
    if not lost:
        return passed(NONE_LOST, {})
    return dg.AssetCheckResult(
        check_name=NONE_LOST,
        passed=False,
        severity=dg.AssetCheckSeverity.ERROR,
        description=told(source, lost),
        metadata={
            "lost": lost.total(),
            "partitions": table_metadata(["partition", "lost offsets"], sorted(lost.items())),
        },
    )
