"""The place where releases lie, on this machine or in an object store, and the pointer to the one in force."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import pyarrow.fs as pafs

from churn_assets.durable import replace_file, sync_folder
from churn_assets.serving.release.manifest import MANIFEST, NAME, ReleaseBroken
from churn_assets.settings import filesystem, is_uri

POINTER, STATUS, IDENTITY, LIVE = "CURRENT.json", "STATUS.json", "identity.bin", "LIVE.json"
RELEASES = "releases"
HALF_WRITTEN, HALF_REMOVED = ".writing-", ".removing-"
READABLE = 0o666  # less the umask, as any file


@dataclass(frozen=True)
class Pointer:
    """Names the release in force, and the SHA-256 of its manifest."""

    name: str
    manifest_sha256: str


class Root:
    """The folder or URI below which the releases lie. A write is seen whole or not at all."""

    def __init__(self, location: str) -> None:
        self.location = location
        self.local = None if is_uri(location) else Path(location)

    def read(self, name: str) -> bytes | None:
        """Content of a file at the root; None when there is none."""
        try:
            if self.local is not None:
                return (self.local / name).read_bytes()
            store, base = filesystem(self.location)
            with store.open_input_stream(f"{base}/{name}") as stream:
                content: bytes = stream.read()
                return content
        except FileNotFoundError:
            return None

    def replace(self, name: str, content: bytes) -> None:
        """Replaces a file at the root: readers see the former content or the new one."""
        if self.local is None:
            store, base = filesystem(self.location)
            with store.open_output_stream(f"{base}/{name}") as stream:  # an object appears when it is closed
                stream.write(content)
            return
        self.local.mkdir(parents=True, exist_ok=True)
        replace_file(self.local / name, content, READABLE)

    def names(self) -> list[str]:
        """Names of the whole releases, oldest first."""
        if self.local is not None:
            found = [file.parent.name for file in (self.local / RELEASES).glob(f"*/{MANIFEST}")]
        else:
            store, base = filesystem(self.location)
            wanted = pafs.FileSelector(f"{base}/{RELEASES}", recursive=True, allow_not_found=True)
            paths = [Path(info.path) for info in store.get_file_info(wanted)]
            found = [path.parent.name for path in paths if path.name == MANIFEST]
        return sorted(name for name in found if NAME.fullmatch(name))

    @contextmanager
    def draft(self, name: str) -> Iterator[Path]:
        """A folder on this machine to write a release in; on the file system of a local root, so that it can be moved.

        It is removed unless it has been taken in.
        """
        if self.local is None:
            with TemporaryDirectory(prefix="release_") as folder:
                yield Path(folder)
            return
        (self.local / RELEASES).mkdir(parents=True, exist_ok=True)
        _remove_leftovers(self.local)
        draft = Path(mkdtemp(prefix=f"{HALF_WRITTEN}{name}-", dir=self.local / RELEASES))
        draft.chmod(0o755)
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def take_in(self, draft: Path, name: str) -> None:
        """Makes a finished draft a release, which no pointer names yet."""
        if self.local is not None:
            sync_folder(draft)
            draft.rename(self.local / RELEASES / name)
            sync_folder(self.local / RELEASES)
            return
        store, base = filesystem(self.location)
        here = pafs.LocalFileSystem()
        files = sorted(str(f.relative_to(draft)) for f in draft.rglob("*") if f.is_file())
        for file in [
            *(f for f in files if f != MANIFEST),
            MANIFEST,
        ]:  # the manifest last: with it, it is whole
            target = f"{base}/{RELEASES}/{name}/{file}"
            store.create_dir(str(Path(target).parent), recursive=True)
            pafs.copy_files(str(draft / file), target, here, store)

    def folder(self, name: str, cache: Path) -> Path:
        """The folder of a release on this machine; of a release elsewhere a copy at `cache`/`name`.

        A copy that was begun is never taken for a whole one.

        Raises:
            ReleaseBroken: there is no such release.
        """
        if self.local is not None:
            folder = self.local / RELEASES / name
            if not folder.is_dir():
                raise ReleaseBroken(f"There is no release {name}.")
            return folder
        target = cache / name
        if target.is_dir():
            return target
        cache.mkdir(parents=True, exist_ok=True)
        draft = Path(mkdtemp(prefix=f"{HALF_WRITTEN}{name}-", dir=cache))
        store, base = filesystem(self.location)
        try:
            pafs.copy_files(f"{base}/{RELEASES}/{name}", str(draft), store, pafs.LocalFileSystem())
            draft.rename(target)
        except FileNotFoundError:
            raise ReleaseBroken(f"There is no release {name}.") from None
        except OSError:
            if not target.is_dir():  # else another process was quicker
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return target

    def remove(self, name: str) -> None:
        """Removes a release; half of it is never taken for a release."""
        if self.local is not None:
            folder = self.local / RELEASES / name
            gone = folder.with_name(f"{HALF_REMOVED}{name}")
            folder.rename(gone)
            shutil.rmtree(gone)
            return
        store, base = filesystem(self.location)
        store.delete_file(f"{base}/{RELEASES}/{name}/{MANIFEST}")
        store.delete_dir(f"{base}/{RELEASES}/{name}")

    def pointer(self) -> Pointer | None:
        """The release in force; None before the first.

        Raises:
            ReleaseBroken: the pointer cannot be read.
        """
        content = self.read(POINTER)
        if content is None:
            return None
        try:
            stored = json.loads(content)
            found = Pointer(str(stored["release"]), str(stored["manifest_sha256"]))
        except (ValueError, TypeError, KeyError):
            raise ReleaseBroken(f"{POINTER} cannot be read. Publish a release again.") from None
        if not NAME.fullmatch(found.name):
            raise ReleaseBroken(f"{POINTER} names no release. Publish a release again.")
        return found

    def point_to(self, pointer: Pointer) -> None:
        """Puts a release in force."""
        content = {"release": pointer.name, "manifest_sha256": pointer.manifest_sha256}
        self.replace(POINTER, json.dumps(content, indent=1).encode())


def _remove_leftovers(root: Path) -> None:
    """Removes what killed writers left; the caller holds the lock of the writers."""
    for start in (HALF_WRITTEN, HALF_REMOVED):
        for left in (root / RELEASES).glob(f"{start}*"):
            shutil.rmtree(left)
    for name in (POINTER, STATUS, IDENTITY):
        for file in root.glob(f".{name}.*"):
            file.unlink()
