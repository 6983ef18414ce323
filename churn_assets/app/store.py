"""The release in force, read by DuckDB: its tables are views of the same names."""

import shutil
import threading
from collections.abc import Sequence, Set
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from churn_assets.lakehouse.engine.processes import only_one
from churn_assets.operations.log.writing import event
from churn_assets.serving.release.attempts import Attempts
from churn_assets.serving.release.manifest import CurrentDay, Manifest, ReleaseBroken, table_path
from churn_assets.serving.release.reading import (
    Release,
    current_release,
    local_copy,
    open_release,
)
from churn_assets.serving.release.root import Pointer
from churn_assets.serving.release.verifying import verify
from churn_assets.settings import Settings

THE_POINTER = "the pointer"  # an attempt to read it


class ReleaseStore:
    """A release as DuckDB views. Several readers may ask at once: each call has a cursor of its own.

    Attributes:
        release: the release.
    """

    def __init__(self, release: Release) -> None:
        self.release = release
        self._connection = duckdb.connect(":memory:")
        self._connection.execute("SET TimeZone = 'UTC'")
        for name in release.tables:
            file = str(release.folder / table_path(name)).replace("'", "''")
            self._connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{file}')")

    @property
    def manifest(self) -> Manifest:
        """What the release says of itself."""
        return self.release.manifest

    @cached_property
    def as_of(self) -> date:
        """The day of the newest scores."""
        return date.fromisoformat(self.manifest.about.as_of_date)

    @property
    def current(self) -> CurrentDay | None:
        """The current scores; None where `why_absent("current_scores")` says why there are none."""
        return self.manifest.about.current

    @cached_property
    def morning(self) -> date | None:
        """The day of the current scores; None without any."""
        return None if self.current is None else date.fromisoformat(self.current.as_of_date)

    @property
    def day(self) -> date:
        """The day of the scores that lists of customers show: the current ones, else those of the month end."""
        return self.morning or self.as_of

    @cached_property
    def business(self) -> dict[str, Any]:
        """Name, currency, windows, label, eligibility and segments of the business."""
        return self.release.business

    @cached_property
    def catalogue(self) -> dict[str, Any]:
        """Table -> its grain and its columns with meaning and unit."""
        return self.release.catalogue

    def has(self, table: str) -> bool:
        """Whether the release holds a table."""
        return self.release.has(table)

    def why_absent(self, table: str) -> str:
        """Why the release does not hold a table."""
        return self.manifest.absent.get(table, "the release was made without them")

    def frame(self, sql: str, parameters: Sequence[object] = ()) -> pd.DataFrame:
        """The result of a query as a frame. Values of readers go into `parameters`, never into the text."""
        with self._connection.cursor() as cursor:
            found: pd.DataFrame = cursor.execute(sql, list(parameters)).df()
        return found

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
        """The result of a query as dictionaries with Python's own values; null is None."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql, list(parameters))
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


class ReleaseHolder:
    """The store of the release in force. A run of a page keeps the store that it began with.

    Attributes:
        trouble: why the newest release was not taken, else empty; the former one goes on.
    """

    def __init__(self, settings: Settings) -> None:
        self._root = settings.releases_uri
        self._cache = settings.home_path / "app" / "releases"
        self._lock = threading.Lock()
        self._pointer: Pointer | None = None
        self._store: ReleaseStore | None = None
        self._attempts = Attempts()
        self.trouble = ""

    def store(self) -> ReleaseStore | None:
        """The store of the release in force; None before the first release, or while none can be read."""
        waits = self._store is None
        if self._lock.acquire(
            blocking=waits
        ):  # while one reader takes a new release, others go on with the old one
            try:
                self._look()
            finally:
                self._lock.release()
        return self._store

    def _look(self) -> None:
        if not self._attempts.is_due(THE_POINTER):
            return
        tried: Pointer | str = THE_POINTER
        try:
            pointer = current_release(self._root)
            if pointer is None or pointer == self._pointer:
                self.trouble = ""
                self._attempts.note_taken(pointer)
            elif self._attempts.is_due(tried := pointer):
                self._take(pointer)
                self._attempts.note_taken(pointer)
        except (ReleaseBroken, OSError, duckdb.Error) as error:
            self.trouble = (
                str(error)
                if isinstance(error, ReleaseBroken)
                else f"The newest release cannot be read ({type(error).__name__})."
            )
            self._attempts.note_failed(tried)
            event("app.release_refused", "The newest release is not shown.", level=40, error=error)

    def _take(self, pointer: Pointer) -> None:
        former = self._pointer
        self._store, self._pointer = ReleaseStore(self._opened(pointer)), pointer
        self.trouble = ""
        self._forget(keep={pointer.name, former.name if former else ""})
        event("app.release_taken", f"The page shows {pointer.name}.", release=pointer.name)

    def _forget(self, keep: Set[str]) -> None:
        """Removes local copies of older releases; readers of the former one may still be at work."""
        for copy in self._cache.iterdir():
            if copy.is_dir() and copy.name not in keep:
                shutil.rmtree(copy, ignore_errors=True)

    def _opened(self, pointer: Pointer) -> Release:
        self._cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        with only_one(self._cache / ".lock"):
            release = open_release(Path(local_copy(self._root, pointer, self._cache)))
            verify(release, pointer)
        return release
