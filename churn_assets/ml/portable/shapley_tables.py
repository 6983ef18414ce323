"""Exact Shapley values of trees, looked up in tables.

A leaf is a box: a product of intervals, one per column on its path. It is a product game over these columns. With
indicators o (1 if the row's value lies in the interval) and cover ratios z, player i gets
    phi_i = value * (o_i - z_i) * integral over u in [0, 1] of prod_{j != i} (z_j (1 - u) + o_j u),
because |S|! (d - 1 - |S|)! / d! is the Beta integral of u^|S| (1-u)^(d-1-|S|). The integrand is a polynomial of degree
d - 1, so Gauss-Legendre is exact.

Neighbouring leaves share most of their conditions. Boxes with at most MOST_CONDITIONS conditions together make a piece:
its values are tabulated once, one line per combination of conditions that hold, and looked up per row. This costs two
or three look-ups per leaf, whatever the depth.

Contributions are computed here and not by the `shap` package: Spark workers and serving need them, and importing that
package takes 4 CPU seconds and a compiler. On boosted trees both agree to 1e-15 (shap 0.51.0).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from churn_assets.ml.portable.conditions import MOST_CONDITIONS, Condition, Conditions

# With fewer rows, each step is one call over all trees and a block of rows; with more, one call per tree and all rows.
FEW_ROWS = 512
# Numbers that a step over all trees may hold at once: they stay in the processor's cache.
NUMBERS_AT_ONCE = 250_000
# Rows of a batch that are explained at once, for the same reason.
ROWS_AT_ONCE = 8192


@dataclass(frozen=True)
class Box:
    """A leaf as a product of intervals.

    Attributes:
        bounds: matrix column -> (above, at most).
        ratio: matrix column -> share of the training cover that its conditions keep.
        value: of the leaf.
    """

    bounds: dict[int, tuple[float, float]] = field(default_factory=dict)
    ratio: dict[int, float] = field(default_factory=dict)
    value: float = 0.0

    def cut(self, column: int, threshold: float, is_left: bool, share: float) -> "Box":
        """Returns the part of the box on one side of a threshold."""
        above, most = self.bounds.get(column, (-math.inf, math.inf))
        bounds = (above, min(most, threshold)) if is_left else (max(above, threshold), most)
        ratio = self.ratio | {column: self.ratio.get(column, 1.0) * share}
        return Box(self.bounds | {column: bounds}, ratio)

    def worth(self, value: float) -> "Box":
        """Returns the box with this value."""
        return Box(self.bounds, self.ratio, value)

    def conditions(self) -> set[Condition]:
        """The conditions that tell whether a row lies in the box."""
        return {
            (column, bound) for column, pair in self.bounds.items() for bound in pair if math.isfinite(bound)
        }


@dataclass(frozen=True)
class ShapleyTables:
    """The Shapley values of all boxes, one table per piece.

    An entry is one column of one piece, with a value per line of the piece's table. The line is a binary number with
    one bit per condition that a row meets.

    Attributes:
        column, threshold, bit: of each condition; the conditions of a piece are adjacent.
        first: position of the first condition of each piece.
        entry_column, entry_piece: matrix column and piece of each entry; the entries of a piece are adjacent.
        entry_start: position of each entry's first line in `values`.
        values: lines of all entries.
        wide: boxes with more than MOST_CONDITIONS conditions.
    """

    column: NDArray[np.intp]
    threshold: NDArray[np.float64]
    bit: NDArray[np.intp]
    first: NDArray[np.intp]
    entry_column: NDArray[np.intp]
    entry_piece: NDArray[np.intp]
    entry_start: NDArray[np.intp]
    values: NDArray[np.float64]
    wide: "WideBoxes"

    @classmethod
    def of(cls, boxes: Sequence[Box]) -> Self:
        """Tabulates boxes; those of a tree follow each other from left to right."""
        told = [box for box in boxes if box.bounds]  # a single leaf has no players
        wide = WideBoxes.of([box for box in told if len(box.conditions()) > MOST_CONDITIONS])
        pieces = list(_pieces([box for box in told if len(box.conditions()) <= MOST_CONDITIONS]))
        tables = [_table(asked, members) for asked, members in pieces]
        asked_of = [condition for asked, _ in pieces for condition in asked]
        sizes = [len(asked) for asked, _ in pieces]
        columns = [column for found, _ in tables for column in found]
        lines = [2**size for size, (found, _) in zip(sizes, tables, strict=True) for _ in found]
        return cls(
            column=np.array([column for column, _ in asked_of], dtype=np.intp),
            threshold=np.array([threshold for _, threshold in asked_of], dtype=np.float64),
            bit=np.array([bit for size in sizes for bit in range(size)], dtype=np.intp),
            first=np.cumsum([0, *sizes[:-1]], dtype=np.intp)[: len(sizes)],
            entry_column=np.array(columns, dtype=np.intp),
            entry_piece=np.repeat(np.arange(len(tables)), [len(found) for found, _ in tables]),
            entry_start=np.cumsum([0, *lines[:-1]], dtype=np.intp)[: len(lines)],
            values=np.concatenate([np.zeros(0), *(table.ravel() for _, table in tables)]),
            wide=wide,
        )

    def contributions(self, matrix: NDArray[np.float64], group: NDArray[np.intp]) -> NDArray[np.float64]:
        """(rows, outputs): the Shapley values of the matrix columns, summed by group.

        A row gets the same bits whichever rows stand beside it: entries are added in order.
        """
        rows, outputs = len(matrix), int(group.max()) + 1
        if rows < FEW_ROWS:
            blocks = rows_at_once(rows, len(self.column))
            by_row = [self._of_few(matrix[block], group) for block in blocks]
            return np.concatenate([np.zeros((0, outputs)), *by_row])
        # Outputs are rows here, so that each is a contiguous vector.
        result = np.zeros((outputs, rows))
        for start in range(0, rows, ROWS_AT_ONCE):
            block = slice(start, start + ROWS_AT_ONCE)
            self._add(matrix[block], group, result[:, block])
        return result.T

    def _of_few(self, matrix: NDArray[np.float64], group: NDArray[np.intp]) -> NDArray[np.float64]:
        """Explains few rows: each step takes all pieces."""
        rows, outputs = len(matrix), int(group.max()) + 1
        found = np.zeros((rows, outputs))
        if len(self.first):
            met = (matrix[:, self.column] <= self.threshold).astype(np.intp) << self.bit
            line = np.add.reduceat(met, self.first, axis=1)
            values = self.values[line[:, self.entry_piece] + self.entry_start]
            at = np.arange(rows)[:, None] * outputs + group[self.entry_column]
            # bincount adds in order, as `_add` does
            found += np.bincount(at.ravel(), values.ravel(), rows * outputs).reshape(rows, outputs)
        self.wide.add(matrix, group, found.T)
        return found

    def _add(self, matrix: NDArray[np.float64], group: NDArray[np.intp], result: NDArray[np.float64]) -> None:
        """Adds the contributions of many rows to (outputs, rows): each step takes all rows."""
        outputs = list(result)
        output_of = group.tolist()
        for line, entries in zip(self._conditions.lines(matrix), self._entries, strict=True):
            at = line.astype(np.intp)
            for column, values in entries:
                output = outputs[output_of[column]]
                output += values.take(at)
        self.wide.add(matrix, group, result)

    @cached_property
    def _conditions(self) -> Conditions:
        """The conditions of all pieces."""
        pairs = list(zip(self.column.tolist(), self.threshold.tolist(), strict=True))
        ends = [*self.first, len(pairs)][1:]
        return Conditions([pairs[start:end] for start, end in zip(self.first, ends, strict=True)])

    @cached_property
    def _entries(self) -> list[list[tuple[int, NDArray[np.float64]]]]:
        """For each piece, its matrix columns with the values of each line."""
        ends = [*self.entry_start, len(self.values)][1:]
        found: list[list[tuple[int, NDArray[np.float64]]]] = [[] for _ in self.first]
        for piece, column, start, end in zip(
            self.entry_piece, self.entry_column.tolist(), self.entry_start, ends, strict=True
        ):
            found[piece].append((column, self.values[start:end]))
        return found


@dataclass(frozen=True)
class WideBoxes:
    """Boxes with too many conditions for a table: each row is computed. They come from long chains of splits.

    Attributes:
        column, above, most, ratio: of each player, shape (boxes, players); open intervals of ratio 1 fill up.
        value: of each box.
    """

    column: NDArray[np.intp]
    above: NDArray[np.float64]
    most: NDArray[np.float64]
    ratio: NDArray[np.float64]
    value: NDArray[np.float64]

    @classmethod
    def of(cls, boxes: Sequence[Box]) -> Self:
        """Arranges boxes as arrays."""
        shape = (len(boxes), max((len(box.bounds) for box in boxes), default=0))
        column, ratio = np.zeros(shape, dtype=np.intp), np.ones(shape)
        above, most = np.full(shape, -np.inf), np.full(shape, np.inf)
        for at, box in enumerate(boxes):
            players = slice(len(box.bounds))
            column[at, players], ratio[at, players] = list(box.bounds), list(box.ratio.values())
            above[at, players], most[at, players] = zip(*box.bounds.values(), strict=True)
        return cls(column, above, most, ratio, np.array([box.value for box in boxes]))

    def add(self, matrix: NDArray[np.float64], group: NDArray[np.intp], result: NDArray[np.float64]) -> None:
        """Adds the contributions of rows to (outputs, rows)."""
        if not self.column.size:
            return
        output = group[self.column].ravel()
        for block in rows_at_once(len(matrix), self.column.size):
            inside = matrix[block].T[self.column]
            met = (inside > self.above[..., None]) & (inside <= self.most[..., None])
            found = self.value[:, None, None] * shapley_values(met, self.ratio[..., None])
            np.add.at(result[:, block], output, found.reshape(len(output), -1))


def rows_at_once(rows: int, numbers: int) -> Iterator[slice]:
    """Yields blocks of rows, so that a block with this many numbers per row stays in the processor's cache."""
    step = max(1, NUMBERS_AT_ONCE // max(1, numbers))
    return (slice(start, start + step) for start in range(0, rows, step))


def shapley_values(met: NDArray[np.bool_], ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shapley values of product games with value 1.

    Args:
        met: (..., players, rows): the row lies in the player's interval.
        ratio: (..., players, 1): cover ratio. A player with ratio 1 who is met in each row changes nothing.

    Returns:
        Shaped as `met`.
    """
    held = met.astype(np.float64)
    mean = np.zeros(met.shape)
    for u, weight in _quadrature((met.shape[-2] + 1) // 2):
        factor = ratio * (1 - u) + held * u
        before, after = np.ones_like(factor), np.ones_like(factor)
        np.cumprod(factor[..., :-1, :], axis=-2, out=before[..., 1:, :])
        np.cumprod(factor[..., :0:-1, :], axis=-2, out=after[..., -2::-1, :])
        mean += weight * before * after
    return (held - ratio) * mean


@cache
def _quadrature(points: int) -> list[tuple[float, float]]:
    """Gauss-Legendre nodes in [0, 1] with their weights."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    return [(float(node + 1) / 2, float(weight) / 2) for node, weight in zip(nodes, weights, strict=True)]


def _pieces(boxes: Sequence[Box]) -> Iterator[tuple[list[Condition], list[Box]]]:
    """Yields runs of neighbouring boxes with at most MOST_CONDITIONS conditions together, and these conditions."""
    asked: set[Condition] = set()
    members: list[Box] = []
    for box in boxes:
        more = asked | box.conditions()
        if len(more) > MOST_CONDITIONS:
            yield sorted(asked), members
            more, members = box.conditions(), []
        asked = more
        members.append(box)
    if members:
        yield sorted(asked), members


def _table(asked: Sequence[Condition], boxes: Sequence[Box]) -> tuple[list[int], NDArray[np.float64]]:
    """Returns the columns of a piece and their Shapley values per line of its table, shape (columns, lines)."""
    lines = np.arange(2 ** len(asked))
    always = len(asked)  # the bound of an open interval
    held = np.zeros((always + 2, len(lines)), dtype=bool)
    held[:always] = (lines >> np.arange(always)[:, None]) & 1
    held[always] = True
    place = {condition: at for at, condition in enumerate(asked)}
    columns = sorted({column for box in boxes for column in box.bounds})
    row_of = {column: at for at, column in enumerate(columns)}
    players = max(len(box.bounds) for box in boxes)
    # Boxes with fewer players are filled up with players who change nothing.
    most, above = (np.full((len(boxes), players), always + closed) for closed in (0, 1))
    ratio, into = np.ones((len(boxes), players, 1)), np.zeros((len(boxes), players), dtype=np.intp)
    for at, box in enumerate(boxes):
        for player, (column, (low, high)) in enumerate(box.bounds.items()):
            most[at, player] = place.get((column, high), always)
            above[at, player] = place.get((column, low), always + 1)
            ratio[at, player, 0], into[at, player] = box.ratio[column], row_of[column]
    value = np.array([box.value for box in boxes])[:, None, None]
    found = value * shapley_values(held[most] & ~held[above], ratio)
    table = np.zeros((len(columns), len(lines)))
    np.add.at(table, into.ravel(), found.reshape(-1, len(lines)))
    return columns, table
