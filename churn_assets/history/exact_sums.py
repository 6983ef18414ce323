"""Sums of doubles that do not depend on the order of their rows: the same rows give the same bits on every engine.

A plain sum of doubles rounds after each row, so its last bits tell in which order the rows came. Here each value is cut
into whole multiples of four fixed steps, from 1,024 down to 2^-86. Multiples of one step add up without rounding, in
any order and over any groups of groups. Only `total` rounds, once.

What holds, with up to four million rows in a group:

- Values of at least 6e-11 are taken as they are, smaller ones to the nearest 1.3e-26.
- The total is the double next to the true sum, or in rare cases the one beside it, whatever cancels out.
- From 9e18 on, and with more rows, the last bits may depend on the order as in a plain sum. Nothing wraps around.
- Infinity, NaN and null count as in a plain sum; a sum beyond the greatest double is infinity.

Adding `1.5 * 2^52` steps to a double and taking them away again rounds it to the nearest multiple of the step, as long
as it is less than 2^51 steps (T. J. Dekker 1971; Demmel and Nguyen 2015, "Parallel Reproducible Summation").
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# 32 bits apart: of the 53 bits of a double, 21 are left for the number of rows, and one more for the sign
STEPS = (2.0**10, 2.0**-22, 2.0**-54, 2.0**-86)


def parts(name: str) -> list[str]:
    """Names of the columns with the parts of a value, or with their sums; the greatest step first."""
    return [f"{name}#{level}" for level in range(len(STEPS))]


def cut(frame: "DataFrame", columns: Iterable[str]) -> "DataFrame":
    """Adds the columns `parts(c)` of each number column: doubles whose sum is the value."""
    from pyspark.sql import functions as F

    rest = {name: f"CAST(`{name}` AS double)" for name in columns}
    *upper, last = STEPS
    for level, step in enumerate(upper if rest else ()):
        near = {name: _nearest(value, step) for name, value in rest.items()}
        left = {name: f"({value} - {near[name]})" for name, value in rest.items()}
        found = {parts(name)[level]: value for name, value in near.items()}
        if step == upper[-1]:
            found |= {parts(name)[-1]: _nearest(value, last) for name, value in left.items()}
        else:  # a column, so that what is left is computed once
            found |= {f"{name}#rest": value for name, value in left.items()}
            rest = {name: f"`{name}#rest`" for name in rest}
        frame = frame.withColumns({name: F.expr(value) for name, value in found.items()})
    return frame


def total(sums: Sequence[str]) -> str:
    """SQL of the sum as a double, over columns with the sums of the parts, none of them null."""
    *upper, below = (f"`{name}`" for name in sums)
    first, left = f"`{sums[0]}`", []
    for step, own in zip(reversed(STEPS[:-1]), reversed(upper), strict=True):
        # what has come together to whole steps of the level above is carried there, so that nothing cancels out below
        carried = _nearest(below, step)
        left.append(f"({below} - {carried})")
        below = f"({own} + {carried})"
    lowest, low, middle = left
    # the last bits of infinity are none
    return f"CASE WHEN {first} - {first} = 0 THEN ({below} + {middle}) + ({low} + {lowest}) ELSE {first} END"


def _nearest(value: str, step: float) -> str:
    """SQL of the multiple of `step` next to a double."""
    large = f"{1.5 * 2.0**52 * step!r}D"
    return f"(({value} + {large}) - {large})"
