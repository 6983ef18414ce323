"""A lock between processes, and the environment for running one of our modules as a process."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import churn_assets


@contextmanager
def only_one(lock_file: Path, wait: bool = True) -> Iterator[None]:
    """Hold an exclusive lock on this machine; the operating system releases it when the process dies.

    Args:
        lock_file: created when absent and never removed (after a removal two processes could hold the lock).
        wait: False to give up at once when another process holds the lock.

    Raises:
        BlockingIOError: with `wait=False`, when another process holds the lock.
    """
    with lock_file.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def module_environment(**changes: str) -> dict[str, str]:
    """Environment variables with which `python -m churn_assets...` imports this package, installed or not."""
    package_parent = str(Path(churn_assets.__file__).parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([package_parent, inherited]) if inherited else package_parent
    return os.environ | {"PYTHONPATH": path} | changes
