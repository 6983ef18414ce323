"""Finds columns that say the same as an earlier one: in another notation, unit or spelling."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.study.columns import FileColumn

# Two numbers (or dates) say the same if their ranks correlate at least so much, and nearly the same rows are missing.
SAME_CORRELATION, OTHER_MISSING = 0.9995, 0.001
COMPARED_ROWS = 5_000
# With more values, or in fewer rows each, values of one column meet one value each of another by chance.
MOST_VALUES, LEAST_ROWS_EACH = 50, 10


def same_columns(columns: Sequence[FileColumn]) -> dict[str, str]:
    """Returns column -> the first column that says the same: its values stand for the same values, or order rows alike.

    Args:
        columns: with values of the labelled rows only.
    """
    found: dict[str, str] = {}
    first_with: dict[bytes, str] = {}
    for column in columns:
        if column.values is not None and _repeats(column, len(column.values)):
            codes = pd.factorize(column.values)[
                0
            ]  # numbered by first appearance, so equal for other spellings
            name = first_with.setdefault(codes.tobytes(), column.name)
            if name != column.name:
                found[column.name] = name
    ordered = [c for c in columns if c.kind in ("number", "date") and c.distinct > 2 and c.name not in found]
    return found | _same_order([column.name for column in ordered], [_ranks(column) for column in ordered])


def _repeats(column: FileColumn, rows: int) -> bool:
    return 1 < column.distinct <= min(MOST_VALUES, rows / LEAST_ROWS_EACH)


def _ranks(column: FileColumn) -> NDArray[np.float64]:
    values = column.values
    assert values is not None  # noqa: S101  see same_columns
    rows = np.random.default_rng(0).permutation(len(values))[:COMPARED_ROWS]
    return np.asarray(values.iloc[rows].rank(), dtype=np.float64)


def _same_order(names: list[str], ranks: list[NDArray[np.float64]]) -> dict[str, str]:
    if len(names) < 2:
        return {}
    table = np.column_stack(ranks)
    missing = np.isnan(table)
    centred = np.where(missing, 0.0, table - np.nanmean(np.where(missing.all(axis=0), 0.0, table), axis=0))
    size = np.sqrt((centred**2).sum(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        alike = np.abs(centred.T @ centred) / np.outer(size, size) >= SAME_CORRELATION
    found: dict[str, str] = {}
    for at, name in enumerate(names):
        for before in range(at):
            if names[before] in found or not alike[before, at]:
                continue
            if (missing[:, before] != missing[:, at]).mean() <= OTHER_MISSING:
                found[name] = names[before]
                break
    return found
