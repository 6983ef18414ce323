"""The incident of a topic that had deleted messages before they were read."""

from collections.abc import Mapping
from datetime import datetime

from churn_assets.contracts.source import Source
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.channels.outbox import Outbox
from churn_assets.operations.incidents.incident import Condition
from churn_assets.operations.incidents.store import join
from churn_assets.operations.incidents.store import records as incident_records
from churn_assets.sources.live.records import named_records


def told(source: Source, lost: Mapping[int, int]) -> str:
    """What was lost, and the remedy."""
    return (
        f"The topic had deleted {sum(lost.values()):,} offsets before they were read. Have their events delivered as a "
        f"file of {source.name}, give the topic a longer retention, and extract more often."
    )


def note_lost(lakehouse: Lakehouse, source: Source, since: datetime, now: datetime, by: str) -> None:
    """Opens the incident of a source, or lets losses join it; nobody but a person can tell that it is resolved.

    A loss is what a file in the landing zone tells, and known by the name of the file. So what a process did not note
    that was killed is noted by the next one, and nothing twice.

    Args:
        lakehouse: the lake.
        source: with a topic.
        since: files that were landed before are not looked at.
        now: UTC.
        by: who found it.

    Raises:
        ExtractError: see `named_records`.
    """
    key, outbox = f"topic:{source.name}", Outbox(lakehouse.settings.home_path).id
    title = f"messages of {source.name} were deleted before they were read"
    noted = {record.last_event for record in incident_records(lakehouse) if record.dedup_key == key}
    for file, record in named_records(lakehouse.settings.landing_uri, source).items():
        if record.lost and record.taken_at >= since and file not in noted:
            lost = {int(partition): number for partition, number in record.lost.items()}
            condition = Condition("messages_lost", key, file, title, told(source, lost))
            join(lakehouse, condition, outbox, now, by)
