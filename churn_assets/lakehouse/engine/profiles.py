"""The `small` and `large` engine profiles, and the choice between them by the size of the data."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from churn_assets.settings import Settings, is_uri

# The small profile starts fast and stays below 3 GiB: one collector thread, and the second compiler only where it pays.
# `make bench` measures one size of each: 5,000 customers (94 MB of extracts) run small, 50,000 (0.9 GB) large. A first
# load reads the whole landing zone in one run, a daily run only the open month; so the limit is nearer to the large
# size.
MIB, GIB = 1024**2, 1024**3
LARGE_FROM_BYTES = 512 * MIB
# 20,000 customers (0.36 GB) overflow a heap of 1 GiB: a range run writes many months of wide rows side by side.
BYTES_FOR_A_GIB = 128 * MIB
MOST_GIB = 4


# Spark generates methods larger than the 8,000 bytes that the JVM compiles; interpreted, they run 3 to 4 times slower.
COMPILE_ALL = "-XX:-DontCompileHugeMethods"
# The second compiler makes code twice as fast but competes for the cores: with the JVM's default thresholds it costs
# more than it saves in a run of minutes. So only very hot methods reach it: 32 times the default thresholds, the best
# for a single month (8 times: 30 CPU s more of compiling; 128 times: 20 CPU s more of running).
COMPILE_THE_HOTTEST = (
    "-XX:Tier4InvocationThreshold=160000",
    "-XX:Tier4MinInvocationThreshold=20000",
    "-XX:Tier4CompileThreshold=320000",
    "-XX:Tier4BackEdgeThreshold=800000",
)
# A heap that grows is collected in full each time that it is full, so it starts at its maximum size (the JVM takes the
# smaller of this share of the machine's memory and the heap limit).
WHOLE_HEAP = "-XX:InitialRAMPercentage=100"


@dataclass(frozen=True)
class Profile:
    """The Spark settings of a profile.

    Attributes:
        name: "small" or "large".
        reason: why it was chosen, for the log.
        java_options: garbage collector and compiler of the driver JVM.
        driver_memory: heap of the driver JVM, unless the settings name one.
        shuffle_partitions: partitions after an exchange.
        snapshot_partitions: tasks in which Delta reconstructs a table's state (its own default is 50).
        adaptive: whether Spark plans again after each exchange; with little data that costs more than it saves.
    """

    name: Literal["small", "large"]
    reason: str
    java_options: tuple[str, ...]
    driver_memory: str
    shuffle_partitions: int
    snapshot_partitions: int
    adaptive: bool


def choose_profile(settings: Settings) -> Profile:
    """The profile that the settings name, or for `auto` the one that fits the size of the landing zone."""
    if settings.engine_profile == "auto":
        name, reason, gib = _by_size(settings.landing_uri)
    else:
        name, reason = settings.engine_profile, "by CHURN_ENGINE_PROFILE"
        gib = 1 if name == "small" else MOST_GIB
    # at most half of the memory, because Python and the JVM itself need as much again
    heap = f"{min(gib, max(1, machine_memory() // (2 * GIB)))}g"
    cores = local_cores(settings.spark_master)
    if name == "small":
        # A native BLAS gains nothing on small vectors, and looking for one prints a warning when there is none.
        options = (
            "-XX:+UseSerialGC",
            WHOLE_HEAP,
            *COMPILE_THE_HOTTEST,
            COMPILE_ALL,
            "-Ddev.ludovic.netlib.blas.allowNative=false",
        )
        return Profile(name, reason, options, heap, min(4, max(2, cores)), 1, adaptive=False)
    return Profile(
        name,
        reason,
        ("-XX:+UseParallelGC", COMPILE_ALL),
        heap,
        3 * cores,
        min(4, max(2, cores)),
        adaptive=True,
    )


def is_local(master: str) -> bool:
    """True for local, local[4], local[*] and local[4,2]: Spark inside the driver JVM."""
    return re.fullmatch(r"local(\[.*\])?", master) is not None


def for_few_rows(settings: Settings) -> Settings:
    """The settings with one core for a local engine: for queries over few rows, more cost more than they save."""
    return settings.model_copy(update={"spark_master": "local[1]"} if is_local(settings.spark_master) else {})


def local_cores(master: str) -> int:
    """Cores that a local master uses; for a cluster master those of this machine."""
    named = re.fullmatch(r"local\[(\d+)(,.*)?\]", master)
    if named:
        return int(named[1])
    if master == "local":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine_memory() -> int:
    """Memory of the machine in bytes, or the container's limit when that is lower."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit in (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")):
        if limit.is_file() and (text := limit.read_text().strip()).isdigit():
            memory = min(memory, int(text))
    return memory


def _by_size(landing: str) -> tuple[Literal["small", "large"], str, int]:
    """Profile name, reason, and heap in GiB for a landing zone of this size."""
    if is_uri(landing):
        reason = f"the landing zone {landing} is not on this machine, so its size is not looked at"
        return "large", reason, MOST_GIB
    size = bytes_below(landing, stop_at=LARGE_FROM_BYTES)
    limit = f"{LARGE_FROM_BYTES / MIB:.0f} MB"
    if size >= LARGE_FROM_BYTES:
        return "large", f"{landing} holds at least {limit}", MOST_GIB
    reason = f"{landing} holds {size / MIB:.0f} MB, less than {limit}"
    return "small", reason, min(MOST_GIB, 1 + size // BYTES_FOR_A_GIB)


def bytes_below(folder: str, stop_at: int) -> int:
    """Sum of the file sizes below `folder`; stops counting at `stop_at`; 0 when the folder does not exist."""
    total, pending = 0, [folder]
    while pending and total < stop_at:
        try:
            entries = os.scandir(pending.pop())
        except (FileNotFoundError, NotADirectoryError):
            continue
        with entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    return total
