"""The page as users start it: a process of its own, on a free port."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue

from churn_assets.settings import Settings

CHECKOUT = Path(__file__).parents[2]
COMMAND = "from churn_assets.cli.main import main; main()"
SECONDS = 120.0  # until the page is there, on a machine under load


@contextmanager
def running_page(
    settings: Settings, output: list[str] | None = None, *, port: int = 0, **variables: str
) -> Iterator[str]:
    """Runs the page of a home; yields its address. `output` collects what the process prints."""
    told = output if output is not None else []
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CHURN_")}
    environment |= {"CHURN_HOME": str(settings.home_path), "PYTHONPATH": str(CHECKOUT), **variables}
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "app", "--port", str(port)],
        env=environment,
        cwd=settings.home_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    lines: Queue[str] = Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            told.append(line)
            lines.put(line)

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    try:
        yield _address(lines, told)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reading.join(10)


def _address(lines: "Queue[str]", told: list[str]) -> str:
    while True:
        try:
            line = lines.get(timeout=SECONDS)
        except Empty:
            raise AssertionError(f"The page did not start: {''.join(told)}") from None
        if found := re.match(r"The page: (http\S+)", line):
            return found[1]
