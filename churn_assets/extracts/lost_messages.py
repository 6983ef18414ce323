"""The incident of a topic that had deleted messages before they were read."""

from collections.abc import Mapping
from datetime import datetime

from churn_assets.contracts.source import Source
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.channels.outbox import Outbox
from churn_assets.operations.incidents.incident import Condition
from churn_assets.operations.incidents.store import join


def told(source: Source, lost: Mapping[int, int]) -> str:
    """What was lost, and the remedy."""
    return (
        f"The topic had deleted {sum(lost.values()):,} offsets before they were read. Have their events delivered as a "
        f"file of {source.name}, give the topic a longer retention, and extract more often."
    )


def note_lost(
    lakehouse: Lakehouse, source: Source, lost: Mapping[int, int], file: str, now: datetime, by: str
) -> None:
    """Opens the incident of a source, or lets the loss join it; nobody but a person can tell that it is resolved.

    Args:
        lakehouse: the lake.
        source: with a topic.
        lost: partition -> number of offsets.
        file: name of the file that was landed behind the gap; tells one loss from another.
        now: UTC.
        by: who found it.
    """
    title = f"messages of {source.name} were deleted before they were read"
    condition = Condition("messages_lost", f"topic:{source.name}", file, title, told(source, lost))
    join(lakehouse, condition, Outbox(lakehouse.settings.home_path).id, now, by)
