"""The folder for what a process of this project needs only while it runs."""

import os
import shutil
import socket
from pathlib import Path

from churn_assets.settings import Settings


def scratch_folder(settings: Settings) -> Path:
    """This process's folder for shuffle files, below <home>/spark/scratch. Removes the folders of dead processes."""
    parent = settings.home_path / "spark" / "scratch"
    host = socket.gethostname()
    if parent.is_dir():
        for folder in parent.glob(f"{host}-*"):
            pid = folder.name.removeprefix(f"{host}-")
            if pid.isdigit() and not _is_alive(int(pid)):
                shutil.rmtree(folder, ignore_errors=True)
    return parent / f"{host}-{os.getpid()}"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
