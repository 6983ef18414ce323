"""What the process tells of itself: metrics for Prometheus, and whether it follows."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from churn_assets.access.listening import listening_at, web_address

SECONDS = (0.25, 0.5, 1, 2, 3, 4, 5, 7.5, 10, 15, 30, 60)


class LiveFigures:
    """Counters, gauges and histograms of one process.

    Attributes:
        ready: whether the state is loaded, and rows are followed.
    """

    def __init__(self) -> None:
        own = self._registry = CollectorRegistry()
        self.ready = False
        self.rows = Counter("churn_live_rows", "Rows that arrived.", ["source"], registry=own)
        self.refused = Counter(
            "churn_live_rows_refused", "Rows that break their contract.", ["source", "rule"], registry=own
        )
        self.unread = Counter(
            "churn_live_files_unread", "Files that cannot be read.", ["source"], registry=own
        )
        self.strangers = Counter(
            "churn_live_customers_unknown",
            "Customers of new rows who have no key yet, and are not scored.",
            ["source"],
            registry=own,
        )
        self.lost = Counter(
            "churn_live_offsets_lost",
            "Offsets that a topic had deleted before they were read.",
            ["source"],
            registry=own,
        )
        self.dead_letters = Counter(
            "churn_live_dead_letters",
            "Messages that were copied to the topic for dead letters.",
            ["source"],
            registry=own,
        )
        self.scored = Counter("churn_live_customers_scored", "Scores of customers.", registry=own)
        self.alerts = Counter("churn_live_alerts", "Alerts that are told.", ["rule"], registry=own)
        self.lag = Gauge(
            "churn_live_lag_seconds", "Age of the oldest file that waits; 0: none does.", registry=own
        )
        self.waiting = Gauge("churn_live_files_waiting", "Files that wait.", registry=own)
        self.to_alert = Histogram(
            "churn_live_event_to_alert_seconds",
            "Seconds from the arrival of rows to the end of their alerts.",
            buckets=SECONDS,
            registry=own,
        )
        self.loaded = Gauge(
            "churn_live_loading_seconds", "Seconds that loading the state took.", registry=own
        )

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)


class _Answers(BaseHTTPRequestHandler):
    figures: LiveFigures

    def do_GET(self) -> None:
        """Answers the paths of health and metrics."""
        ready = self.figures.ready
        found = {
            "/v2/health/live": (200, "application/json", json.dumps({"live": True}).encode()),
            "/v2/health/ready": (
                200 if ready else 503,
                "application/json",
                json.dumps({"ready": ready}).encode(),
            ),
            "/metrics": (200, CONTENT_TYPE_LATEST, self.figures.text()),
        }
        status, kind, content = found.get(self.path, (404, "text/plain", b"There is no such path.\n"))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (as http.server names it)
        """Says nothing."""


@contextmanager
def answering(figures: LiveFigures, host: str, port: int) -> Iterator[str]:
    """Answers questions about health and metrics at an address; yields the address.

    Raises:
        AddressTaken: it is in use.
    """
    with listening_at(host, port, "Name another port: --port 8602.") as listening:
        handler = type("Answers", (_Answers,), {"figures": figures})
        server = ThreadingHTTPServer((host, port), handler, bind_and_activate=False)
        server.socket.close()
        server.socket = listening
        server.server_address = listening.getsockname()
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield web_address(host, listening.getsockname()[1], is_secure=False)
        finally:
            server.shutdown()
            thread.join()
