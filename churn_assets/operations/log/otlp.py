"""Sends the records of the log to a collector by OTLP over HTTP, besides the files.

Records wait in a queue of OpenTelemetry's SDK. A collector that does not answer delays nobody: the queue drops the
oldest records, and the files keep them all. What OpenTelemetry itself logs goes to the files only.
"""

import atexit
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry._logs import LogRecord

OWN = "opentelemetry"  # loggers of the SDK
TIMEOUT_SECONDS = 3.0  # of a request, and of what is left when the process ends


class OtlpSender:
    """Sends records; one per process.

    Attributes:
        endpoint: full URL, such as `http://collector:4318/v1/logs`.
    """

    def __init__(self, endpoint: str, resource: Mapping[str, str]) -> None:
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
        from opentelemetry.sdk._logs.export import (
            BatchLogRecordProcessor,
            LogRecordExporter,
            LogRecordExportResult,
        )
        from opentelemetry.sdk.resources import Resource

        class Exporter(LogRecordExporter):
            """An exporter that gives up at a deadline, so that the process can end."""

            def __init__(self) -> None:
                self.deadline: float | None = None
                self._exporter = OTLPLogExporter(endpoint, timeout=TIMEOUT_SECONDS)

            def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
                if self.deadline is not None and time.monotonic() > self.deadline:
                    return LogRecordExportResult.FAILURE
                return self._exporter.export(batch)

            def force_flush(self, timeout_millis: int = 10_000) -> bool:
                return self._exporter.force_flush(timeout_millis)

            def shutdown(self) -> None:
                self._exporter.shutdown()  # type: ignore[no-untyped-call]

        self.endpoint = endpoint
        self._exporter = Exporter()
        self._provider = LoggerProvider(Resource(dict(resource)), shutdown_on_exit=False)
        self._provider.add_log_record_processor(BatchLogRecordProcessor(self._exporter))
        self._logger = self._provider.get_logger("churn_assets")
        atexit.register(self.close)

    def send(self, found: Mapping[str, Any]) -> None:
        """Queues a record of OpenTelemetry's model, as the formatter of `records` makes it."""
        if not str(found["attributes"].get("code.namespace", "")).startswith(OWN):
            self._logger.emit(_converted(found))

    def close(self) -> None:
        """Sends what waits, for TIMEOUT_SECONDS; the second call does nothing."""
        if self._exporter.deadline is None:
            self._exporter.deadline = time.monotonic() + TIMEOUT_SECONDS
            atexit.unregister(self.close)
            self._provider.shutdown()


def _converted(found: Mapping[str, Any]) -> "LogRecord":
    from opentelemetry._logs import LogRecord, SeverityNumber
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    trace_id, span_id = int(found["trace_id"] or "0", 16), int(found["span_id"] or "0", 16)
    span = NonRecordingSpan(
        SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags.get_default())
    )
    return LogRecord(
        timestamp=int(found["timestamp"].timestamp() * 1_000_000) * 1000,
        context=set_span_in_context(span),
        severity_text=found["severity_text"],
        severity_number=SeverityNumber(found["severity_number"]),
        body=found["body"],
        attributes=found["attributes"],
        event_name=found.get("event.name"),
    )
