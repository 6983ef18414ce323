"""Lands what topics bring while the process follows: each second one file, as the job `extract` lands it at night."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import pyarrow.fs as pafs

from churn_assets.contracts.source import Source
from churn_assets.contracts.topic import SourceTopic
from churn_assets.graph.names import extracts_of
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.live.source_rows import LIVE
from churn_assets.operations.log.writing import event
from churn_assets.settings import filesystem
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.topics.reader import TopicExtract, TopicReader

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
        stop: threading.Event,
        lost: Callable[[str, int], None],
    ) -> None:
        """Prepares.

        Args:
            lakehouse: with the landing zone.
            source: with a topic.
            now: the moment whose day is the extract date.
            stop: ends the thread.
            lost: told the source, and how many offsets the topic had deleted before they were read.
        """
        super().__init__(name=f"topic-{source.name}", daemon=True)
        self._lost = lost
        self._lakehouse, self._source, self._now, self._stopped = lakehouse, source, now, stop
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
                seen = self._names(self._now())
            with reader:
                landed = time.monotonic()
                while not self._stopped.is_set():
                    reader.poll(EVERY_SECONDS / 4)
                    if not reader.waiting or time.monotonic() - landed < EVERY_SECONDS:
                        continue
                    with self._lakehouse.alone_with(table):
                        now = self._now()
                        if self._names(now) - seen:
                            return
                        done = reader.land(now)
                        seen.add(done.extract.name.removeprefix(f"{self._source.path}/"))
                    self._tell(done)
                    landed = time.monotonic()

    def _tell(self, done: TopicExtract) -> None:
        """Tells what is missing: the job `extract`, whose check would fail, finds nothing lost any more."""
        if done.lost:
            count = sum(done.lost.values())
            self._lost(self._source.name, count)
            found = (
                f"The topic of {self._source.name} had deleted {count:,} offsets before they were read. Have their "
                "events delivered as a file, and give the topic a longer retention."
            )
            event("live.lost", found, level=logging.ERROR, source=self._source.name, offsets=count)

    def _names(self, now: datetime) -> set[str]:
        """Extract folders and names of the files of a day and of the one before, which may just have ended."""
        found = set()
        for day in (now.date(), now.date() - timedelta(days=1)):
            folder = f"extract_date={day}"
            fs, path = filesystem(f"{self._lakehouse.settings.landing_uri}/{self._source.path}/{folder}")
            infos = fs.get_file_info(pafs.FileSelector(path, allow_not_found=True))
            found |= {f"{folder}/{info.base_name}" for info in infos if not info.base_name.startswith(".")}
        return found


def topics_of(sources: Iterable[Source]) -> list[Source]:
    """Those of the sources that are topics."""
    return [source for source in sources if isinstance(source.origin, SourceTopic)]
