"""`churn-assets demo --live`: a day of a simulated company in a minute, from events in topics of Kafka to alerts."""

import os
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from churn_assets.cli.demo import DemoWorld, make_world
from churn_assets.cli.live import lines_of
from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.contracts.source import Source
from churn_assets.definitions import tracking_of
from churn_assets.graph.partitions import last_ingest_month
from churn_assets.lakehouse.engine.profiles import for_few_rows
from churn_assets.lakehouse.engine.session import stop_session
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.live.alone import alone
from churn_assets.live.figures import LiveFigures, answering
from churn_assets.live.following import Follower, LiveStep
from churn_assets.live.topics import topics_of
from churn_assets.local_servers.kafka_broker import KafkaBroker, why_not
from churn_assets.months import days_of
from churn_assets.operations.log import writing as log
from churn_assets.settings import COMING, Settings
from churn_assets.simulator.coming import coming_days, coming_files, deliver_day
from churn_assets.simulator.simulate import SimulationError
from churn_assets.sources.live.records import records
from churn_assets.sources_demo.business import BROKER, write_live_business
from churn_assets.sources_demo.events import Feeder, events_of
from churn_assets.tracking.tracking import Tracking

FOLDER = "live_business"  # in CHURN_HOME
SECONDS = 60.0  # that a day takes
OPENING, OPEN_HOURS = clock_time(6), 14  # of the simulated day, in which events come
HIGHEST = 3  # scores of a step that are shown


def demo_live(settings: Settings, world: DemoWorld, console: Console) -> None:
    """Makes a world whose history ends before the day, unless it is there, and follows the day live.

    Called again, it takes the next day; before that, the day that was live is ingested and scored as at night.

    Raises:
        SimulationError: no broker can be started here, another business, or no day is left.
        FollowedError: another process follows the home.
        BrokerError, FeedError: see `KafkaBroker` and `Feeder`; everything that was started is stopped.
    """
    if reason := why_not():
        raise SimulationError(reason)
    folder = settings.home_path / FOLDER
    if settings.business_path != folder and load_business(settings.business_path).name != "telecom":
        raise SimulationError("The live demo is about the telecom business. Unset CHURN_BUSINESS.")
    if not folder.is_dir():
        write_live_business(folder)
    own = settings.model_copy(update={"business": str(folder)})
    days = days_of(last_ingest_month(load_business(folder)))
    day = next_day(own, days)
    with alone(own):  # refuses now rather than when the world has been made
        pass
    business = make_world(own, replace(world, days=days.index(day)), console)
    log.start(own)
    stop_session()  # what it keeps of the history is memory that a step does not need
    lakehouse = Lakehouse(for_few_rows(own))
    steps = follow_day(lakehouse, business, tracking_of(own, business), day, SECONDS, console)
    console.print()
    for line in steps.told():
        console.print(line, highlight=False)
    console.print(
        f"The broker is stopped. The next call ingests {day} as at night, and takes the day after it live.",
        highlight=False,
    )


def next_day(settings: Settings, days: list[date]) -> date:
    """The day to take live: the first that has not come, but not the first of all, which gives scores to compare with.

    Raises:
        SimulationError: all days have come.
    """
    coming = settings.home_path / COMING
    waiting = [day for day in coming_days(coming) if day in days] if coming.is_dir() else days
    if not waiting:
        raise SimulationError(
            f"All days up to {days[-1]} have come. Set CHURN_HOME to another folder to begin again."
        )
    return max(waiting[0], days[1])


@dataclass
class LiveDay:
    """What the steps of a day did.

    Attributes:
        rows: source -> rows that were read.
        files: names of the files that were taken.
        scores: customer_key -> the newest probability.
        alerts: that were told.
        seconds: of each step that only took events, from the landing of the first to the end of its alerts.
    """

    topics: Sequence[str]

    rows: Counter[str] = field(default_factory=Counter)
    files: set[str] = field(default_factory=set)
    scores: dict[str, float] = field(default_factory=dict)
    alerts: int = 0
    seconds: list[float] = field(default_factory=list)

    def add(self, step: LiveStep) -> None:
        """Counts a step."""
        for name, taken in step.arrived.by_source.items():
            self.rows[name] += sum(taken.rows.values())
        self.files |= {file.name for file in step.arrived.files}
        self.scores |= step.scores
        self.alerts += len(step.alerts)
        if step.arrived.by_source.keys() <= {*self.topics}:
            self.seconds.append(step.seconds)

    def told(self) -> list[str]:
        """The sum of the day, for a terminal."""
        rows = ", ".join(f"{name} {count:,}" for name, count in sorted(self.rows.items()) if count)
        ordered = sorted(self.seconds)
        times = (
            f"{ordered[len(ordered) // 2]:.1f} s in the middle, {ordered[-1]:.1f} s at most"
            if ordered
            else "none"
        )
        return [
            f"Rows of the day: {rows or 'none'}.",
            f"{len(self.scores):,} customers scored, {self.alerts:,} alerts; from arrival to alert: {times}.",
        ]


