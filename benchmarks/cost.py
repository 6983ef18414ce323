"""Measures a command with all its descendants: wall time, CPU time and peak memory."""

import itertools
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.25
SAMPLES_PER_MEMORY = 4  # reading the memory of a JVM is slow


@dataclass(frozen=True)
class Sample:
    """CPU seconds of a command and its descendants up to a moment, in seconds since 1970."""

    at: float
    cpu: float


@dataclass(frozen=True)
class Cost:
    """Wall and CPU seconds; peak memory in GiB of all processes together, shared pages counted once.

    `samples`: the CPU seconds on the way, if a single command was measured.
    """

    wall: float
    cpu: float
    memory: float
    samples: tuple[Sample, ...] = field(default=(), repr=False)

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.wall + other.wall, self.cpu + other.cpu, max(self.memory, other.memory))


class CommandFailedError(RuntimeError):
    """The command failed; the message contains the end of its output."""


def measure(*command: str, **env: str) -> Cost:
    """Runs a command to its end; samples it and all its descendants.

    No parent waits for the JVM, so the operating system does not add its CPU time to a parent.

    Raises:
        CommandFailedError: the command failed.
    """
    cpu: dict[tuple[int, float], float] = {}
    peak, start = 0, time.monotonic()
    samples = [Sample(time.time(), 0.0)]
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, env=os.environ | env, stdout=output, stderr=subprocess.STDOUT)
        family = psutil.Process(process.pid)
        for sample in itertools.count():
            if process.poll() is not None:
                break
            used = 0
            for member in _members(family):
                try:
                    with member.oneshot():
                        times = member.cpu_times()
                        cpu[member.pid, member.create_time()] = times.user + times.system
                    if sample % SAMPLES_PER_MEMORY == 0:
                        used += _memory(member)
                except psutil.Error:  # it has just ended
                    continue
            peak = max(peak, used)
            samples.append(Sample(time.time(), sum(cpu.values())))
            time.sleep(SAMPLE_SECONDS)
        wall = time.monotonic() - start
        if process.returncode:
            output.seek(0)
            raise CommandFailedError(f"{' '.join(command)} failed:\n{output.read()[-5000:]}")
    return Cost(wall, sum(cpu.values()), peak / 1024**3, tuple(samples))


def _memory(process: psutil.Process) -> int:
    full = process.memory_full_info()
    return int(getattr(full, "pss", full.uss))


def _members(family: psutil.Process) -> list[psutil.Process]:
    try:
        return [family, *family.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def churn_assets(*words: str, **env: str) -> Cost:
    """Measures the churn-assets command of this environment."""
    return measure(str(Path(sys.executable).with_name("churn-assets")), *words, **env)
