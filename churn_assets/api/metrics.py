"""Metrics of the service for Prometheus, over all workers."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from churn_assets.api.holder import Holder

SHARED = "PROMETHEUS_MULTIPROC_DIR"  # the folder in which the workers of one service share their counts
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class ApiMetrics:
    """Counters and histograms of one worker; `text` adds up those of all workers."""

    def __init__(self, holder: "Holder") -> None:
        own = CollectorRegistry()
        self.requests = Counter(
            "churn_api_requests", "Requests answered.", ["route", "method", "status"], registry=own
        )
        self.seconds = Histogram(
            "churn_api_request_seconds",
            "Seconds until an answer was sent.",
            ["route"],
            buckets=SECONDS,
            registry=own,
        )
        self.rows = Counter("churn_api_rows_scored", "Rows scored on request.", registry=own)
        self.fallbacks = Counter(
            "churn_api_fallbacks", "Answers with the last batch score because scoring failed.", registry=own
        )
        self._registry = own
        if SHARED in os.environ:
            self._registry = CollectorRegistry()
            MultiProcessCollector(self._registry)  # type: ignore[no-untyped-call]
        self._registry.register(_OfTheRelease(holder))

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)


class _OfTheRelease(Collector):
    """What is served: read from the worker that answers, because all workers serve the same within seconds."""

    def __init__(self, holder: "Holder") -> None:
        self._holder = holder

    def describe(self) -> Iterator[Metric]:
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        served, refused = self._holder.served, self._holder.refused

        def gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
            return GaugeMetricFamily(f"churn_api_{name}", meaning, value=value)

        yield gauge("release_ready", "1 while a release is served.", float(served is not None))
        yield gauge("release_refused", "1 while the release in force is refused.", float(refused is not None))
        yield gauge(
            "releases_unreachable",
            "1 while the releases cannot be read.",
            float(bool(self._holder.unreachable)),
        )
        if served is not None:
            info = GaugeMetricFamily(
                "churn_api_release_info",
                "The release that is served.",
                labels=["release", "model_version", "as_of_date"],
            )
            info.add_metric([served.name, served.version, served.as_of_date], 1)
            yield info
            yield gauge("release_stale", "1 while newer scores are overdue.", float(served.stale()))
            if (overdue := served.current_stale()) is not None:
                yield gauge("current_stale", "1 while newer current scores are overdue.", float(overdue))
            yield gauge("customers", "Customers in the release.", len(served.keys))
