"""Reads the body of most callers, whose rows name every feature, without an object of Python per value and name."""

from collections.abc import Sequence, Set
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

Number, Text = float | bool | None, str | None


class FeatureColumns(NamedTuple):
    """Rows as columns.

    Attributes:
        columns: as `Transformation.matrix` reads them.
        unknown: names in the rows that the model does not know.
        missing: of each row the features that it does not name.
    """

    columns: dict[str, NDArray[Any]]
    unknown: list[str]
    missing: list[list[str]]


class WholeRows:
    """Reads bodies of the form {"rows": [...]}."""

    def __init__(self, names: Sequence[str], categories: Set[str]) -> None:
        """Takes the features of the model, and which of them are texts."""
        self._numbers = [name for name in names if name not in categories]
        self._texts = [name for name in names if name in categories]
        kinds = [(name, Number) for name in self._numbers] + [(name, Text) for name in self._texts]
        fields = {
            f"f{at}": name for at, (name, _) in enumerate(kinds)
        }  # a name may be no identifier of Python
        row = msgspec.defstruct(
            "Row",
            [(field, kind) for field, (_, kind) in zip(fields, kinds, strict=True)],
            rename=fields,
            forbid_unknown_fields=True,
            gc=False,
        )
        body = msgspec.defstruct("Body", [("rows", list[row])])  # type: ignore[valid-type]
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(body)

    def columns(self, body: bytes, most: int) -> FeatureColumns | None:
        """The columns of at most so many rows.

        None where a row lacks a feature, names another one or has a value of another kind, where there are no rows or
        too many, and where the body is no JSON: the reader of all bodies tells what is wrong, or goes on without it.
        """
        try:
            rows = self._decoder.decode(body).rows
        except msgspec.DecodeError:
            return None
        if not 0 < len(rows) <= most:
            return None
        values, numbers = list(map(msgspec.structs.astuple, rows)), len(self._numbers)
        table = np.array([row[:numbers] for row in values], dtype=np.float64)
        if np.isinf(table).any():  # such as 1e999
            return None
        found: dict[str, NDArray[Any]] = dict(zip(self._numbers, np.ascontiguousarray(table.T), strict=True))
        for at, name in enumerate(self._texts, start=numbers):
            found[name] = np.array([row[at] for row in values], dtype=object)
        return FeatureColumns(found, [], [[] for _ in rows])
