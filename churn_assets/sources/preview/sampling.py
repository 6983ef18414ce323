"""Which files are looked at, and their first rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa

from churn_assets.contracts.source import Source
from churn_assets.sources.delivered_columns import delivered_columns
from churn_assets.sources.landing import ExtractFile
from churn_assets.sources.readers.delimited import read_csv
from churn_assets.sources.readers.json_lines import read_json_lines
from churn_assets.sources.readers.parquet import read_parquet

Item = TypeVar("Item")


@dataclass(frozen=True)
class FirstRows:
    """The first rows of a file.

    `names` are the delivered columns in file order, of JSON lines the fields of the contract; `types` those of Parquet.
    """

    file: ExtractFile
    names: tuple[str, ...]
    types: tuple[str, ...]
    rows: pa.Table


def spread(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many items, evenly spread, the first and the last among them; of one, the last."""
    if len(items) <= most:
        return list(items)
    if most == 1:
        return [items[-1]]
    step = (len(items) - 1) / (most - 1)
    return [items[round(at * step)] for at in range(most)]


def sample_file(source: Source, file: ExtractFile, most: int) -> FirstRows:
    """The first `most` rows of a file.

    Raises:
        LandingError: the file cannot be read; names file and remedy.
    """
    columns = delivered_columns(source, file)
    names, types = tuple(name for name, _ in columns), tuple(kind for _, kind in columns)
    if source.format == "csv":
        rows = _first(read_csv(source, file, len(columns)), most)
    elif source.format == "jsonl":
        names, types = source.fields, ("string",) * len(source.fields)
        rows = _first(read_json_lines(source, file), most)
    else:
        rows = _first(read_parquet(file), most)
    return FirstRows(file, names, types, rows)


def _first(tables: Iterable[pa.Table], most: int) -> pa.Table:
    taken: list[pa.Table] = []
    for table in tables:
        taken.append(table)
        if sum(t.num_rows for t in taken) >= most:
            break
    return pa.concat_tables(taken).slice(0, most) if taken else pa.table({})
