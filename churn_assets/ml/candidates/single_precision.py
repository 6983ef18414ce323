"""Thresholds of learners that round values to float32 before they test them, for `Trees`, which tests float64.

Rounding is monotone. So the values that round to at most some float32 are those up to a greatest float64.
"""

import numpy as np
from numpy.typing import NDArray


def last_that_rounds_to(value: NDArray[np.float32]) -> NDArray[np.float64]:
    """Returns the greatest float64 that rounds to each value.

    The middle between two float32 rounds to the one of them whose last bit is 0.
    """
    after = np.nextafter(value, np.float32(np.inf))
    middle = (value.astype(np.float64) + after.astype(np.float64)) / 2
    is_even = value.view(np.int32) % 2 == 0
    return np.where(is_even, middle, np.nextafter(middle, -np.inf))


def rounded_down(value: NDArray[np.float64]) -> NDArray[np.float32]:
    """Returns the greatest float32 that is not above each value."""
    nearest = value.astype(np.float32)
    return np.where(nearest > value, np.nextafter(nearest, np.float32(-np.inf)), nearest)
