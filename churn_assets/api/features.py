"""Rows of a request as columns for the model, with all their mistakes named."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_assets.api.problems import ApiProblem, invalid
from churn_assets.api.served import Served
from churn_assets.api.whole_rows import FeatureColumns

NUMBERS = frozenset({int, float, bool, type(None)})
TEXTS = frozenset({str, type(None)})
NAMED, LONGEST = 100, 64  # so many unknown features are named, and so many characters of each


def columns_from_rows(served: Served, rows: Sequence[Any]) -> FeatureColumns:
    """Columns of rows of feature values; an absent feature is missing.

    Raises:
        ApiProblem: a row or a value is not of its kind; names the first place of each feature, never the value.
    """
    mistakes = [(f"rows.{at}", "must be an object") for at, row in enumerate(rows) if type(row) is not dict]
    if mistakes:
        raise invalid(mistakes)
    columns: dict[str, NDArray[Any]] = {}
    missing, by_name = _by_name(served.names, rows)
    for name, values in zip(served.names, by_name, strict=True):
        column = column_from(values, name in served.categories)
        if isinstance(column, str):
            mistakes.append((f"rows.{first_wrong(values, name in served.categories)}.{name}", column))
        else:
            columns[name] = column
    if mistakes:
        raise invalid(mistakes)
    unknown = set().union(*rows) - served.words.keys() - set(served.names)
    return FeatureColumns(columns, [name[:LONGEST] for name in sorted(unknown)[:NAMED]], missing)


def _by_name(
    names: Sequence[str], rows: Sequence[dict[str, Any]]
) -> tuple[list[list[str]], Iterable[Sequence[Any]]]:
    """Of each row the names that it lacks, and the values by name."""
    if len(names) > 1:
        with suppress(KeyError):  # most callers name every feature, and their values are taken out at once
            whole = list(map(itemgetter(*names), rows))
            return [[] for _ in rows], zip(*whole, strict=True)
    missing = [[name for name in names if name not in row] for row in rows]
    return missing, ([row.get(name) for row in rows] for name in names)


def column_from(values: Sequence[Any], is_category: bool) -> NDArray[Any] | str:
    """The values of one feature as a column, or what is wrong with them."""
    kinds = set(map(type, values))
    if is_category:
        if bool in kinds:  # snapshots hold truth values as these words
            values = [str(value).lower() if type(value) is bool else value for value in values]
            kinds = set(map(type, values))
        return np.array(values, dtype=object) if kinds <= TEXTS else "must be a text"
    if not kinds <= NUMBERS:
        return "must be a number"
    try:
        column = np.array(values, dtype=np.float64)
    except OverflowError:
        return "is too large a number"
    return "is too large a number" if np.isinf(column).any() else column  # such as 1e999


def first_wrong(values: Sequence[Any], is_category: bool) -> int:
    """Position of the first value that is not of the kind."""
    return next((at for at, v in enumerate(values) if isinstance(column_from([v], is_category), str)), 0)


def require_rows(rows: object, most: int) -> list[Any]:
    """The rows of a request.

    Raises:
        ApiProblem: there are none, or too many.
    """
    if not isinstance(rows, list) or not rows:
        raise invalid([("rows", "must be a list of at least one object")])
    if len(rows) > most:
        raise ApiProblem(413, f"{len(rows)} rows are too many; {most} are allowed at once.")
    return rows
