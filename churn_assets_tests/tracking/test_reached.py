"""A server that does not answer fails every call soon: whoever waits for it keeps all other runs waiting."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from churn_assets.tracking.errors import TrackingError
from churn_assets.tracking.reached import reached
from churn_assets.tracking.studies import log_study
from churn_assets.tracking.tracking import Tracking
from churn_assets_tests.http_server import serving

ATTEMPTS = 3


class _Busy(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_error(503)

    def log_message(self, *_: object) -> None:
        """Says nothing on stderr."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[str]]]:
    """The address of a server that answers 503, and what it was asked for."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    requests: list[str] = []
    with serving(type("Busy", (_Busy,), {"asked": requests})) as server:
        yield f"http://127.0.0.1:{server.server_port}", requests


@pytest.mark.parametrize(
    "call",
    [
        lambda tracking: tracking.ensure_store(),
        lambda tracking: tracking.load_version("1"),
        lambda tracking: tracking.has_version("1"),
        lambda tracking: tracking.champion(),
        lambda tracking: tracking.card("0" * 32),
        lambda tracking: tracking.end_run_of("0" * 32),
        lambda tracking: tracking.set_champion("1"),
    ],
    ids=["store", "load", "has", "champion", "card", "end", "promote"],
)
def test_a_call_gives_up_after_two_repetitions(
    asked: tuple[str, list[str]], tmp_path: Path, call: Callable[[Tracking], object]
) -> None:
    uri, requests = asked
    with pytest.raises(TrackingError, match=r"does not answer\. Start it or fix CHURN_TRACKING_URI"):
        call(Tracking(uri, str(tmp_path), "telecom", "churn-telecom"))
    assert len(requests) == ATTEMPTS


def test_a_study_gives_up_too(asked: tuple[str, list[str]], tmp_path: Path) -> None:
    uri, requests = asked
    report = tmp_path / "report.html"
    report.write_text("<p>")
    with pytest.raises(TrackingError, match="does not answer"):
        log_study(uri, str(tmp_path), "a study", {}, {}, report)
    assert len(requests) == ATTEMPTS


def test_a_password_in_the_address_is_not_told(asked: tuple[str, list[str]], tmp_path: Path) -> None:
    address = asked[0].replace("//", "//someone:secret-1@")
    with pytest.raises(TrackingError) as error:
        reached(address, str(tmp_path), "telecom")
    assert "secret-1" not in str(error.value)
