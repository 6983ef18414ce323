"""JSON documents as an extract: lines in a `.jsonl.gz` file whose end tells what was asked.

A gzip file is a row of members that unpack one after the other. The last one here is empty, and its header has the
record of the extract as its comment (RFC 1952, FCOMMENT). So rows and record are one file, as with the footer of
Parquet: a file that was cut has no record, and every reader of JSON lines sees the documents alone.
"""

import gzip
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import pyarrow as pa

from churn_assets.settings import filesystem
from churn_assets.sources.json_text import LONGEST_LINE, Number, json_text
from churn_assets.sources.live.errors import ExtractError

ENDING = ".jsonl.gz"
# A gzip header with a comment, without time and system; behind the comment an empty deflate stream.
START = b"\x1f\x8b\x08\x10\0\0\0\0\0\xffchurn_assets.extract:"
END = b"\0\x03\x00" + b"\0" * 8
LONGEST = 16 * 2**20  # bytes of a record
NAMES = (
    2**20
)  # characters of all names of members in a record; documents with ids as names have no end of them
CHUNK = 2**16


class DocumentDraft:
    """Documents of an extract in a folder of its own. Each keeps all of its members, so that no drift is lost."""

    ending = ENDING

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.rows = 0
        self._kinds: dict[str, str] = {}
        self._room = NAMES
        fs, path = filesystem(folder)
        fs.create_dir(path)
        self._out = fs.open_output_stream(f"{path}/whole{ENDING}", compression=None)
        self._lines = gzip.GzipFile("", "wb", 6, self._out, mtime=0)

    def add(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Adds documents; values are those of JSON, and numbers may be `Number`, which are written as they are.

        Half of a surrogate pair is written as JSON escapes it; its document goes to the quarantine.

        Raises:
            ExtractError: a document is nested too deeply, or larger than what bronze reads.
        """
        for document in documents:
            try:
                line = json_text(document).encode(errors="backslashreplace")
            except RecursionError:
                raise ExtractError(
                    "A document is nested too deeply to be read. Have the service give flatter ones."
                ) from None
            if len(line) > LONGEST_LINE:
                raise ExtractError(
                    f"A document has more than {LONGEST_LINE / 2**20:.0f} MiB. Leave its large members out."
                )
            self.add_line(line, document)

    def add_line(self, line: bytes, document: Mapping[str, Any]) -> None:
        """Adds a line without its end as it is; `document` is what it holds, empty if it is no document."""
        self._lines.write(line)
        self._lines.write(b"\n")
        self.rows += 1
        for name, value in document.items():
            if name not in self._kinds:
                if len(name) > self._room:
                    continue
                self._room -= len(name)
            kind = kind_of_value(value)
            before = self._kinds.get(name, "nothing")
            self._kinds[name] = kind if before in ("nothing", kind) else _both(before, kind)

    def kinds(self) -> dict[str, str]:
        """Member -> what its values are; of the first members alone if their names are more than NAMES."""
        return dict(self._kinds)

    def finish(self, record: bytes) -> str:
        """Ends the draft; returns the path or URI of its one file, which ends with this record (ASCII)."""
        self._lines.close()
        self._out.write(START + record + END)
        self._out.close()
        return f"{self.folder}/whole{ENDING}"

    def close(self) -> None:
        """Closes its files; who made the folder removes it."""
        with suppress(OSError, ValueError):
            self._lines.close()
            self._out.close()


def _both(one: str, other: str) -> str:
    if other == "nothing":
        return one
    return "a number" if {one, other} <= {"an integer", "a number"} else "values of several kinds"


def kind_of_value(value: Any) -> str:
    """Returns what a value of JSON is, in a word."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes or no"
        case Number():
            return "an integer" if value.lstrip("-").isdigit() else "a number"
        case int():
            return "an integer"
        case float():
            return "a number"
        case str():
            return "text"
        case dict():
            return "an object"
    return "a list"


def record_of(file: pa.NativeFile) -> bytes | None:
    """Returns the record at the end of a file; None if it has none, such as one that was cut."""
    size, taken = file.size(), CHUNK
    while True:
        file.seek(max(size - taken, 0))
        tail = bytes(file.read())
        if not tail.endswith(END):
            return None
        if (place := tail.rfind(START)) >= 0:
            return tail[place + len(START) : -len(END)]
        if taken >= min(size, LONGEST):
            return None
        taken *= 16
