"""Infers the kind of each column of a flat file, and the values that a model can learn from."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from churn_assets.counts import counted
from churn_assets.inference.days import placeholders
from churn_assets.inference.days_by_row import DaysRead, dates
from churn_assets.inference.names_in_words import in_words
from churn_assets.inference.numerals import is_blank, is_code, numbers
from churn_assets.ml.portable.transformation import MINIMUM_CATEGORY_ROWS

Kind = Literal["number", "category", "date", "id", "constant", "empty", "sparse", "text", "codes"]
LEARNABLE: frozenset[Kind] = frozenset({"number", "category", "date"})
# A column is prose if its texts have this many words (median) and a larger share of them than this is distinct.
PROSE_WORDS, PROSE_DISTINCT = 4, 0.3
# A column of more than 20 texts is a category only if its frequent values cover at least this share of the rows.
COVERED_SHARE = 0.2
ID_DISTINCT = 0.99
# A column is sparse if fewer rows than this differ from its most frequent value, blanks included. In a file of more
# than MANY_COLUMNS columns to learn from, a column is sparse if a smaller share of the rows differ than MANY_SHARE:
# hundreds of nearly empty columns cost minutes and hold little.
LEAST_ROWS = 20
MANY_COLUMNS, MANY_SHARE = 100, 0.05
_ID_NAME = re.compile(
    r"(^|[^a-z])(id|nr|no|number|key|uuid|guid|msisdn|phone|email|mail|index|row|rownumber)$"
)


@dataclass(frozen=True)
class FileColumn:
    """One column with its inferred kind.

    Attributes:
        name: as in the header.
        kind: what it is; only LEARNABLE kinds have `values`.
        values: number: float64; category: pandas categorical; date: datetime64 UTC. Missing values are NaN or NaT.
        missing: number of rows without a value.
        distinct: number of different values.
        notes: how the values were interpreted, for the report.
        example: up to three values.
        doubt: what is ambiguous about the values, with the number of rows; empty if nothing is.
    """

    name: str
    kind: Kind
    values: pd.Series | None
    missing: int
    distinct: int
    notes: tuple[str, ...] = ()
    example: str = ""
    doubt: str = ""

    @property
    def words(self) -> str:
        """The name as words: `MonthlyCharges` becomes `monthly charges`."""
        return in_words(self.name)


def understand(name: str, column: pa.ChunkedArray, delimiter: str) -> FileColumn:
    """Infers the kind and the values of a column of texts.

    Args:
        column: texts as in the file.
        delimiter: see `numerals.numbers`.
    """
    rows = len(column)
    encoded = pc.dictionary_encode(pc.utf8_trim_whitespace(column)).combine_chunks()
    encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    texts, codes, missing = _without_blanks(encoded.dictionary, codes)
    base = FileColumn(name, "empty", None, missing, len(texts), example=_example(texts))
    if not len(texts):
        return base
    if len(texts) == 1 and not missing:
        return replace(base, kind="constant")
    found = None if is_code(texts) else dates(texts)
    if found is not None:
        return _dates(base, found, codes)
    read = None if is_code(texts) else numbers(texts, delimiter)
    if read is not None:
        values = np.append(read.values, np.nan)[codes]
        kind: Kind = "id" if _numbers_are_ids(name, values, len(texts), rows) else "number"
        kept = pd.Series(values) if kind == "number" else None
        lost = int(np.isnan(values).sum())
        return replace(base, kind=kind, values=kept, missing=lost, notes=read.notes)
    words = _texts(base, texts, codes, rows)
    if words.kind != "category":
        return words
    # In a category, `None` and `nil` are values (no offer, no second line), not blanks.
    texts, codes, missing = _without_blanks(
        encoded.dictionary, encoded.indices.to_numpy(), kept=("none", "nil")
    )
    return _texts(
        replace(base, missing=missing, distinct=len(texts), example=_example(texts)), texts, codes, rows
    )


def _without_blanks(
    dictionary: pa.Array, codes: np.ndarray, kept: Sequence[str] = ()
) -> tuple[pa.Array, np.ndarray, int]:
    """Returns the distinct texts without blanks, codes into them (-1: blank), and the number of blank rows.

    Args:
        kept: blank spellings (lower case) that count as texts.
    """
    blank = is_blank(dictionary) & ~pc.is_in(pc.utf8_lower(dictionary), pa.array(kept, pa.string())).to_numpy(
        zero_copy_only=False
    )
    position = np.where(blank, -1, np.cumsum(~blank) - 1)
    moved = position[codes]
    return dictionary.filter(pa.array(~blank)), moved, int((moved < 0).sum())


def _dates(base: FileColumn, found: DaysRead, codes: np.ndarray) -> FileColumn:
    days, notes = found.days, [found.words]
    rows = np.bincount(codes[codes >= 0], minlength=len(days))
    if lost := int(rows[days.isna() & ~found.either].sum()):
        notes.append(f"{counted(lost, 'impossible date')} read as missing")
    for_nothing = placeholders(days, rows)
    if for_nothing.any():
        shown = ", ".join(f"{day:%Y-%m-%d}" for day in sorted(days[for_nothing]))
        notes.append(
            f"{shown} means no date, read as missing in {counted(int(rows[for_nothing].sum()), 'row')}"
        )
        days = pd.DatetimeIndex(days.where(~for_nothing))
    doubt = f"{counted(int(rows[found.either].sum()), 'row')}: {found.doubt}" if found.doubt else ""
    values = pd.Series(_spread(days, codes))
    return replace(
        base, kind="date", values=values, missing=int(values.isna().sum()), notes=tuple(notes), doubt=doubt
    )


def _spread(days: pd.DatetimeIndex, codes: np.ndarray) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(days.append(pd.DatetimeIndex([pd.NaT], tz="UTC")))[codes]


def _numbers_are_ids(name: str, values: np.ndarray, distinct: int, rows: int) -> bool:
    """Returns True for whole numbers, distinct in nearly every row, that number the rows or have the name of an id."""
    present = values[~np.isnan(values)]
    if distinct < ID_DISTINCT * rows or (present != np.round(present)).any():
        return False
    return bool(_ID_NAME.search(in_words(name).lower()) or np.ptp(present) < 1.1 * rows)


def _texts(base: FileColumn, texts: pa.Array, codes: np.ndarray, rows: int) -> FileColumn:
    distinct, present = len(texts), rows - base.missing
    words = np.median(pc.count_substring_regex(texts.slice(0, 10_000), r"\S+").to_numpy(zero_copy_only=False))
    if words >= PROSE_WORDS and distinct > PROSE_DISTINCT * present:
        return replace(base, kind="text")
    if distinct >= ID_DISTINCT * present and present > MINIMUM_CATEGORY_ROWS:
        return replace(base, kind="id")
    counts = np.bincount(codes[codes >= 0], minlength=distinct)
    frequent = counts >= min(MINIMUM_CATEGORY_ROWS, 0.02 * rows)
    covered = counts[frequent].sum() / max(1, rows)
    if distinct > 20 and covered < COVERED_SHARE:
        return replace(base, kind="codes")
    notes: tuple[str, ...] = ()
    if distinct > 20:
        notes = (f"{distinct:,} values: only the most frequent are told apart",)
    values = pd.Series(pd.Categorical.from_codes(codes, categories=texts.to_pylist()))
    return replace(base, kind="category", values=values, notes=notes)


def _example(texts: pa.Array) -> str:
    shown = [str(text)[:30] for text in texts.slice(0, 3).to_pylist()]
    return ", ".join(shown) + (" …" if len(texts) > 3 else "")


LEFT_OUT_BECAUSE: dict[Kind, str] = {
    "id": "different in every row: it identifies the row and predicts nothing",
    "constant": "the same value in every row",
    "empty": "no values",
    "sparse": "almost the same in every row: too few rows differ to learn from",
    "text": "free text, which a study does not use",
    "codes": "too many values with too few rows each to learn from",
}


def without_sparse(columns: Sequence[FileColumn]) -> list[FileColumn]:
    """Returns the columns; those that are nearly empty, or nearly constant, become `sparse` and have no values."""
    many = sum(column.values is not None for column in columns) > MANY_COLUMNS
    return [
        replace(column, kind="sparse", values=None)
        if column.values is not None and _differing(column, column.values) < _least(column.values, many)
        else column
        for column in columns
    ]


def _least(values: pd.Series, many: bool) -> float:
    return max(LEAST_ROWS, MANY_SHARE * len(values)) if many else LEAST_ROWS


def _differing(column: FileColumn, values: pd.Series) -> int:
    """Returns how many rows differ from the most frequent value; exact if that value covers more than half."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        codes = values.cat.codes.to_numpy()
        most = int(np.bincount(codes[codes >= 0]).max())
    else:
        most = int((values == values.median()).sum())  # a value in more than half of the rows is the median
    return len(values) - max(column.missing, most)


def learnable(columns: Sequence[FileColumn], reference: pd.Series | None) -> pd.DataFrame:
    """Returns the features for the models: numbers, categories, and dates as days before a reference.

    Args:
        reference: time of observation per row; None takes the newest date of each column, roughly the day on which the
            file was made.
    """
    frame = {}
    for column in columns:
        if column.values is None:
            continue
        values = column.values
        if column.kind == "date":
            until = values.max() if reference is None else reference
            values = (until - values).dt.total_seconds() / 86_400
        frame[column.name] = values
    return pd.DataFrame(frame)
