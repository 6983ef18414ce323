"""Columns of the local copy: keys as bytes that can be searched, and columns in one piece."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def find(keys: NDArray[np.bytes_], wanted: str) -> int | None:
    """Position of a key among sorted keys; None if it is not there."""
    try:
        key = wanted.encode("ascii")
    except UnicodeEncodeError:
        return None
    place = int(np.searchsorted(keys, key))
    return place if place < len(keys) and keys[place] == key else None


def fixed_width(column: pa.ChunkedArray) -> NDArray[np.bytes_]:
    """Texts as bytes; keys of one length are not copied out of the mapped file."""
    array = in_one_piece(column)
    if len(array) and pa.types.is_string(array.type) and not array.null_count:
        _, offsets_buffer, data = array.buffers()
        offsets = np.frombuffer(offsets_buffer, np.int32)[array.offset : array.offset + len(array) + 1]
        widths = np.diff(offsets)
        if (widths == widths[0]).all() and widths[0]:
            whole = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]
            return whole.view(f"S{widths[0]}")
    return np.array(array.to_pylist(), dtype="S" if len(array) else "S1")


def in_one_piece(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece. One chunk stays in the mapped file; `combine_chunks` would copy it."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def coded(column: pa.Array) -> tuple[NDArray[np.int32], dict[str, int]]:
    """A column of texts as numbers, with the number of each text; -1 where there is none."""
    encoded = column.dictionary_encode()
    numbers = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return numbers, {text: at for at, text in enumerate(encoded.dictionary.to_pylist())}
