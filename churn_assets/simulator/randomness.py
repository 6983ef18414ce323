"""Named random streams: each (seed, purpose, key) has its own generator.

Because no stream is shared, changing one thing (a dirt rate, the regime after a date, the length of the history)
leaves every draw made for another purpose or an earlier day as it was.
"""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, purpose: str, *keys: int) -> np.random.Generator:
    """A generator that depends on nothing but its arguments; keys are non-negative, usually an epoch day."""
    entropy = [seed, zlib.crc32(purpose.encode()), *keys]
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy)))
