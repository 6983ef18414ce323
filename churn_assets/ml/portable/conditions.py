"""Which conditions rows meet, as lines of tables: one bit per condition of a table.

Trees ask the same conditions again and again, so each different one is compared once.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# A table has a line per combination of conditions; with more conditions, trees are walked and boxes computed.
MOST_CONDITIONS = 8

Condition = tuple[int, float]  # matrix column, threshold: value <= threshold


class Conditions:
    """The conditions of some tables, each table with at most MOST_CONDITIONS."""

    def __init__(self, asked: Sequence[Sequence[Condition]]) -> None:
        """Takes the conditions of each table, that of the lowest bit first."""
        distinct = sorted({condition for of_table in asked for condition in of_table})
        place = {condition: at for at, condition in enumerate(distinct)}
        nothing = len(distinct)  # of the bits that a table does not use: no row meets it
        self._places = np.full((MOST_CONDITIONS, len(asked)), nothing, dtype=np.intp)
        for table, of_table in enumerate(asked):
            self._places[: len(of_table), table] = [place[condition] for condition in of_table]
        self._threshold = np.array([threshold for _, threshold in distinct])[:, None]
        columns, first = np.unique([column for column, _ in distinct], return_index=True)
        ends = [*first.tolist(), nothing][1:]
        self._runs = list(zip(map(int, columns), first.tolist(), ends, strict=True))

    def lines(self, matrix: NDArray[np.float64]) -> NDArray[np.uint8]:
        """(tables, rows): the line of each table that a row of the matrix has."""
        met = np.zeros((len(self._threshold) + 1, len(matrix)), dtype=np.uint8)
        for column, first, end in self._runs:
            np.less_equal(matrix[:, column], self._threshold[first:end], out=met[first:end].view(np.bool_))
        found: NDArray[np.uint8] = met[self._places[0]]
        for bit, places in enumerate(self._places[1:], start=1):
            found |= met[places] << np.uint8(bit)
        return found
