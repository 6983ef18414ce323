"""Hands messages that break their contract over to the topic for dead letters, beside the scoring."""

import logging
import queue
import threading
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import accumulate, groupby
from typing import TYPE_CHECKING

from churn_assets.contracts.source import Source
from churn_assets.live.figures import LiveFigures
from churn_assets.operations.log.writing import event
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.records import Record, record_of_file
from churn_assets.sources.topics.dead_letters import DeadLetter, DeadLetterWriter

if TYPE_CHECKING:
    import pyarrow as pa

WAIT_SECONDS = 0.5  # for rows, before it looks whether to stop
AGAIN_SECONDS = 5.0  # after a broker has failed


class DeadLetterThread(threading.Thread):
    """Copies the messages of one source that are handed over, until `stop` is set; tries again when the broker fails.

    What waits at the stop is handed over again after the next start.

    Attributes:
        failed: an error that nobody expected; the thread has ended.
    """

    def __init__(self, source: Source, landing: str, figures: LiveFigures, stop: threading.Event) -> None:
        """Prepares; `landing` is where the files are that the rows came in."""
        super().__init__(name=f"dead-letters-{source.name}", daemon=True)
        self._source, self._landing, self._figures, self._stopped = source, landing, figures, stop
        self._rows: queue.SimpleQueue[pa.Table] = queue.SimpleQueue()
        self._others: set[str] = set()  # digests of topics that are no more, of which that was told
        self.failed: BaseException | None = None

    def add(self, broken: "pa.Table") -> None:
        """Takes rows over: source_file, row_number and refused_rule, see `SourceRows.broken`."""
        if broken.num_rows:
            self._rows.put(broken)

    def run(self) -> None:
        """Copies, and begins again where the broker has failed."""
        waiting: pa.Table | None = None
        try:
            while not self._stopped.is_set():
                if waiting is None and (waiting := self._taken()) is None:
                    continue
                try:
                    with DeadLetterWriter(self._source) as writer:
                        while waiting is not None and not self._stopped.is_set():
                            self._put_out(writer, waiting)
                            waiting = self._taken()
                except ExtractError as error:
                    event("live.dead_letters", str(error), level=logging.WARNING, source=self._source.name)
                    self._stopped.wait(AGAIN_SECONDS)
        except BaseException as error:  # noqa: BLE001 (whoever follows raises it)
            self.failed = error

    def _taken(self) -> "pa.Table | None":
        try:
            return self._rows.get(timeout=WAIT_SECONDS)
        except queue.Empty:
            return None

    def _put_out(self, writer: DeadLetterWriter, broken: "pa.Table") -> None:
        by_topic = letters_of(broken, self._landing)
        letters = by_topic.pop(writer.asked, [])
        if by_topic:  # perhaps the topic was made anew since the writer began
            writer.check_same()
        if others := by_topic.keys() - self._others:
            self._others |= others
            number = sum(len(by_topic[one]) for one in others)
            said = (
                f"{number:,} of them are of a topic that was deleted. Those without a copy are in the quarantine "
                "alone."
            )
            event("live.dead_letters", said, level=logging.WARNING, source=self._source.name)
        done = writer.put_out(letters)
        self._figures.dead_letters.labels(self._source.name).inc(done.copied)
        if done.gone:
            said = f"The topic holds {done.gone:,} of them no more. They are in the quarantine alone."
            event("live.dead_letters", said, level=logging.WARNING, source=self._source.name)
        if done.too_large:
            said = (
                f"{done.too_large:,} of them are too large for the topic for dead letters, and are in the quarantine "
                "alone. Raise its `max.message.bytes` to that of the topic."
            )
            event("live.dead_letters", said, level=logging.WARNING, source=self._source.name)


def letters_of(broken: "pa.Table", landing: str) -> dict[str, list[DeadLetter]]:
    """Digest of a topic, see `Record` -> its messages that rows came from; files that tell no places are left out.

    Args:
        broken: see `DeadLetterThread.add`.
        landing: landing zone.

    Raises:
        ExtractError: the store does not give a file.
    """
    found: dict[str, list[DeadLetter]] = {}
    rows = sorted(broken.to_pylist(), key=lambda row: (row["source_file"], row["row_number"]))
    for name, some in groupby(rows, key=lambda row: str(row["source_file"])):
        record = record_of_file(landing, name)
        if record is not None and record.runs:
            rules = {row["row_number"]: row["refused_rule"] for row in some}
            found.setdefault(record.asked, []).extend(_placed(record, rules))
    return found


def _placed(record: Record, rules: Mapping[int, str]) -> Iterable[DeadLetter]:
    """The messages of one file; `rules`: number of a line, from 1 -> its rule."""
    ends = [*accumulate(count for _, _, count in record.runs)]
    for line, rule in rules.items():
        place = bisect_left(ends, line)
        if place < len(ends):
            partition, first, count = record.runs[place]
            yield DeadLetter(partition, first + line - 1 - (ends[place] - count), rule)
