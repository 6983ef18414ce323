"""The files of the log: append-only JSON lines, one file per process, readable by their owner only.

A record is one write to the operating system, so that it survives the death of its process; errors are also synced to
the disk. A process that cannot write counts what it drops, and warns once.
"""

import json
import logging
import os
import socket
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from structlog.processors import JSONRenderer
from structlog.typing import EventDict

from churn_assets.operations.log.records import OURS, formatter

if TYPE_CHECKING:
    from churn_assets.operations.log.otlp import OtlpSender

LARGEST_FILE = 16 * 1024**2
KEPT_DAYS = 90
ENCODER = json.JSONEncoder(ensure_ascii=False, default=str)


class Spool(logging.Handler):
    """Writes records to a file of this process in `folder`; the file is made at the first record.

    Attributes:
        folder: of the files.
        resource: attributes of the process that every record holds.
        dropped: records that could not be written since the last one that was.
        sender: sends each record to a collector, too; None: nobody does.
    """

    def __init__(
        self,
        folder: Path,
        resource: dict[str, str],
        largest_file: int = LARGEST_FILE,
        sender: "OtlpSender | None" = None,
    ) -> None:
        super().__init__()
        self.sender = sender
        self.folder = folder
        self.resource = resource
        self.dropped = 0
        self._resource = orjson.Fragment(orjson.dumps(resource))  # once, and not for each record
        self._largest = largest_file
        self._file: int | None = None
        self._process = self._size = self._number = 0
        self._torn = self._warned = self._unsent = False
        self._busy = threading.local()
        # the sender comes before the file: a collector also gets what a full disk cannot hold
        self.setFormatter(formatter([self._with_dropped, self._sent, JSONRenderer(self._encoded)]))

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one record. Never raises."""
        if getattr(self._busy, "now", False) or not _wanted(record):
            return  # it was logged while a record is written, or tells of the daily life of a library
        self._busy.now = True
        try:
            self._write(self.format(record), synced=record.levelno >= logging.ERROR)
        except Exception as error:  # noqa: BLE001 (a defect in logging must not end a run)
            self._drop(error)
        finally:
            self._busy.now = False

    def close(self) -> None:
        """Closes the file. Whoever configures logging anew closes all handlers; the next record opens another file."""
        if self._file is not None and self._process == os.getpid():
            with suppress(OSError):
                os.close(self._file)
        self._file = None
        super().close()

    def _with_dropped(self, _: Any, __: str, found: EventDict) -> EventDict:
        if self.dropped:
            found["attributes"]["churn.log.dropped"] = self.dropped
        return found

    def _encoded(self, found: EventDict, **_: Any) -> str:
        found["resource"] = self._resource
        try:
            return orjson.dumps(found, default=str, option=orjson.OPT_APPEND_NEWLINE).decode()
        except TypeError:  # half a pair of surrogates, as in a file name that is no UTF-8, or a huge number
            found.update(timestamp=found["timestamp"].isoformat(), resource=self.resource)
            return f"{ENCODER.encode(found)}\n"

    def _write(self, line: str, synced: bool) -> None:
        content = line.encode(errors="replace")
        if self._torn:
            content = b"\n" + content
        file = self._open(len(content))
        written = os.write(file, content)
        self._size += written
        self._torn = written < len(content)
        if self._torn:
            raise OSError("the record was written in part")
        self.dropped, self._warned = 0, False
        if synced:
            os.fsync(file)

    def _sent(self, _: Any, __: str, found: EventDict) -> EventDict:
        """Hands a record to the sender. Never raises: what the sender refuses is in the file."""
        try:
            if self.sender is not None:
                self.sender.send(found)
        except Exception as error:  # noqa: BLE001 (a defect in logging must not end a run)
            if not self._unsent:
                self._unsent = True
                self._warn(
                    f"some records of the log cannot be sent: {type(error).__name__}. Their files hold them."
                )
        return found

    def _open(self, more: int) -> int:
        """The file of this process, with room for `more` bytes; a new one after a fork and when it is full."""
        forked = self._process != os.getpid()
        if self._file is not None and not forked and self._size + more <= self._largest:
            return self._file
        if self._file is not None and not forked:
            os.close(self._file)
        self._file = None
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._number = 1 if forked else self._number + 1
        self._process, self._size, self._torn = os.getpid(), 0, False
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{socket.gethostname()}-{self._process}-{self._number:04d}.jsonl"
        self._file = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL, 0o600)
        return self._file

    def _drop(self, error: Exception) -> None:
        self.dropped += 1
        if not self._warned:
            self._warned = True
            why = error.strerror if isinstance(error, OSError) else type(error).__name__
            self._warn(f"the log in {self.folder} cannot be written: {why}. Runs go on.")

    def _warn(self, what: str) -> None:
        with suppress(Exception):
            sys.stderr.write(f"Warning: {what}\n")


def _wanted(record: logging.LogRecord) -> bool:
    """Whether a record is ours, or at least a warning."""
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] == OURS


def forget(folder: Path, days: int = KEPT_DAYS) -> int:
    """Deletes the files of which nothing was written for so many days; returns their number."""
    limit, gone = time.time() - days * 86400, 0
    for file in folder.glob("*.jsonl"):
        with suppress(OSError):  # another process deletes it, too
            if file.stat().st_mtime < limit:
                file.unlink()
                gone += 1
    return gone
