"""The command of the container image: one image, several roles.

    docker run churn-assets webserver     the web page, port 3000
    docker run churn-assets daemon        schedules, sensors, queued runs
    docker run churn-assets code-server   the definitions, port 4000, for the two above (CHURN_CODE_SERVER=host:4000)
    docker run churn-assets api           the HTTP service, port 8000 or CHURN_API_PORT
    docker run churn-assets app           the page of the retention team, port 8501 or CHURN_APP_PORT
    docker run churn-assets live          scores and alerts within seconds, health and metrics: port 8600
    docker run churn-assets health        exit code of the role that runs in this container
    docker run churn-assets <command>     any other command runs as it is, e.g. churn-assets doctor

The process of a role replaces this one (exec), so it receives the signals of the container.
"""

import os
import sys
import tempfile
from pathlib import Path
from ssl import CERT_NONE, create_default_context
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

from churn_assets.deployment.dagster_home import prepare_dagster_home
from churn_assets.deployment.logged import MODULE
from churn_assets.settings import Settings

DEFINITIONS = "churn_assets.definitions"
WEB_PORT, CODE_PORT, LIVE_PORT = 3000, 4000, 8600
ROLES = ("webserver", "daemon", "code-server", "api", "app", "live")
WITHOUT_DAGSTER = ("api", "app", "live")
_ROLE_FILE = Path(tempfile.gettempdir()) / "churn-assets-role"


def role_command(role: str, code_server: str | None, api_port: int, app_port: int) -> list[str]:
    """The command of a role.

    Args:
        role: "webserver", "daemon", "code-server", "api", "app" or "live".
        code_server: host:port of a running code server; None: the role loads the definitions itself.
        api_port: of the HTTP service.
        app_port: of the page of the retention team.

    Raises:
        KeyError: no such role.
        ValueError: `code_server` is not host:port.
    """
    if code_server is None:
        definitions = ["-m", DEFINITIONS]
    else:
        host, _, port = code_server.rpartition(":")
        if not host or not port.isdigit():
            raise ValueError(
                f"CHURN_CODE_SERVER={code_server}: write host:port, e.g. code-server:{CODE_PORT}"
            )
        definitions = ["--grpc-host", host, "--grpc-port", port]
    logged = [sys.executable, "-m", MODULE]
    return {
        "webserver": [*logged, "dagster-webserver", "-h", "0.0.0.0", "-p", str(WEB_PORT), *definitions],  # noqa: S104
        "daemon": [*logged, "dagster-daemon", "run", *definitions],
        "code-server": [
            *logged,
            *f"dagster code-server start -h 0.0.0.0 -p {CODE_PORT} -m {DEFINITIONS}".split(),
        ],
        "api": ["churn-assets", "serve", "--host", "0.0.0.0", "--port", str(api_port)],  # noqa: S104
        "app": ["churn-assets", "app", "--host", "0.0.0.0", "--port", str(app_port)],  # noqa: S104
        "live": ["churn-assets", "live", "--host", "0.0.0.0", "--port", str(LIVE_PORT)],  # noqa: S104
    }[role]


def health_command(role: str) -> list[str]:
    """The command whose exit code is the health of a role; empty for those that `main` asks over HTTP."""
    return {
        "webserver": [],
        "api": [],
        "app": [],
        "live": [],
        "daemon": ["dagster-daemon", "liveness-check"],
        "code-server": ["dagster", "api", "grpc-health-check", "-p", str(CODE_PORT)],
    }[role]


def answers(address: str) -> bool:
    """Whether an address of this container answers; a certificate is not checked, as it names another host."""
    unchecked = create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, CERT_NONE
    # HTTP_PROXY may be set without NO_PROXY
    directly = build_opener(ProxyHandler({}), HTTPSHandler(context=unchecked))
    try:
        with directly.open(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError as error:
        sys.stderr.write(f"{address} does not answer ({error}).\n")
        return False


def _address(role: str, settings: Settings) -> str:
    """What is asked whether a role lives."""
    if role == "api":
        scheme = "https" if settings.api.tls_certificate else "http"
        return f"{scheme}://127.0.0.1:{settings.api.port}/v2/health/live"
    if role == "app":
        scheme = "https" if settings.app.tls_certificate else "http"
        return f"{scheme}://127.0.0.1:{settings.app.port}/_stcore/health"
    if role == "live":
        return f"http://127.0.0.1:{LIVE_PORT}/v2/health/live"
    return f"http://127.0.0.1:{WEB_PORT}/server_info"


def main(arguments: list[str]) -> int:  # noqa: RET503 (execvp never returns)
    """Replaces this process by the command of a role or by the given command.

    Returns only for `health`: 0 or 1 for the roles that answer over HTTP, 0 in a container without a role.
    """
    wanted = arguments or ["webserver"]
    settings = Settings()
    os.environ.setdefault("DAGSTER_HOME", str(settings.home_path / "dagster"))
    if wanted == ["health"]:
        if not _ROLE_FILE.is_file():
            return 0  # a single command, e.g. a backup: it has its own exit code
        role = _ROLE_FILE.read_text()
        wanted = health_command(role)
        if not wanted:
            return 0 if answers(_address(role, settings)) else 1
    elif wanted[0] in ROLES:
        if wanted[0] not in WITHOUT_DAGSTER:
            prepare_dagster_home(settings)
        _ROLE_FILE.write_text(wanted[0])
        code_server = os.environ.get("CHURN_CODE_SERVER")
        wanted = role_command(wanted[0], code_server, settings.api.port, settings.app.port) + wanted[1:]
    os.execvp(wanted[0], wanted)  # noqa: S606


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
