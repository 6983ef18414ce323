"""The container's command becomes the role that was asked for; only exec is replaced."""

import os
import sys
import tomllib
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import yaml

from churn_assets.deployment import container
from churn_assets.settings import Settings
from churn_assets_tests.http_server import serving

CHECKOUT = Path(__file__).parents[2]


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
    assert command[:4] == [sys.executable, "-m", "churn_assets.deployment.logged", "dagster-webserver"]
    assert command[-2:] == ["-m", "churn_assets.definitions"]
    assert (home / "data" / "dagster" / "dagster.yaml").is_file()


@pytest.mark.parametrize(
    ("role", "command"),
    [
        ("daemon", "dagster-daemon run"),
        ("code-server", "dagster code-server"),
        ("api", "churn-assets serve --host 0.0.0.0 --port 8000"),
        ("app", "churn-assets app --host 0.0.0.0 --port 8501"),
        ("live", "churn-assets live --host 0.0.0.0 --port 8600"),
    ],
)
def test_roles(home: Path, role: str, command: str) -> None:
    logged = f"{sys.executable} -m churn_assets.deployment.logged "
    assert " ".join(becomes(role)).removeprefix(logged).startswith(command)


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
    assert container.main(["health"]) == 1


def test_the_web_page_is_asked_without_a_proxy(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with serving(Page) as page:
        monkeypatch.setattr(container, "WEB_PORT", page.server_port)
        becomes("webserver")
        assert container.main(["health"]) == 0


def test_the_api_needs_no_dagster_home_and_is_asked_whether_it_lives(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Service(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(503 if len(asked) > 1 else 200)
            self.end_headers()

    with serving(Service) as service:
        monkeypatch.setenv("CHURN_API_PORT", str(service.server_port))
        command = becomes("api", "--workers", "1")
        assert command[-4:] == ["--port", str(service.server_port), "--workers", "1"]
        assert not (home / "data" / "dagster").exists()
        assert container.main(["health"]) == 0
        assert container.main(["health"]) == 1
    assert asked == ["/v2/health/live"] * 2


def test_compose_runs_every_role_of_one_image_on_one_volume() -> None:
    """What no engine is at hand for is checked as far as its structure goes."""
    composed = yaml.safe_load((CHECKOUT / "compose.yaml").read_text())
    services = composed["services"]
    assert services.keys() == {"page", "daemon", "code-server", "api", "app", "live", "postgres"}
    ours = {name: one for name, one in services.items() if name != "postgres"}
    assert {one["image"] for one in ours.values()} == {"churn-assets"}
    for name, one in ours.items():
        role = one.get("command", ["webserver"])[0]
        assert role in container.ROLES, name
        assert "churn:/data" in one["volumes"]
        assert one["init"] is True, name
    assert set(composed["volumes"]) == {"churn", "postgres"}
    for name in ("page", "daemon"):
        assert services[name]["environment"]["CHURN_CODE_SERVER"] == f"code-server:{container.CODE_PORT}"
    published = [port for one in services.values() for port in one.get("ports", ())]
    assert published == [
        "127.0.0.1:3000:3000",
        "127.0.0.1:8000:8000",
        "127.0.0.1:8501:8501",
        "127.0.0.1:8600:8600",
        "127.0.0.1:5432:5432",
    ], "on this machine only"
    assert "healthcheck" in services["postgres"]
    assert "${POSTGRES_PASSWORD:?" in services["postgres"]["environment"]["POSTGRES_PASSWORD"]
    assert services["code-server"]["environment"]["CHURN_PUBLISH_TO"].startswith("postgresql://")


def test_compose_publishes_the_port_of_each_role_and_waits_only_for_what_is_there() -> None:
    services = yaml.safe_load((CHECKOUT / "compose.yaml").read_text())["services"]
    roles = {
        name: one.get("command", ["webserver"])[0] for name, one in services.items() if name != "postgres"
    }
    for name, role in roles.items():
        command = container.role_command(role, None, Settings().api.port, Settings().app.port)
        for port in services[name].get("ports", ()):
            assert port.rpartition(":")[2] in command, name
        for setting in services[name].get("environment", {}):
            assert (
                setting == "CHURN_CODE_SERVER"
                or setting.lower().removeprefix("churn_") in Settings.model_fields
            )
    for one in services.values():
        for awaited, until in one.get("depends_on", {}).items():
            assert until == {"condition": "service_healthy"}
            # the image of the roles brings their check
            assert awaited in roles or "healthcheck" in services[awaited]
    extras = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    [built] = [one["build"] for one in services.values() if "build" in one]
    assert set(built["args"]["EXTRAS"].split(",")) <= extras.keys()


def test_the_image_has_a_health_check_and_shows_its_ports() -> None:
    text = (CHECKOUT / "Dockerfile").read_text()
    assert "HEALTHCHECK" in text
    settings = Settings()
    fixed = (container.WEB_PORT, container.CODE_PORT, container.LIVE_PORT)
    ports = {str(port) for port in (*fixed, settings.api.port, settings.app.port)}
    [exposed] = [line for line in text.splitlines() if line.startswith("EXPOSE")]
    assert set(exposed.split()[1:]) == ports
