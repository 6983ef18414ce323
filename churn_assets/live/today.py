"""Keeps what was found today for those who read releases: the API and the page."""

import logging
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from churn_assets.alerts.store import alerts
from churn_assets.contracts.business import Business
from churn_assets.history.people import objections
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.live.rows import KEY
from churn_assets.live.scoring import Scored
from churn_assets.operations.log.writing import event
from churn_assets.serving.release.live import FoundToday, write_live

MOST = 1_000  # customers who are told; a reader who needs all waits for the next morning
TOLD = (
    "customer_key",
    "probability",
    "decile",
    "risk_tier",
    "segment",
    "action",
    "reason_1",
    "reason_2",
    "reason_3",
)
ALERT = tuple(c.name for c in tables.RISK_ALERTS.columns if not c.personal and c.name != "outbox")


class Today:
    """Scores and alerts of one day; nobody who objects to profiling is in them."""

    def __init__(self, lakehouse: Lakehouse, business: Business, day: date) -> None:
        self.day = day
        self._lakehouse, self._business = lakehouse, business
        self._objected = set(objections(lakehouse, business).keys)
        self._scores: dict[str, Mapping[str, Any]] = {}

    def put(self, found: Scored, version: str, now: datetime) -> None:
        """Adds what a step has found, and replaces the file that readers see."""
        for row in found.scores.select(TOLD).to_pylist():
            self._scores.pop(row[KEY], None)  # it becomes the newest
            self._scores[row[KEY]] = row | {"scored_at": now}
        self._objected |= objections(found.lake, self._business).keys
        for key in [*list(self._scores)[:-MOST], *(self._objected & self._scores.keys())]:
            self._scores.pop(key, None)
        told = alerts(self._lakehouse, [("as_of_date", "=", self.day)])
        content = FoundToday(
            now.isoformat(),
            str(self.day),
            version,
            [dict(row) for row in reversed(self._scores.values())],
            [{name: row[name] for name in ALERT} for row in told if row[KEY] not in self._objected],
        )
        try:
            write_live(self._lakehouse.settings.releases_uri, content)
        except OSError as error:  # the next finding replaces it, and alerts went out already
            event("live.unpublished", "Readers do not see what was found.", level=logging.ERROR, error=error)
