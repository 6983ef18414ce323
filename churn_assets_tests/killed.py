"""A process that starts others and is killed: what it started must not outlive it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from churn_assets.lakehouse.engine.processes import module_environment

SECONDS = 20


@contextmanager
def killed_after_its_first_line(code: str, *arguments: str) -> Iterator[str]:
    """The line, which begins with the pid of a process that the code has started; that one is killed at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], env=module_environment(), stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        line = starter.stdout.readline()
        started = int(line.split()[0])
        os.kill(started, 0)
        starter.kill()
    try:
        yield line
    finally:
        with suppress(ProcessLookupError):
            os.kill(started, signal.SIGKILL)


def ended(pid: int) -> bool:
    """Waits until a process is gone, or a zombie: nobody may wait for it in a container; False if it goes on."""
    end = time.monotonic() + SECONDS
    while runs(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not runs(pid)


def runs(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
