"""Kills a backup and a restore at each phase, by `python -m`: each in a process of its own, forked from this one.

Prints a JSON line per phase: its name, the signal that ended it, and whether the same command then worked.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from churn_assets.backup import proving, restic, restoring, staging, taking
from churn_assets.contracts.loader import load_business
from churn_assets.settings import Settings

# phase -> module and the function at which it dies
BACKUP: dict[str, tuple[Any, str]] = {
    "while it waits for runs": (taking, "wait_for_runs"),
    "while it copies": (staging, "_stage_audit"),
    "while it proves the copy": (taking, "golden_file"),
    "before it stores": (restic.Repository, "store"),
    "while restic stores": (subprocess, "run"),
    "after it has stored": (taking, "Backup"),
}
RESTORE: dict[str, tuple[Any, str]] = {
    "before it fetches": (restic.Repository, "fetch"),
    "while it proves": (proving, "_tables"),
    "before it puts in place": (restoring, "replay"),
    "between the old home and the new one": (restoring, "RENAMED"),
    "in place": (restoring, "settle"),
}


def _die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _kill_restic(real: Callable[..., Any]) -> Callable[..., Any]:
    def run(command: list[str], **more: Any) -> Any:
        if "backup" not in command:
            return real(command, **more)
        child = subprocess.Popen(
            command, cwd=more["cwd"], env=more["env"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(0.4)
        child.kill()
        _die()
        return None

    return run


def _dies_at(module: Any, name: str) -> None:
    if module is subprocess:
        subprocess.run = _kill_restic(subprocess.run)  # type: ignore[assignment]
    elif name == "RENAMED":
        rename = Path.rename

        def once(self: Path, target: Path) -> Path:
            rename(self, target)
            _die()
            return target

        Path.rename = once  # type: ignore[method-assign, assignment]
    else:
        setattr(module, name, _die)


def _child(work: Callable[[], object], before: Callable[[], None] = lambda: None) -> int:
    """Forks; the number of the signal that ended the child, else minus its exit code."""
    child = os.fork()
    if child == 0:
        before()
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)


def main(target: Path) -> None:
    """Kills the backup of the home that the environment names, and restores to a folder."""
    settings = Settings()
    business = load_business(settings.business_path)

    def back_up() -> object:
        return taking.back_up(settings, business)

    def restore() -> object:
        return restoring.restore(settings, target, replace=True)

    for work, phases in ((back_up, BACKUP), (restore, RESTORE)):
        for phase, (module, name) in phases.items():
            ended = _child(work, lambda module=module, name=name: _dies_at(module, name))  # type: ignore[misc]
            there = target.exists()
            told = {"phase": phase, "signal": ended, "again": _child(work), "there": there}
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
