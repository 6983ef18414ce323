"""The command `churn-assets serve` as a process of its own."""

import re
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from churn_assets.lakehouse.engine.processes import module_environment
from churn_assets_tests.api.running import wait_until

COMMAND = "import sys; from churn_assets.cli.main import main; sys.argv[0] = 'churn-assets'; main()"


@contextmanager
def served(
    home: Path, *arguments: str, verify: ssl.SSLContext | bool = True, **environment: str
) -> Iterator[tuple[subprocess.Popen[str], httpx.Client, list[str]]]:
    """The command `churn-assets serve` on a free port: its process, a client, and what it printed."""
    variables = module_environment(CHURN_HOME=str(home), PYTHONUNBUFFERED="1", **environment)
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "serve", "--port", "0", *arguments],
        env=variables,
        stdout=subprocess.PIPE,
        text=True,
    )
    too_late = threading.Timer(120, process.kill)
    too_late.start()
    try:
        assert process.stdout is not None
        told = [process.stdout.readline()]
        too_late.cancel()
        address = re.search(r"https?://[^ ]+:\d+", told[0])
        assert address, told
        with httpx.Client(base_url=address[0], timeout=60, trust_env=False, verify=verify) as client:
            wait_until(lambda: is_ready(client), 120)
            yield process, client, told
    finally:
        too_late.cancel()
        process.send_signal(signal.SIGTERM)
        hangs = threading.Timer(60, process.kill)
        hangs.start()
        # not `communicate`, which loses what `readline` has read ahead
        told.append(process.stdout.read() if process.stdout else "")
        process.wait()
        hangs.cancel()


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/v2/health/ready").status_code == 200
    except httpx.TransportError:
        return False
