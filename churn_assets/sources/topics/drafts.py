"""Messages of a topic on their way into one file."""

from collections.abc import Mapping
from datetime import datetime

from churn_assets.contracts.source import Source
from churn_assets.sources.live.documents import ENDING, DocumentDraft
from churn_assets.sources.live.records import Record
from churn_assets.sources.topics.client import topic_of
from churn_assets.sources.topics.messages import PLACE, TopicMessage, line_of
from churn_assets.sources.topics.offsets import note_place


class MessageDraft:
    """Messages of an extract, in a folder of its own, and what its record tells of them.

    Attributes:
        lines: the file.
        refused: number of messages that are no JSON objects.
    """

    ending = ENDING

    def __init__(self, source: Source, folder: str) -> None:
        """Begins a file; `folder` does not exist yet, or is empty."""
        self.lines = DocumentDraft(folder)
        self.refused = 0
        self._added = {c.field for c in source.columns} & {*PLACE}
        self._noted = topic_of(source).dead_letters is not None
        self._runs: list[list[int]] = []

    def add(self, message: TopicMessage) -> None:
        """Adds a message; those of a partition come in its order."""
        self.lines.add_line(line_of(message, self._added), message.document or {})
        self.refused += message.document is None
        if self._noted:
            note_place(self._runs, message.partition, message.offset)

    def record(
        self, asked: str, now: datetime, offsets: Mapping[int, tuple[int, int]], lost: Mapping[int, int]
    ) -> Record:
        """The record of the file; `asked`, `now`, `offsets` and `lost` are those of `Record`, by partition."""
        return Record(
            asked,
            now,
            self.lines.rows,
            None,
            None,
            self.lines.kinds(),
            offsets={str(p): offsets[p] for p in sorted(offsets)},
            runs=self._runs,
            lost={str(p): lost[p] for p in sorted(lost)},
        )
