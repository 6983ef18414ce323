"""Starts the page: binds the address, and lets uvicorn run Streamlit behind the gate."""

import hashlib
import hmac
import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from churn_assets.access.keys import Keys, keys_file
from churn_assets.access.listening import listening_at, web_address
from churn_assets.access.loopback import is_loopback
from churn_assets.operations.log.writing import event, start
from churn_assets.service_settings import AppSettings
from churn_assets.settings import Settings

MAIN = Path(__file__).with_name("main.py")
ANY_ADDRESS = "0.0.0.0", "::"  # noqa: S104 (compared, not bound)
PATIENCE = 5  # seconds for open requests when the page ends
OPTIONS = {
    "browser.gatherUsageStats": False,
    "client.disableDataExport": True,  # tables have a button of their own, which writes no formula
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
    "logger.level": "error",
    "runner.magicEnabled": False,
    "server.enableAgentApi": False,
    "server.fileWatcherType": "none",
    "server.headless": True,
    "server.maxUploadSize": 1,
    "theme.base": "light",
    "theme.primaryColor": "#0072B2",
}


class AppError(RuntimeError):
    """The page cannot start; the message names the remedy."""


def run(settings: Settings, tell: Callable[[str], None]) -> None:
    """Serves the page until a signal ends it.

    Args:
        settings: of the page; its runs read the same from the environment.
        tell: prints a line.

    Raises:
        AppError: a package or the certificate is missing, or the address may not be used.
        AddressTaken: the address is in use.
    """
    try:
        import uvicorn
        from streamlit.starlette import App
        from streamlit.web import bootstrap
    except ImportError:
        raise AppError("Streamlit is not installed. Run `pip install 'churn-assets[app]'`.") from None
    from starlette.middleware import Middleware

    from churn_assets.app.gate import Gate
    from churn_assets.app.root import RootTold

    app = settings.app
    by = require_safe(settings)
    require_tls(app)
    start(settings)
    bootstrap.load_config_options(OPTIONS)
    layers = [Middleware(Gate, settings=settings), Middleware(RootTold)]
    page = App(MAIN, secrets=login_of(app), middleware=layers, on_script_error=_note)
    another = "Name another port: churn-assets app --port 8502"
    with listening_at(app.host, app.port, another) as listening:
        port = listening.getsockname()[1]
        tell(f"The page: {address_of(app, port)}")
        tell(by)
        config = uvicorn.Config(
            page,
            access_log=False,
            log_config=None,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            ws_max_size=2**20,
            timeout_graceful_shutdown=PATIENCE,
            ssl_certfile=app.tls_certificate,
            ssl_keyfile=app.tls_key,
        )
        logging.getLogger(
            "uvicorn.access"
        ).disabled = True  # addresses may hold keys, and Streamlit adds a handler
        uvicorn.Server(config).run(sockets=[listening])


def address_of(app: AppSettings, port: int) -> str:
    """The address that people open."""
    return app.address or web_address(app.host, port, is_secure=app.tls_certificate is not None)


def address_to_send(app: AppSettings) -> tuple[str, str | None]:
    """The address of links, as the settings tell it; and what to check before one is sent, None if nothing.

    HOST and PORT stand for what the settings leave open: all addresses of this machine, and any free port.
    """
    if app.address:
        return app.address.rstrip("/"), None
    replaced, host = [], app.host
    if host in ANY_ADDRESS:
        replaced, host = ["HOST by the name by which readers reach this machine"], "HOST"
    address = web_address(host, app.port, is_secure=app.tls_certificate is not None)
    if app.port == 0:
        replaced, address = (
            [*replaced, "PORT by that which the page tells"],
            f"{address.removesuffix('0')}PORT",
        )
    first = f"Replace {' and '.join(replaced)}. " if replaced else ""
    return address, (
        f"{first}The link is right if readers reach the page at {address}. If not, for instance because of --port, "
        "write their address instead; CHURN_APP_ADDRESS sets it for all links."
    )


def require_safe(settings: Settings) -> str:
    """One sentence about who may read.

    Raises:
        AppError: other machines could read without a key or a login.
    """
    app = settings.app
    keys = len(Keys(keys_file(settings)).of_page())
    if app.issuer:
        return f"People log in at {app.issuer}; {', '.join(app.groups)} may read." + (
            " Personal links open it, too." if keys else ""
        )
    if keys:
        unencrypted = not is_loopback(app.host) and not app.tls_certificate
        return "People open it by their personal links; `churn-assets keys list` shows them." + (
            " Links travel unencrypted: set CHURN_APP_TLS_CERTIFICATE, or put a proxy with TLS in front."
            if unencrypted
            else ""
        )
    if not is_loopback(app.host):
        raise AppError(
            f"There is neither a personal link nor a login, so the page binds to loopback only, not to {app.host}. "
            "Make a link first: churn-assets keys create NAME --role agent"
        )
    return (
        f"There is neither a personal link nor a login: everybody on this machine reads as {app.role} "
        "(CHURN_APP_ROLE), and nobody else reads."
    )


def require_tls(app: AppSettings) -> None:
    """Tries the certificate and its key.

    Raises:
        AppError: they cannot be used.
    """
    certificate, key = app.tls_certificate, app.tls_key
    if certificate is None or key is None:
        return
    names = "Correct CHURN_APP_TLS_CERTIFICATE and CHURN_APP_TLS_KEY."
    for file in (certificate, key):
        try:
            file.open("rb").close()
        except OSError as error:
            raise AppError(f"{file}: {error.strerror}. {names}") from None
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError):  # an SSLError is an OSError
        raise AppError(
            f"{certificate} and {key} are no certificate with its key, as PEM and without a password. {names}"
        ) from None


def login_of(app: AppSettings) -> dict[str, Any]:
    """What Streamlit must know of the provider; empty without a login."""
    if app.issuer is None or app.client_secret is None or app.address is None:
        return {}
    secret = app.client_secret.get_secret_value()
    return {
        "auth": {
            "redirect_uri": f"{app.address.rstrip('/')}/oauth2callback",
            # the same for every process of this page, and of no use at the provider
            "cookie_secret": hmac.digest(secret.encode(), b"cookies of the page", hashlib.sha256).hex(),
            "client_id": app.client_id,
            "client_secret": secret,
            "server_metadata_url": f"{app.issuer.rstrip('/')}/.well-known/openid-configuration",
            "client_kwargs": {"scope": "openid profile email"},
        }
    }


def _note(error: Exception) -> None:
    """Writes what no page has caught, such as an error before the click is drawn; the reader sees that it failed."""
    event("app.run_failed", "A run of the page failed.", level=40, error=error)
