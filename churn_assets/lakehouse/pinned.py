"""One version of a table on this machine: which files it consists of, and its rows by two readers.

The readers share neither code for Parquet nor for columns: what one of them misreads, the other tells.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from churn_assets.lakehouse.catalogue.table import types_of_schema

if TYPE_CHECKING:
    import pyarrow as pa

LOG = "_delta_log"
OF_VERSION = re.compile(r"(\d{20})\.")


class VersionUnreadable(RuntimeError):
    """A version of a table cannot be read; the message says why."""


def newest(folder: Path) -> int | None:
    """The version of the newest commit; None where there is no table."""
    found = [int(file.stem) for file in (folder / LOG).glob("*.json") if OF_VERSION.match(file.name)]
    return max(found, default=None)


def data_files(folder: Path, version: int) -> list[str]:
    """Paths of the files with the rows of a version, relative to the table.

    Raises:
        VersionUnreadable: the log cannot be read.
    """
    import pyarrow as pa

    actions = pa.table(_table(folder, version).get_add_actions())
    return [unquote(path) for path in actions["path"].to_pylist()]  # the log URL-encodes paths


def log_files(folder: Path, version: int) -> list[str]:
    """Paths of the log up to a version, its checkpoints included, relative to the table."""
    names = (file.name for file in (folder / LOG).iterdir() if file.is_file())
    dated = ((OF_VERSION.match(name), name) for name in sorted(names))
    return [f"{LOG}/{name}" for found, name in dated if found and int(found[1]) <= version]


def types(folder: Path, version: int) -> dict[str, str]:
    """Column -> Delta type.

    Raises:
        VersionUnreadable: the log cannot be read.
    """
    return types_of_schema(_table(folder, version).schema().to_json())


def by_arrow(folder: Path, version: int) -> "Iterator[pa.RecordBatch]":
    """The rows of a version, read by Arrow as the product itself does.

    Raises:
        VersionUnreadable: the log cannot be read, or a file is missing or damaged.
    """
    import pyarrow as pa
    from pyarrow import fs

    local = fs.SubTreeFileSystem(str(folder), fs.LocalFileSystem())
    try:
        yield from _table(folder, version).to_pyarrow_dataset(filesystem=local).to_batches()
    except (OSError, pa.ArrowException) as error:
        raise VersionUnreadable(f"Arrow cannot read it ({type(error).__name__}: {error})") from error


def by_datafusion(folder: Path, version: int) -> "Iterator[pa.RecordBatch]":
    """The rows of a version, read by DataFusion.

    Raises:
        VersionUnreadable: the log or a file cannot be read.
    """
    import pyarrow as pa
    from deltalake import QueryBuilder

    try:
        asked = QueryBuilder().register("pinned", _table(folder, version)).execute("SELECT * FROM pinned")
        for batch in asked:
            yield pa.record_batch(batch)
    except VersionUnreadable:
        raise
    except Exception as error:
        raise VersionUnreadable(f"DataFusion cannot read it ({type(error).__name__}: {error})") from error


def _table(folder: Path, version: int):  # type: ignore[no-untyped-def]
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        return DeltaTable(str(folder), version=version)
    except (DeltaError, OSError) as error:
        raise VersionUnreadable(f"the log of its version {version} cannot be read") from error
