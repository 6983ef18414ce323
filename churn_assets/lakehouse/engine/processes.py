"""One process at a time, and the environment in which one of our modules starts."""

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
        lock_file: created when absent and never removed (removing it would let two processes in).
        wait: False to give up at once when another process holds it.

    Raises:
        BlockingIOError: with `wait=False`, when another process holds it.
    """
    with lock_file.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def module_environment(**changes: str) -> dict[str, str]:
    """The environment in which `python -m churn_assets...` finds this very package, installed or not."""
    package_parent = str(Path(churn_assets.__file__).parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([package_parent, inherited]) if inherited else package_parent
    return os.environ | {"PYTHONPATH": path} | changes