def follow_day(
    lakehouse: Lakehouse, business: Business, tracking: Tracking, day: date, seconds: float, console: Console
) -> LiveDay:
    """Sends the events of a day that waits to come through a broker of its own, and follows them to their alerts.

    What comes as files lies in the landing zone at the beginning; the rest comes in the topics. Also Ctrl-C, SIGTERM
    and errors stop the broker and all threads. The day counts as come when all of it was seen; a call after an
    interruption sends it again, and silver counts each key once.

    Raises:
        BrokerError, FeedError: see `KafkaBroker` and `Feeder`.
        NoModelError: nobody is in charge of the day.
        FollowedError: another process follows the home.
    """
    coming, landing = lakehouse.settings.home_path / COMING, Path(lakehouse.settings.landing_uri)
    topics = [source.name for source in topics_of(business.sources)]
    deliver_day(coming, landing, day, but=topics)
    files, stop, steps = coming_files(coming, day), threading.Event(), LiveDay(topics)
    events = events_of(files)
    with ExitStack() as started:
        started.enter_context(alone(lakehouse.settings))
        started.enter_context(_ended_by_sigterm())
        place = started.enter_context(tempfile.TemporaryDirectory(prefix="demo_live_"))
        broker = started.enter_context(KafkaBroker(Path(place), lakehouse.settings))
        started.enter_context(_variable(BROKER, broker.address))
        for name in topics:
            broker.create_topic(name)
        console.print(f"Kafka on {broker.address} with the topics {', '.join(topics)}.", highlight=False)
        figures = LiveFigures()
        address = started.enter_context(answering(figures, "127.0.0.1", 0))
        console.print(f"Health and metrics: {address}/v2/health/ready, {address}/metrics", highlight=False)
        clock = DayInSeconds(day, seconds)
        follower = Follower(lakehouse, business, tracking, figures, clock)
        by = follower.scorer.by.champion.model_version
        console.print(
            f"Follows {day}: its files have arrived, {len(events):,} events come within {seconds:.0f} s. Version {by} "
            "scores. Ctrl-C stops all.\n",
            highlight=False,
        )
        landed = _Landed(str(landing), topics_of(business.sources), steps)
        feeder = Feeder(broker.address, events, seconds, stop, landed.reaches)

        def tell(step: LiveStep) -> None:
            steps.add(step)
            for line in (*lines_of(step), *_highest(step)):
                console.print(line, highlight=False, markup=False, soft_wrap=True)

        follower.catch_up(tell)
        if events:
            clock.start()
            feeder.start()
            try:
                follower.run(stop, tell)
            finally:
                stop.set()
                feeder.join()
        if feeder.failed:
            raise feeder.failed
    for file in files:
        file.unlink()
    return steps


def _highest(step: LiveStep) -> list[str]:
    """The highest scores of a step."""
    highest = sorted(step.scores.items(), key=lambda item: -item[1])[:HIGHEST]
    told = ", ".join(f"{key} {100 * probability:.1f} %" for key, probability in highest)
    return [f"         highest now: {told}"] if told else []


class _Landed:
    """Tells whether messages have landed since the beginning, and the files that hold them were taken."""

    def __init__(self, landing: str, sources: Sequence[Source], steps: LiveDay) -> None:
        self._landing, self._sources, self._steps = landing, sources, steps
        self._before = {source.name: self._now(source) for source in sources}

    def reaches(self, sent: Mapping[str, int]) -> bool:
        """Whether so many messages of each topic have."""
        return all(self._has(source, sent.get(source.name, 0)) for source in self._sources)

    def _has(self, source: Source, sent: int) -> bool:
        before, now = self._before[source.name], self._now(source)
        taken = sum(name.startswith(f"{source.path}/") for name in self._steps.files.copy())
        return now.messages - before.messages >= sent and taken >= now.files - before.files

    def _now(self, source: Source) -> "_Count":
        found = records(self._landing, source)
        return _Count(len(found), sum(record.rows for record in found))


class _Count(NamedTuple):
    """Files of a topic in the landing zone, and the messages in them."""

    files: int
    messages: int


class DayInSeconds:
    """A clock that stands at the opening of a day until it is started; then it lets the open hours pass quickly.

    After these it goes on at the pace of the real clock, so that the day does not end.
    """

    def __init__(self, day: date, seconds: float) -> None:
        """Stands.

        Args:
            day: in which it stays.
            seconds: in which the open hours pass.
        """
        self._begin, self._seconds = datetime.combine(day, OPENING, UTC), seconds
        self._started: float | None = None

    def start(self) -> None:
        """Lets time pass."""
        self._started = time.monotonic()

    def __call__(self) -> datetime:
        """The moment, UTC."""
        passed = 0.0 if self._started is None else time.monotonic() - self._started
        fast = min(passed / self._seconds, 1.0) * OPEN_HOURS * 3600
        return self._begin + timedelta(seconds=fast + max(0.0, passed - self._seconds))


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    """Sets a variable of the environment meanwhile."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends the process as Ctrl-C does meanwhile, in order."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
