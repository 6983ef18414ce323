"""Temporary folders for files that Spark reads once to compute a table."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from uuid import uuid4

from churn_assets.lakehouse.engine.profiles import is_local
from churn_assets.lakehouse.engine.scratch import scratch_folder
from churn_assets.settings import Settings, filesystem

log = logging.getLogger(__name__)

STAGING = "_staging"  # below the lake
LEFT_SECONDS = 7 * 24 * 3600  # no run takes as long


@contextmanager
def staging(settings: Settings, run_id: str) -> Iterator[str]:
    """A new folder, as a path or URI that Spark can read; it is removed at the end, also after an error.

    It is in this process's scratch folder, or below the lake when Spark runs on a cluster, whose machines can read
    only the lake.
    """
    if is_local(settings.spark_master):
        above = str(scratch_folder(settings) / "staged")
    else:
        above = f"{settings.lake_uri}/{STAGING}"
    location = f"{above}/{run_id}-{uuid4().hex[:8]}"
    fs, folder = filesystem(location)
    fs.create_dir(folder)
    try:
        yield location
    finally:
        try:
            fs.delete_dir(folder)
        except OSError as error:
            log.warning("%s stays until the next tidying: %s", location, error)


def remove_leftovers(settings: Settings) -> int:
    """Removes staging folders that killed runs left below the lake; the next start of Spark removes scratch folders.

    Returns:
        Number of removed files.
    """
    from pyarrow.fs import FileSelector

    fs, root = filesystem(f"{settings.lake_uri}/{STAGING}")
    files: dict[str, list[float]] = {}
    for info in fs.get_file_info(FileSelector(root, allow_not_found=True, recursive=True)):
        [run, *_] = PurePosixPath(info.path).relative_to(root).parts
        times = files.setdefault(run, [])
        if info.is_file:
            times.append((info.mtime_ns or 0) / 1e9)
    old = [run for run, times in files.items() if max(times, default=0) < time.time() - LEFT_SECONDS]
    for run in old:
        fs.delete_dir(f"{root}/{run}")
    return sum(len(files[run]) for run in old)
