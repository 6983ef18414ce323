"""What a command costs with everything that it starts: wall time, CPU and the highest memory at one moment."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.25


@dataclass(frozen=True)
class Cost:
    """Wall and CPU seconds; memory in GiB (resident, summed over all processes, the highest moment)."""

    wall: float
    cpu: float
    memory: float

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.wall + other.wall, self.cpu + other.cpu, max(self.memory, other.memory))


class CommandFailedError(RuntimeError):
    """The command ended with an error; the message holds what it said."""


def measure(*command: str, **env: str) -> Cost:
    """Runs a command to its end and samples all its descendants.

    The JVM is nobody's waited-for child, so the operating system's accounts of a parent leave it out.

    Raises:
        CommandFailedError: the command failed.
    """
    start = time.monotonic()
    process = subprocess.Popen(
        command, env=os.environ | env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=-1
    )
    cpu: dict[tuple[int, float], float] = {}
    peak = 0
    family = psutil.Process(process.pid)
    os.set_blocking(process.stdout.fileno(), False)
    said: list[str] = []
    while process.poll() is None:
        resident = 0
        try:
            members = [family, *family.children(recursive=True)]
        except psutil.NoSuchProcess:
            break
        for member in members:
            try:
                with member.oneshot():
                    times = member.cpu_times()
                    cpu[member.pid, member.create_time()] = times.user + times.system
                    resident += member.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        peak = max(peak, resident)
        said.append(process.stdout.read() or "")
        time.sleep(SAMPLE_SECONDS)
    process.wait()
    said.append(process.stdout.read() or "")
    if process.returncode:
        raise CommandFailedError(f"{' '.join(command)} failed:\n{''.join(said)[-5000:]}")
    return Cost(time.monotonic() - start, sum(cpu.values()), peak / 1024**3)


def churn_assets(*words: str, **env: str) -> Cost:
    """`measure` of the churn-assets command of this environment."""
    return measure(str(Path(sys.executable).with_name("churn-assets")), *words, **env)
