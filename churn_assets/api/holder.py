"""Holds the release in force, and takes the next one while requests go on.

A new release is copied, verified and loaded beside the old one. Requests that have begun keep the release they began
with. A release that fails stays outside: the old one goes on, and readiness and metrics tell. It is tried again later,
because the cause may pass.
"""

import os
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from churn_assets.api.local_copy import is_whole, prepare
from churn_assets.api.served import Served
from churn_assets.durable import sync_folder
from churn_assets.lakehouse.engine.processes import only_one
from churn_assets.operations.log.writing import event
from churn_assets.serving.release.attempts import Attempts
from churn_assets.serving.release.manifest import ReleaseBroken
from churn_assets.serving.release.reading import current_release, local_copy, open_release
from churn_assets.serving.release.root import Pointer
from churn_assets.serving.release.verifying import verify
from churn_assets.settings import Settings

DRAFT = ".draft-"
LAST = "LAST"  # names the copy that was served last


@dataclass(frozen=True)
class NotTaken:
    """A release that was not taken, and why."""

    release: str
    why: str


class Holder:
    """The release that this worker serves.

    Attributes:
        served: it; None before the first.
        refused: the release that the pointer names, if it was refused.
        unreachable: why the pointer could not be read, else empty.
        swaps: how often another release was taken.
    """

    def __init__(self, settings: Settings) -> None:
        self._root = settings.releases_uri
        self._cache = settings.home_path / "api" / "releases"
        self._lock = threading.Lock()
        self._releases, self._copies = Attempts(), Attempts()
        self.served: Served | None = None
        self.refused: NotTaken | None = None
        self.unreachable = ""
        self.swaps = 0

    def look(self) -> None:
        """Takes the release that the pointer names, if it is another one. Blocks; no exception ends the watch."""
        with self._lock:
            try:
                pointer = current_release(self._root)
                if pointer is not None and self._releases.is_due(pointer):
                    self._take(pointer)
                self.unreachable = ""
            except ReleaseBroken as error:
                self._note_unreachable(str(error))
            except Exception as error:  # noqa: BLE001 (tried again at the next look)
                self._note_unreachable(f"The releases cannot be read ({type(error).__name__}).")
            if self.served is None:
                self._take_last()

    def _take(self, pointer: Pointer) -> None:
        try:
            served = Served(self._copy(pointer))
            served.require_golden()
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 (whatever is wrong with a release, the old one goes on)
            why = (
                str(error)
                if isinstance(error, ReleaseBroken)
                else f"It cannot be loaded ({type(error).__name__})."
            )
            found = NotTaken(pointer.name, why)
            if found != self.refused:
                event("release.refused", f"The release {pointer.name} is refused.", level=40, error=error)
            self.refused = found
            self._releases.note_failed(pointer)
            return
        self.swaps += self.served is not None
        self.served, self.refused = served, None
        self._releases.note_taken(pointer)
        event("release.taken", f"The release {pointer.name} is served.", release=pointer.name)

    def _copy(self, pointer: Pointer) -> Path:
        """The local copy, made by the first worker from a release that verifies; a damaged one is made again."""
        copy = self._cache / f"{pointer.name}-{pointer.manifest_sha256[:16]}"
        self._cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        with only_one(self._cache / ".lock"):
            if not is_whole(copy):
                shutil.rmtree(copy, ignore_errors=True)
                self._make(copy, pointer)
            last = self._cache / LAST
            if not last.is_file() or last.read_text() != copy.name:
                draft = self._cache / f"{DRAFT}{LAST}"
                draft.write_text(copy.name)
                draft.replace(last)
            self._prune(copy)
        return copy

    def _make(self, copy: Path, pointer: Pointer) -> None:
        for left in self._cache.glob(f"{DRAFT}*-*"):  # of workers that were killed
            shutil.rmtree(left, ignore_errors=True)
        downloads = Path(mkdtemp(prefix=f"{DRAFT}download-", dir=self._cache))
        draft = Path(mkdtemp(prefix=f"{DRAFT}copy-", dir=self._cache))
        try:
            release = open_release(local_copy(self._root, pointer, downloads))
            verify(release, pointer)
            prepare(release, draft)
            draft.rename(copy)
            sync_folder(self._cache)
        finally:
            shutil.rmtree(downloads, ignore_errors=True)
            shutil.rmtree(draft, ignore_errors=True)

    def _prune(self, copy: Path) -> None:
        """Keeps this copy and the newest of the others. Workers that still map a removed copy keep its files."""
        others = [
            f for f in self._cache.iterdir() if f.is_dir() and f != copy and not f.name.startswith(DRAFT)
        ]
        for old in sorted(others, key=os.path.getmtime)[:-1]:
            shutil.rmtree(old, ignore_errors=True)

    def _take_last(self) -> None:
        """Serves the copy that was served last: releases or their store may be out of reach."""
        if not self._copies.is_due(LAST):
            return
        try:
            folder = self._cache / (self._cache / LAST).read_text()
            if not is_whole(folder):
                raise ReleaseBroken(f"The local copy {folder.name} is damaged.")
            served = Served(folder)
            served.require_golden()
        except FileNotFoundError:
            return
        except Exception as error:  # noqa: BLE001 (the copy may be of another version of this software)
            event("release.refused", "The local copy cannot be served.", level=40, error=error)
            self._copies.note_failed(LAST)
            return
        self.served = served
        event("release.taken", f"The local copy of the release {served.name} is served.", release=served.name)

    def _note_unreachable(self, why: str) -> None:
        if why != self.unreachable:
            event("release.unreachable", why, level=30)
        self.unreachable = why
