"""A running service in this process, asked over a real socket."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn

from churn_assets.api.app import create_app
from churn_assets.api.protocol import LimitedHeaders
from churn_assets.operations.log import writing as log
from churn_assets.settings import Settings

_outer: list[Settings] = []


@contextmanager
def running(settings: Settings) -> Iterator[httpx.Client]:
    """A client of a service with these settings; the service is `client.app`.

    A process has one log. While a second service runs, the log is that of the second; then the first has it again.
    """
    app = create_app(settings)
    _outer.append(settings)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="on", ws="none", http=LimitedHeaders
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            wait_until(lambda: server.started or not thread.is_alive())
            address = f"http://127.0.0.1:{listening.getsockname()[1]}"
            with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
                client.app = app  # type: ignore[attr-defined]
                yield client
        finally:
            server.should_exit = True
            thread.join(60)
            log.stop()
            _outer.pop()
            if _outer:
                log.start(_outer[-1])
            assert not thread.is_alive(), "the service does not stop"


def wait_until(condition: "object", seconds: float = 60) -> None:
    """Waits until the condition holds; fails if it never does."""
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
