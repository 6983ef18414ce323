"""Requests per key, counted over all workers in one small file that they map into memory."""

import mmap
import time
from hashlib import blake2b
from pathlib import Path

import numpy as np

# Two keys that share a slot share their limit; with a thousand keys some do.
SLOTS = 65536
ROUNDING = 1e-6  # seconds; differences of large numbers are not exact
AT_ONCE = 6  # a sixth of a minute's requests


class Limiter:
    """The generic cell rate algorithm: of each key only the time is kept at which its requests will be used up.

    Workers do not lock the file. Two that write at the same moment may let one request too many pass.
    """

    def __init__(self, per_minute: int, file: Path | None = None) -> None:
        """`file` is shared by all workers; None: this process counts alone."""
        self._step = 60 / per_minute
        self._burst = self._step * max(1, per_minute // AT_ONCE)
        if file is None:
            self._until = np.zeros(SLOTS)
            return
        with file.open("a+b") as opened:
            opened.truncate(8 * SLOTS)
            self._until = np.frombuffer(mmap.mmap(opened.fileno(), 8 * SLOTS), np.float64)

    def take(self, who: str) -> float:
        """Counts a request; returns 0, or the seconds after which the next one may come."""
        slot = int.from_bytes(blake2b(who.encode(), digest_size=4).digest()) % SLOTS
        now = time.monotonic()
        until = max(float(self._until[slot]), now) + self._step
        if until - now > self._burst + ROUNDING:
            return until - now - self._burst
        self._until[slot] = until
        return 0.0
