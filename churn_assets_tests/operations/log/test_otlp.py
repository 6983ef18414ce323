"""The log reaches a real OTLP receiver; one that is away, slow or refuses delays and fails nothing."""

import logging
import logging.config
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from churn_assets import trace
from churn_assets.operations.log import otlp, writing
from churn_assets.operations.log.reading import read_log
from churn_assets.resources import SettingsResource
from churn_assets.settings import Settings
from churn_assets_tests.http_server import serving

CANARY = "Zaphod Canary"


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy and no setting of the exporter from the environment."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")


def _nobody_listens() -> str:
    """An endpoint on a port that was free just now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}/v1/logs"


class Receiver:
    """A collector on loopback that keeps what it was sent, and answers with `status`."""

    def __init__(self) -> None:
        self.requests: list[ExportLogsServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.status, self.hangs = 200, threading.Event()
        self.hangs.set()
        self.url = ""

    def handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.hangs.wait(30)
                receiver.headers.append(dict(self.headers))
                if receiver.status == 200:
                    receiver.requests.append(ExportLogsServiceRequest.FromString(content))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        return Handler

    def records(self) -> list[Any]:
        return [
            record
            for request in self.requests
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    with serving(found.handler()) as server:
        found.url = f"http://127.0.0.1:{server.server_port}/v1/logs"
        yield found
        found.hangs.set()


@contextmanager
def _logging_to(home: Path, endpoint: str) -> Iterator[Path]:
    settings = Settings(home=str(home), otlp_endpoint=endpoint)
    writing.start(settings)
    try:
        yield writing.log_folder(settings)
    finally:
        writing.stop()


def _values(attributes: Any) -> dict[str, Any]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in attributes}


def test_records_arrive_as_they_are_in_the_files(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc")
    with _logging_to(tmp_path, receiver.url) as folder, trace.within("ab" * 16):
        writing.event("step.ended", "gold/customers ended.", asset="gold/customers", rows=7, seconds=1.5)
        logging.getLogger("some.library").warning("row '%s' refused", CANARY)
        try:
            raise ValueError(CANARY)
        except ValueError as error:
            writing.event("step.failed", "silver/usage failed.", level=logging.ERROR, error=error)
    kept, sent = read_log(folder).records, receiver.records()
    assert [r.body.string_value for r in sent] == [r["body"] for r in kept]
    assert [r.severity_number for r in sent] == [9, 13, 17]
    assert [r.severity_text for r in sent] == ["INFO", "WARN", "ERROR"]
    assert [r.event_name for r in sent] == ["step.ended", "", "step.failed"]
    assert {r.trace_id.hex() for r in sent} == {"ab" * 16}
    assert [r.span_id.hex() for r in sent] == [r["span_id"] for r in kept]
    assert [_values(r.attributes) for r in sent] == [r["attributes"] for r in kept]
    microseconds = [int(moment.timestamp() * 1e6) for moment in map(_moment, kept)]
    assert [r.time_unix_nano // 1000 for r in sent] == pytest.approx(microseconds, abs=1)
    resource = _values(receiver.requests[0].resource_logs[0].resource.attributes)
    assert resource.items() >= kept[0]["resource"].items()
    assert CANARY.encode() not in b"".join(r.SerializeToString() for r in receiver.requests)
    assert receiver.headers[0]["authorization"] == "Bearer abc"


def test_records_arrive_also_after_a_library_has_configured_logging(
    receiver: Receiver, tmp_path: Path
) -> None:
    """Such a library closes all handlers, as Dagster and uvicorn do."""
    with _logging_to(tmp_path, receiver.url) as folder:
        writing.event("n", "before")
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
        writing.event("n", "after")
    assert [r["body"] for r in read_log(folder).records] == ["before", "after"]
    assert [r.body.string_value for r in receiver.records()] == ["before", "after"]


def _moment(record: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(record["timestamp"])


@pytest.mark.parametrize("trouble", ["away", "refuses", "hangs"])
def test_a_collector_in_trouble_delays_no_record_and_the_end_only_a_little(
    receiver: Receiver,
    tmp_path: Path,
    trouble: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(otlp, "TIMEOUT_SECONDS", 0.5)
    url = _nobody_listens() if trouble == "away" else receiver.url
    receiver.status = 503
    if trouble == "hangs":
        receiver.hangs.clear()
    with _logging_to(tmp_path, url) as folder:
        started = time.monotonic()
        for n in range(3000):  # more than the queue holds
            writing.event("n", str(n))
        wrote = time.monotonic() - started
        ended = time.monotonic()
    assert time.monotonic() - ended < 10
    assert wrote < 10, "3,000 records that wait for requests would need minutes"
    assert [r["body"] for r in read_log(folder).records if r.get("event.name") == "n"] == [
        str(n) for n in range(3000)
    ]
    assert capsys.readouterr().err == "", "it is told in the files"


def test_a_record_that_cannot_be_sent_is_in_the_file_and_warned_of_once(
    receiver: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with _logging_to(tmp_path, receiver.url) as folder:
        with trace.within("no trace"):
            for n in range(2):
                writing.event("n", str(n))
        writing.event("n", "after")
    kept = read_log(folder).records
    assert [r["body"] for r in kept] == ["0", "1", "after"]
    assert "churn.log.dropped" not in kept[-1]["attributes"]
    assert [r.body.string_value for r in receiver.records()] == ["after"]
    told = capsys.readouterr().err
    assert told.count("cannot be sent") == 1 and "cannot be written" not in told


def test_without_its_packages_a_process_says_so_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http._log_exporter", None)
    with _logging_to(tmp_path, _nobody_listens()) as folder:
        writing.event("n", "kept")
    assert [r["body"] for r in read_log(folder).records] == ["kept"]
    assert "pip install 'churn-assets[otlp]'" in capsys.readouterr().err


def test_without_an_endpoint_nothing_is_loaded(tmp_path: Path) -> None:
    writing.start(Settings(home=str(tmp_path)))
    try:
        [spool] = [h for h in logging.getLogger().handlers if isinstance(h, writing.Spool)]
        assert spool.sender is None
    finally:
        writing.stop()


def test_a_password_in_the_endpoint_is_shown_nowhere(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path), otlp_endpoint="http://churn:hunter2@collector:4318/v1/logs")
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in repr(SettingsResource.of(settings)._resolved_config_dict)
