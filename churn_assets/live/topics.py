"""Lands what topics bring while the process follows: each second one file, as the job `extract` lands it at night."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import PurePosixPath

import pyarrow.fs as pafs

from churn_assets.contracts.source import Source
from churn_assets.contracts.topic import SourceTopic
from churn_assets.extracts.lost_messages import note_lost, told
from churn_assets.graph.names import extracts_of
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.live.figures import LiveFigures
from churn_assets.live.source_rows import LIVE
from churn_assets.operations.log.writing import event
from churn_assets.settings import filesystem
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.topics.reader import LOST_LATELY, TopicExtract, TopicReader

EVERY_SECONDS = 1.0  # a file at the most
AGAIN_SECONDS = 5.0  # after a broker has failed


class TopicThread(threading.Thread):
    """Lands the messages of one topic until `stop` is set.

    Only landing is done under the lock of the source, so that the job `extract` can land, too. If it has, the topic is
    read again from where its file ends.

    Attributes:
        failed: an error that nobody expected; the thread has ended.
    """

    def __init__(
        self,
        lakehouse: Lakehouse,
        source: Source,
        now: Callable[[], datetime],
        figures: LiveFigures,
        stop: threading.Event,
    ) -> None:
        """Prepares; `now` is the moment whose day is the extract date."""
        super().__init__(name=f"topic-{source.name}", daemon=True)
        self._lakehouse, self._source, self._now, self._stopped = lakehouse, source, now, stop
        self._figures = figures
        self.failed: BaseException | None = None

    def run(self) -> None:
        """Reads, and begins again where the broker has failed."""
        try:
            while not self._stopped.is_set():
                try:
                    self._read()
                except ExtractError as error:
                    event("live.topic", str(error), level=logging.WARNING, source=self._source.name)
                    self._stopped.wait(AGAIN_SECONDS)
        except BaseException as error:  # noqa: BLE001 (whoever follows raises it)
            self.failed = error

    def _read(self) -> None:
        """Lands until it shall stop, or somebody else has landed."""
        table, landing = extracts_of(self._source), self._lakehouse.settings.landing_uri
        with self._lakehouse.staging(table, run_id=LIVE) as folder:
            with self._lakehouse.alone_with(table):
                reader = TopicReader(self._source, landing, folder)
                seen = self._names(day := self._now())
            with reader:
                if reader.lost_since(day - LOST_LATELY):
                    self._note_lost(day)  # whoever landed them may have been killed before
                landed = time.monotonic()
                while not self._stopped.is_set():
                    reader.poll(EVERY_SECONDS / 4)
                    if not reader.waiting or time.monotonic() - landed < EVERY_SECONDS:
                        continue
                    with self._lakehouse.alone_with(table):
                        before, day = day, self._now()
                        if (self._names(before) | self._names(day)) - seen:
                            return
                        done = reader.land(day)
                    seen.add(PurePosixPath(done.extract.name).name)
                    self._tell(done)
                    landed = time.monotonic()

    def _tell(self, done: TopicExtract) -> None:
        """Tells what no later extract can: its file says that all up to there was read."""
        if not done.lost:
            return
        number, name = sum(done.lost.values()), self._source.name
        event("live.lost", told(self._source, done.lost), level=logging.ERROR, source=name, offsets=number)
        self._figures.lost.labels(name).inc(number)
        self._note_lost(self._now())

    def _note_lost(self, now: datetime) -> None:
        note_lost(self._lakehouse, self._source, now - LOST_LATELY, now, LIVE)

    def _names(self, now: datetime) -> set[str]:
        """Names of the files that lie in the extract folder of a day."""
        place = f"{self._lakehouse.settings.landing_uri}/{self._source.path}/extract_date={now.date()}"
        fs, path = filesystem(place)
        found = fs.get_file_info(pafs.FileSelector(path, allow_not_found=True))
        return {info.base_name for info in found if not info.base_name.startswith(".")}


def topics_of(sources: Iterable[Source]) -> list[Source]:
    """Those of the sources that are topics."""
    return [source for source in sources if isinstance(source.origin, SourceTopic)]
