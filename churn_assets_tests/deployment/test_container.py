"""The container's command becomes the role that was asked for; only exec is replaced."""

import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from churn_assets.deployment import container


class ExecutedError(Exception):
    """Stands for the process that this one would have become."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def execute(file: str, arguments: list[str]) -> None:
        assert file == arguments[0]
        raise ExecutedError(arguments)

    monkeypatch.setattr(os, "execvp", execute)
    monkeypatch.setattr(container, "_ROLE_FILE", tmp_path / "role")
    monkeypatch.setenv("CHURN_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "data" / "dagster"))
    return tmp_path


def becomes(*arguments: str) -> list[str]:
    with pytest.raises(ExecutedError) as executed:
        container.main(list(arguments))
    return executed.value.args[0]


def test_without_a_command_it_is_the_web_page(home: Path) -> None:
    command = becomes()
    assert command[0] == "dagster-webserver"
    assert command[-2:] == ["-m", "churn_assets.definitions"]
    assert (home / "data" / "dagster" / "dagster.yaml").is_file()


@pytest.mark.parametrize(
    ("role", "command"), [("daemon", "dagster-daemon run"), ("code-server", "dagster code-server")]
)
def test_roles(home: Path, role: str, command: str) -> None:
    assert " ".join(becomes(role)).startswith(command)


@pytest.mark.parametrize("role", ["webserver", "daemon"])
def test_page_and_daemon_share_a_code_server(home: Path, monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    monkeypatch.setenv("CHURN_CODE_SERVER", "code:4000")
    assert becomes(role)[-4:] == ["--grpc-host", "code", "--grpc-port", "4000"]


def test_a_code_server_without_port_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_CODE_SERVER", "code")
    with pytest.raises(ValueError, match="write host:port"):
        container.main(["daemon"])


def test_any_other_command_is_run_as_it_is(home: Path) -> None:
    assert becomes("churn-assets", "doctor", "--quick") == ["churn-assets", "doctor", "--quick"]
    assert container.main(["health"]) == 0


@pytest.mark.parametrize(
    ("role", "asks"), [("daemon", "liveness-check"), ("code-server", "grpc-health-check")]
)
def test_health_asks_the_role_of_this_container(home: Path, role: str, asks: str) -> None:
    becomes(role)
    assert asks in becomes("health")


def test_a_web_page_that_does_not_answer_is_unhealthy(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "WEB_PORT", 9)
    becomes("webserver")
    with pytest.raises(OSError, match="refused"):
        container.main(["health"])


def test_the_web_page_is_asked_without_a_proxy(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as page:
        threading.Thread(target=page.serve_forever, daemon=True).start()
        monkeypatch.setattr(container, "WEB_PORT", page.server_port)
        becomes("webserver")
        assert container.main(["health"]) == 0
        page.shutdown()
