"""Named random streams: each (seed, purpose, key) has its own generator.

No stream is shared, so a change of one setting (a dirt rate, the regime after a date, the length of the history) does
not change the draws made for another purpose or an earlier day.
"""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, purpose: str, *keys: int) -> np.random.Generator:
    """Returns a generator that depends only on its arguments; keys are non-negative, usually an epoch day."""
    entropy = [seed, zlib.crc32(purpose.encode()), *keys]
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy)))
