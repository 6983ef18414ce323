"""Parquet files as Arrow tables, with bounded memory however large the file is."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from churn_assets.settings import filesystem
from churn_assets.sources.landing import ExtractFile, LandingError
from churn_assets.sources.readers.added_columns import ROW_NUMBER

ROWS = 64 * 1024
BUFFER = 2**20  # bytes of a column that are read at once
# Arrow types that engines do not read -> types that replace them.
INSTEAD = {pa.null(): pa.string(), pa.float16(): pa.float32()}


def read_parquet(file: ExtractFile) -> Iterator[pa.Table]:
    """The rows of a file: typed columns "1", "2", ... by position, and `row_number` from 1.

    Raises:
        LandingError: the file is broken.
    """
    fs, path = filesystem(file.path)
    told = 0
    with fs.open_input_file(path) as handle:
        try:
            for batch in pq.ParquetFile(handle, buffer_size=BUFFER).iter_batches(ROWS):
                values = [_for_engines(column) for column in batch.columns]
                numbers = pa.array(np.arange(told + 1, told + batch.num_rows + 1))
                names = [*(str(place) for place in range(1, len(values) + 1)), ROW_NUMBER]
                told += batch.num_rows
                yield pa.table([*values, numbers], names)
        except (pa.ArrowException, OSError) as error:
            raise LandingError(
                f"{file.name} is not a readable Parquet file: {error}. Deliver it again."
            ) from error


def _for_engines(column: pa.Array) -> pa.Array:
    """The column in a type that engines read; times of day, UUIDs and decimals of more than 38 digits become text."""
    kind = column.type
    if isinstance(kind, pa.UuidType):
        return pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())
    if pa.types.is_time(kind) or pa.types.is_decimal256(kind):
        return column.cast(pa.string())
    return column.cast(INSTEAD.get(kind, kind))
