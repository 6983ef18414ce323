"""Loads what a day needs, and loads it again beside the work when the lake has taken in more."""

import logging
import threading
import time
from datetime import date, datetime

from churn_assets.contracts.business import Business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.no_values import telling_no_values
from churn_assets.live.figures import LiveFigures
from churn_assets.live.scoring import LiveScorer, in_charge
from churn_assets.live.state import LiveState
from churn_assets.operations.log.writing import event
from churn_assets.tracking.tracking import Tracking

LOOK_AT_CONTRACTS = (
    "Look at the expressions of the contracts, then run the job ingest: it tells which rows it refuses."
)
LOOK_SECONDS = 10.0  # between two looks at the lake
# by an ingest, by a month end and by the morning; the state compares with snapshots of both, and with scores
LAST_WRITTEN = (tables.RECONCILIATION, tables.CUSTOMER_SNAPSHOTS, tables.CURRENT_SCORES)


class Loader:
    """Makes scorers of a home. One is in use while the next is loaded in a thread."""

    def __init__(
        self, lakehouse: Lakehouse, business: Business, tracking: Tracking, figures: LiveFigures
    ) -> None:
        self._lakehouse, self._business, self._tracking, self._figures = (
            lakehouse,
            business,
            tracking,
            figures,
        )
        self._written: tuple[datetime | None, ...] = ()
        self._looked = time.monotonic()
        self._thread: threading.Thread | None = None
        self._ready: LiveScorer | None = None

    @telling_no_values("What live follows could not be loaded", LOOK_AT_CONTRACTS)
    def load(self, day: date) -> LiveScorer:
        """A scorer with a state of a day and the champion in charge, loaded at once.

        Raises:
            NoModelError: nobody is in charge.
            LakehouseError: the lake lacks a table.
        """
        self._written, begin = self._now_written(), time.monotonic()
        state = LiveState(self._lakehouse, self._business, day)
        scorer = LiveScorer(state, in_charge(state, self._tracking))
        seconds = time.monotonic() - begin
        self._figures.loaded.set(seconds)
        event("live.loaded", f"Follows as of {day}.", as_of_date=str(day), seconds=round(seconds, 1))
        return scorer

    def newer(self, day: date) -> LiveScorer | None:
        """A scorer of the day with what the lake has taken in since the last was loaded, once it is ready; else None.

        It knows no file that waits in the landing zone; the next step takes them again.
        """
        if self._thread is not None:
            if self.loading:
                return None
            self._thread.join()
            self._thread, ready, self._ready = None, self._ready, None
            return ready if ready is not None and ready.state.day == day else None
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            if self._now_written() != self._written:
                self._thread = threading.Thread(target=self._load_again, args=(day,), name="live-loading")
                self._thread.start()
        return None

    @property
    def loading(self) -> bool:
        """Whether the thread is at work."""
        return self._thread is not None and self._thread.is_alive()

    def close(self) -> None:
        """Waits for a loading that has begun."""
        if self._thread is not None:
            self._thread.join()

    def _load_again(self, day: date) -> None:
        try:
            self._ready = self.load(day)
        except Exception as error:  # noqa: BLE001 (the present state goes on, and the next look tries again)
            self._written = ()
            event("live.not_loaded", f"Goes on with the former state: {error}", level=logging.WARNING)

    def _now_written(self) -> tuple[datetime | None, ...]:
        """When each of LAST_WRITTEN was written; None: not yet."""
        lake = self._lakehouse
        return tuple(lake.committed_at(table) if lake.exists(table) else None for table in LAST_WRITTEN)
