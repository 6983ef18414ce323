"""A lock between processes, processes that end with this one, and the environment of our modules as processes."""

import fcntl
import os
from collections.abc import Iterator, Sequence
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


def tied(command: Sequence[str]) -> list[str]:
    """A command whose process is killed as soon as its stdin is closed, and so at the latest with this process.

    Start it with `stdin=PIPE`, which nobody writes to, and with `start_new_session=True`: the watcher is a member of
    the new process group, so no other process gets the number of the one that it kills.
    """
    watched = 'exec 3<&0; (cat <&3 >/dev/null; kill -9 $$) & exec 3<&- </dev/null; exec "$@"'
    return ["/bin/sh", "-c", watched, "tied", *command]


def module_environment(**changes: str) -> dict[str, str]:
    """Environment variables with which `python -m churn_assets...` imports this package, installed or not."""
    package_parent = str(Path(churn_assets.__file__).parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([package_parent, inherited]) if inherited else package_parent
    return os.environ | {"PYTHONPATH": path} | changes
