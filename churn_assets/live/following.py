"""The loop of `churn-assets live`: what has arrived, whom it touches, their scores, their alerts; again and again.

The landing zone is the only place that keeps what was seen. After a restart all files are looked at again that the lake
has not ingested: scores are the same, and an alert is known by its id.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

from churn_assets.alerts.store import Row
from churn_assets.contracts.business import Business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.no_values import telling_no_values
from churn_assets.live.alerting import alert, put_out
from churn_assets.live.dead_letters import DeadLetterThread
from churn_assets.live.figures import LiveFigures
from churn_assets.live.loading import LOOK_AT_CONTRACTS, Loader
from churn_assets.live.renewal import ServerRenewal
from churn_assets.live.scoring import LiveScorer, in_charge
from churn_assets.live.state import Arrived, LiveState, live_day
from churn_assets.live.today import Today
from churn_assets.live.topics import TopicThread, topics_of
from churn_assets.operations.log.writing import event
from churn_assets.sources.landing import ExtractFile
from churn_assets.sources.topics.client import topic_of
from churn_assets.tracking.tracking import Tracking

DELIVER_SECONDS = 5.0  # between two looks for messages whose delivery is due again
PAUSE = 0.5  # seconds between two looks at the landing zone that found nothing
MOST_FILES = 500  # of a source that are read in one step


class NothingDeliveredError(RuntimeError):
    """The landing zone is empty, so there is no day to score."""


@dataclass(frozen=True)
class LiveStep:
    """What one step did.

    Attributes:
        at: its end.
        arrived: what was new.
        scores: customer_key -> probability now.
        alerts: that are told.
        seconds: from the arrival of the oldest of the files to the end of the step.
    """

    at: datetime
    arrived: Arrived
    scores: Mapping[str, float]
    alerts: Sequence[Row]
    seconds: float


@dataclass
class Follower:
    """Follows the landing zone of a home.

    Attributes:
        lakehouse: the lake.
        business: whose contracts, features and rules count.
        tracking: where the champions are.
        figures: what is told of it.
        now: the clock, UTC.
    """

    lakehouse: Lakehouse
    business: Business
    tracking: Tracking
    figures: LiveFigures
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    _scorer: LiveScorer | None = None
    _today: Today | None = None
    _delivered: float = 0.0
    _letters: dict[str, DeadLetterThread] = field(default_factory=dict)

    @cached_property
    def _loader(self) -> Loader:
        return Loader(self.lakehouse, self.business, self.tracking, self.figures)

    @cached_property
    def _renewal(self) -> ServerRenewal:
        return ServerRenewal(self.lakehouse)

    @property
    def scorer(self) -> LiveScorer:
        """Who scores, with a state of the present day and the champion in charge.

        Raises:
            NothingDeliveredError: there is no day.
            NoModelError: nobody is in charge.
            LakehouseError: the lake lacks a table.
        """
        day, now = self._day(), self._scorer
        if now is None or now.state.day != day:
            self.figures.ready = False
            now = self._loader.load(day)
            self.figures.ready = True
        else:
            now = self._loader.newer(day) or now
        if self._scorer is None or now.state is not self._scorer.state:
            self._hand_over(now.state)
            self._renewal.after_loading()
        by = in_charge(now.state, self.tracking, now.by)
        if by is not now.by:
            told = f"Version {by.champion.model_version} scores from now on."
            event("live.model", told, model_version=by.champion.model_version)
            now = LiveScorer(now.state, by)
        self._scorer = now
        return now

    def _day(self) -> date:
        """The day that scores are as of."""
        day = live_day(self.lakehouse, self.business, self.now().date())
        if day is None:
            raise NothingDeliveredError(
                f"{self.lakehouse.settings.landing_uri} holds no extract yet. Deliver and ingest the history first."
            )
        return day

    @telling_no_values("A step of live", LOOK_AT_CONTRACTS)
    def step(self) -> LiveStep | None:
        """Scores whom new rows touch, and puts the alerts out; None if nothing has arrived."""
        scorer = self.scorer
        waiting = {name: files[:MOST_FILES] for name, files in scorer.state.waiting().items()}
        files = [file for some in waiting.values() for file in some]
        oldest = min((file.modified_ns for file in files), default=None)
        self.figures.waiting.set(len(files))
        self.figures.lag.set(0 if oldest is None else max(0.0, time.time() - oldest / 1e9))
        if oldest is None:
            return None
        arrived = scorer.state.take(waiting)
        for name, thread in self._letters.items():
            if name in arrived.by_source and (broken := arrived.by_source[name].broken) is not None:
                thread.add(broken)
        touched = scorer.state.related(arrived.touched)
        scores, told = {}, list[Row]()
        if touched:
            found = scorer.score(touched)
            columns = (found.scores[name].to_pylist() for name in ("customer_key", "probability"))
            scores = dict(zip(*columns, strict=True))
            told = alert(self.lakehouse, self.business, found, datetime.now(UTC).replace(microsecond=0))
            self._put_out()
            self._today_of(scorer).put(found, scorer.by.champion.model_version, datetime.now(UTC))
        done = LiveStep(datetime.now(UTC), arrived, scores, told, max(0.0, time.time() - oldest / 1e9))
        self._tell(done, files)
        self._renewal.after_step()
        return done

    def _next_step(self) -> LiveStep | None:
        """`step`, before which a server of Sail that needs it is replaced."""
        self._renewal.renew_if_needed(loading=self._loader.loading)
        return self.step()

    def run(self, stop: threading.Event, tell: Callable[[LiveStep], None]) -> None:
        """Lands what topics bring, and takes steps, until `stop` is set; tells of each step."""
        threads = self._threads(stop)
        for thread in threads:
            thread.start()
        try:
            while not stop.is_set():
                done = self._next_step()
                if done is not None:
                    tell(done)
                if failed := next((thread.failed for thread in threads if thread.failed), None):
                    raise failed
                if done is None:
                    stop.wait(PAUSE)
                if time.monotonic() - self._delivered >= DELIVER_SECONDS:
                    self._put_out()
        finally:
            stop.set()
            for thread in threads:
                thread.join()
            self._loader.close()

    def _today_of(self, scorer: LiveScorer) -> Today:
        if self._today is None or self._today.day != scorer.state.day:
            self._today = Today(self.lakehouse, self.business, scorer.state.day)
        return self._today

    def _put_out(self) -> None:
        """Delivers what is due, also what a channel did not take before."""
        put_out(self.lakehouse, self.business, datetime.now(UTC))
        self._delivered = time.monotonic()

    def _hand_over(self, state: LiveState) -> None:
        """Dead letters of rows that were ingested while nobody followed."""
        for name, thread in self._letters.items():
            thread.add(state.broken(name))

    def _threads(self, stop: threading.Event) -> list[TopicThread | DeadLetterThread]:
        """What works beside the steps: a thread for each topic, and for each topic for dead letters."""
        sources = topics_of(self.business.sources)
        topics = [
            TopicThread(self.lakehouse, source, self.now, self.figures, stop)
            for source in sources
            if topic_of(source).engine == "local"  # the files of a job of Spark are followed like any others
        ]
        landing = self.lakehouse.settings.landing_uri
        self._letters = {
            source.name: DeadLetterThread(source, landing, self.figures, stop)
            for source in sources
            if topic_of(source).dead_letters
        }
        if self._scorer is not None:
            self._hand_over(self._scorer.state)
        return [*topics, *self._letters.values()]

    def catch_up(self, tell: Callable[[LiveStep], None]) -> int:
        """Takes steps until nothing waits in the landing zone, and returns how many; reads no topic."""
        steps = 0
        try:
            while (done := self._next_step()) is not None:
                tell(done)
                steps += 1
        finally:
            self._loader.close()
        return steps

    def _tell(self, done: LiveStep, files: Sequence[ExtractFile]) -> None:
        """Metrics and log of a step."""
        figures = self.figures
        for name, taken in done.arrived.by_source.items():
            figures.rows.labels(name).inc(sum(taken.rows.values()))
            for rule, count in taken.refused.items():
                figures.refused.labels(name, rule).inc(count)
            figures.strangers.labels(name).inc(taken.strangers)
            figures.unread.labels(name).inc(len(taken.unread))
            for refused in taken.unread:
                event("live.unread", str(refused.error), level=30, source=name)
        figures.scored.inc(len(done.scores))
        for row in done.alerts:
            figures.alerts.labels(row["rule"]).inc()
        for file in files:
            figures.to_alert.observe(max(0.0, done.at.timestamp() - file.modified_ns / 1e9))
        facts: dict[str, Any] = {
            "rows": done.arrived.rows,
            "refused": done.arrived.refused,
            "customers": len(done.scores),
            "unknown_customers": done.arrived.strangers,
            "alerts": len(done.alerts),
            "seconds": round(done.seconds, 2),
        }
        event("live.step", f"{done.arrived.rows} rows touched {len(done.scores)} customers.", **facts)
