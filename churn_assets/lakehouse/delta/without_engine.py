"""What delta-rs does without the engine: it reads tables as Arrow data, writes small reports, and deletes old files."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn_assets.lakehouse.delta.draft import Refused, TablePlace
from churn_assets.settings import is_uri

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds

# Opening a table reads its log, and each first scan the footers of its files. A release asks some tables twenty times.
KEPT_OPEN = 64


def dataset(uri: str) -> "ds.Dataset":
    """The current version of a table."""
    if is_uri(uri):
        return _opened(uri)
    log = max(Path(uri, "_delta_log").glob("*.json"), default=None)  # names are numbers of equal length
    if log is None:
        return _opened(uri)  # raises
    found = log.stat()
    return _opened_once(uri, log.name, found.st_ino, found.st_mtime_ns)


@lru_cache(maxsize=KEPT_OPEN)
def _opened_once(uri: str, commit: str, inode: int, changed: int) -> "ds.Dataset":
    """The version of the newest commit, which its file identifies, also where a table was deleted and made anew."""
    return _opened(uri)


def _opened(uri: str) -> "ds.Dataset":
    from deltalake import DeltaTable
    from pyarrow import fs

    # delta-rs by itself reads through Python; a reader thread that outlives the interpreter aborts the process
    local = None if is_uri(uri) else fs.SubTreeFileSystem(uri, fs.LocalFileSystem())
    return DeltaTable(uri).to_pyarrow_dataset(filesystem=local)


def size(uri: str) -> int:
    """Bytes of the files of the current version."""
    import pyarrow as pa
    from deltalake import DeltaTable

    return sum(pa.table(DeltaTable(uri).get_add_actions())["size_bytes"].to_pylist())


def committed_at(uri: str) -> datetime:
    """Time of the newest commit that wrote rows, UTC."""
    from deltalake import DeltaTable

    commits = DeltaTable(uri).history()
    newest = next(commit for commit in commits if not commit["operation"].startswith("VACUUM"))
    return datetime.fromtimestamp(newest["timestamp"] / 1000, UTC)


def write(
    place: TablePlace,
    rows: "pa.Table",
    slices: Mapping[str, Sequence[object]],
    says: Mapping[str, str],
    *,
    new: bool,
) -> None:
    """Commits rows in place of those in the slice.

    Args:
        place: the target.
        rows: the new rows.
        slices: column -> values; a row is in the slice when each of these columns has one of its values. With no
            column the rows are added.
        says: metadata of the commit.
        new: True when the table does not exist yet.

    Raises:
        Refused: `rows` holds rows outside the slice; nothing was committed.
    """
    from deltalake import CommitProperties, write_deltalake

    _require_inside(rows, slices)
    options: dict[str, Any] = {"mode": "append"}
    if slices and not new:
        options = {"mode": "overwrite", "predicate": _predicate(slices)}
    write_deltalake(
        place.uri,
        rows,
        partition_by=list(place.partition_by) or None,
        commit_properties=CommitProperties(custom_metadata=dict(says)),
        configuration=dict(place.configuration) if new else None,
        schema_mode=None if new else "merge",
        **options,
    )


def _require_inside(rows: "pa.Table", slices: Mapping[str, Sequence[object]]) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    for name, values in slices.items():
        allowed = pa.array(values, rows.schema.field(name).type)
        if rows.filter(pc.invert(pc.is_in(rows[name], allowed))).num_rows:
            raise Refused(f"rows outside the slice of {name}")


def _predicate(slices: Mapping[str, Sequence[object]]) -> str:
    listed = {name: ", ".join(f"'{value}'" for value in values) for name, values in slices.items()}
    return " AND ".join(f"{name} IN ({values})" for name, values in listed.items())


def vacuum(uri: str, keep_days: int) -> int:
    """Deletes the files that no version of the last `keep_days` days needs; returns their number."""
    from deltalake import DeltaTable

    current, hours = DeltaTable(uri), 24 * keep_days
    # keep_days may be less than the table's own retention of a week
    found = current.vacuum(hours, enforce_retention_duration=False, full=True)
    if not is_uri(uri):
        found = [file for file in found if Path(uri, file).exists()]  # it also lists files already gone
    if found:
        current.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True)
    return len(found)
