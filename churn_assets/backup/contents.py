"""What a table holds, as a number: the same for the same rows, whatever their order, their files and their reader."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Words = NDArray[np.uint64]
NULL, SEED = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1B54A32D192ED03)


@dataclass(frozen=True)
class Digest:
    """Number of rows, and the checksum of their values as 16 hexadecimal digits."""

    rows: int
    checksum: str


def digest_of(batches: "Iterable[pa.RecordBatch]", columns: Sequence[str]) -> Digest:
    """The digest of rows that come in batches.

    Args:
        batches: with at least these columns.
        columns: their names, in any order.

    Raises:
        KeyError: a column is missing.
    """
    rows, total = 0, np.uint64(0)
    with np.errstate(over="ignore"):
        for batch in batches:
            words = np.full(batch.num_rows, SEED)
            for name in sorted(columns):
                words = _mixed(words * np.uint64(3) + _words(batch.column(name)))
            rows += batch.num_rows
            total = total + words.sum(dtype=np.uint64)
    return Digest(rows, f"{int(total):016x}")


def _mixed(words: Words) -> Words:
    """Bits of one word spread over all of it (splitmix64)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _words(column: "pa.Array") -> Words:
    """One word for each value of a column."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_floating(kind):
        found = pc.fill_null(column.cast(pa.float64()), 0.0).to_numpy(zero_copy_only=False).view(np.uint64)
    elif whole := _whole(kind):
        numbers = column
        for step in whole:
            numbers = numbers.cast(step)
        found = pc.fill_null(numbers, 0).to_numpy(zero_copy_only=False).astype(np.int64).view(np.uint64)
    else:
        found = _of_texts(column)
    words = _mixed(np.ascontiguousarray(found))
    if column.null_count:
        words = np.where(column.is_null().to_numpy(zero_copy_only=False), NULL, words)
    return words


def _whole(kind: "pa.DataType") -> "list[pa.DataType]":
    """The casts that make whole numbers of a type; empty for other types."""
    import pyarrow as pa

    if pa.types.is_timestamp(kind):
        return [pa.timestamp("us", kind.tz), pa.int64()]
    if pa.types.is_date(kind):
        return [pa.date32(), pa.int32(), pa.int64()]
    return [pa.int64()] if pa.types.is_integer(kind) or pa.types.is_boolean(kind) else []


def _of_texts(column: "pa.Array") -> Words:
    """Words of texts, decimals and lists: of each different value once."""
    import pyarrow as pa
    from pandas.util import hash_array

    if pa.types.is_nested(column.type):
        column = pa.array(
            [None if value is None else repr(value) for value in column.to_pylist()], pa.string()
        )
    encoded = column.cast(pa.string()).dictionary_encode()
    texts = np.array([*encoded.dictionary.to_pylist(), ""], dtype=object)
    places = encoded.indices.fill_null(len(texts) - 1).to_numpy(zero_copy_only=False)
    found: Words = hash_array(texts, categorize=False)[places]
    return found
