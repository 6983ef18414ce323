"""Writes files so that they survive a crash: a reader sees the former content or the new one, never a part."""

import os
from pathlib import Path


def replace_file(file: Path, content: bytes, mode: int = 0o600) -> None:
    """Makes or replaces a file. When it returns, the new content survives a loss of power.

    The caller lets nobody else write the same file meanwhile. A killed process leaves the draft `.<name>.draft`, which
    the next call replaces.

    Args:
        file: in a folder that exists.
        content: all of it.
        mode: permissions, less the umask.

    Raises:
        OSError: it cannot be written; the former content stays.
    """
    draft = file.with_name(f".{file.name}.draft")
    draft.unlink(missing_ok=True)
    try:
        with open(draft, "xb", opener=lambda path, flags: os.open(path, flags, mode)) as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        draft.replace(file)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def write_synced(file: Path, content: bytes) -> None:
    """Writes a file and waits until it is on the disk."""
    with file.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())


def sync_file(file: Path) -> None:
    """Waits until a written file is on the disk."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())


def sync_folder(folder: Path) -> None:
    """Waits until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
