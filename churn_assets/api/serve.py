"""Starts the service: binds the address and lets uvicorn run workers, replace dead ones and restart them in turn."""

import os
from collections.abc import Callable
from tempfile import TemporaryDirectory

from churn_assets.access.keys import Keys, keys_file
from churn_assets.access.listening import BACKLOG, listening_at, web_address
from churn_assets.access.loopback import is_loopback
from churn_assets.api.metrics import SHARED
from churn_assets.operations.log import writing as log
from churn_assets.settings import Settings

PATIENCE = 10  # seconds for open requests when a worker ends


class ServeError(RuntimeError):
    """The service cannot start; the message names the remedy."""


def serve(settings: Settings, tell: Callable[[str], None]) -> None:
    """Serves until a signal ends it. SIGHUP restarts the workers one after the other.

    Args:
        settings: of the service; its workers read the same from the environment.
        tell: prints a line.

    Raises:
        ServeError: the address may not be used.
        AddressTaken: it is in use.
    """
    from uvicorn import Config
    from uvicorn.supervisors import Multiprocess

    from churn_assets.api.protocol import LimitedHeaders

    log.start(settings)
    api = settings.api
    open_to_all = not api.issuer and not Keys(keys_file(settings)).of_service()
    if open_to_all and not is_loopback(api.host):
        raise ServeError(
            f"There are no keys, so the service binds to loopback only, not to {api.host}. Make a key first: "
            "churn-assets keys create NAME --scopes scores"
        )
    listening = listening_at(api.host, api.port, "Name another port: CHURN_API_PORT=8001")
    port = listening.getsockname()[1]
    address = web_address(api.host, port, is_secure=api.tls_certificate is not None)
    with TemporaryDirectory(prefix="churn_api_") as folder, listening:
        os.environ[SHARED] = folder
        config = Config(
            "churn_assets.api.app:create_app",
            factory=True,
            workers=api.workers,
            log_config=None,
            access_log=False,
            loop="churn_assets.api.accepting:EvenLoop",
            http=LimitedHeaders,
            server_header=False,
            proxy_headers=False,
            ws="none",
            lifespan="on",
            backlog=BACKLOG,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=PATIENCE,
            timeout_worker_healthcheck=30,
            ssl_certfile=api.tls_certificate,
            ssl_keyfile=api.tls_key,
            ssl_keyfile_password=api.tls_key_password.get_secret_value() if api.tls_key_password else None,
        )
        tell(f"Serving {address} with {api.workers} workers; try it on {address}/docs.")
        if open_to_all:
            tell(
                "There are no keys: everybody on this machine may read scores. `churn-assets keys create` makes one."
            )
        elif not is_loopback(api.host) and not api.tls_certificate:
            tell("Keys travel unencrypted: set CHURN_API_TLS_CERTIFICATE, or put a proxy with TLS in front.")
        Multiprocess(config, [listening]).run()
