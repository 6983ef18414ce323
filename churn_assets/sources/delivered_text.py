"""Delivered text as UTF-8, and its CSV rows together with their original text."""

import codecs
import csv
import io
import re
import threading
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple, Protocol

REPLACED = "\ufffd"
# Replaces bytes that do not decode: what they are and where the first of them stands in the file, counted from 1.
UNDECODED = "\ufffd([0-9A-F]+)@([0-9]+)\ufffd"
BYTE_ORDER_MARK = "\ufeff"
CARRIAGE_RETURN = "\ufdd0"  # a noncharacter: Unicode reserves it for internal use
LINE_END = re.compile("\r\n|\r|\n")
ALONE = re.compile(r"\r(?!\n)")
READ_BYTES = 4 * 2**20  # one request to an object store
LONGEST_LINE = 32 * 2**20  # characters; the rest of a longer line is not read


class Bytes(Protocol):
    """A binary file that is open for reading."""

    def read(self, size: int, /) -> bytes:
        """At most so many of the next bytes; none at the end."""
        ...


_decoding = threading.local()  # `fed`: bytes that the decoder of this thread was given so far


@cache
def _marking() -> str:
    """The name of the error handler that replaces undecoded bytes by a text as UNDECODED describes it."""

    def mark(error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeDecodeError):
            raise error
        at = _decoding.fed - len(error.object) + error.start + 1
        return f"{REPLACED}{error.object[error.start : error.end].hex().upper()}@{at}{REPLACED}", error.end

    codecs.register_error("churn_assets.mark", mark)
    return "churn_assets.mark"


def undecoded(text: str) -> str:
    """The first bytes in a text that did not decode, in words; "" when all did."""
    found = re.search(UNDECODED, text)
    return f"{found[1]} at byte {int(found[2]):,}" if found else ""


class Utf8(io.RawIOBase):
    """The text of a binary file as UTF-8, without its byte order mark and with its line breaks unchanged.

    Bytes that do not decode become a text as UNDECODED describes it. `ending` is added at the end. At the end of the
    file, `has_line_end` is False if its last line has none.
    """

    def __init__(self, file: Bytes, encoding: str, ending: str = "") -> None:
        super().__init__()
        self._file, self._ending = file, ending
        self._decoder: Any = codecs.getincrementaldecoder(encoding)(_marking())
        self._rest = memoryview(b"")
        self._begun = self._ended = False
        self._fed = 0
        self.has_line_end = True

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, target: memoryview) -> int:  # type: ignore[override]
        """Copies at most the rest of one decoded block into the target; returns the number of bytes, 0 at the end."""
        while not self._rest and not self._ended:
            self._rest = memoryview(self._next().encode())
        size = min(len(target), len(self._rest))
        target[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def _next(self) -> str:
        block = self._file.read(READ_BYTES)
        self._ended = not block
        self._fed += len(block)
        _decoding.fed = self._fed
        text: str = self._decoder.decode(block, final=self._ended)
        if text and not self._begun:
            text, self._begun = text.removeprefix(BYTE_ORDER_MARK), True
        if text:
            self.has_line_end = text.endswith(("\n", "\r"))
        return text + self._ending if self._ended else text


class CsvUtf8(Utf8):
    """A CSV text as UTF-8, with CARRIAGE_RETURN in place of each \\r that is not a line end.

    A \\r without \\n is not a line end unless the first line of the file ends with one.

    Args:
        file: the binary file.
        encoding: its encoding.
        ending: added at the end.
        instead: further replacements: character -> replacement.
    """

    def __init__(
        self, file: Bytes, encoding: str, ending: str = "", instead: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(file, encoding, ending)
        self._instead = instead or {}
        self._held = ""  # a \r at the end of a block; the next block decides whether a \n follows
        self._line_end: str | None = None

    def _next(self) -> str:
        text = self._held + super()._next()
        self._held = ""
        if text.endswith("\r"):
            # at the end of the file it is always a line end
            text, self._held = (text + "\n", "") if self._ended else (text[:-1], "\r")
        if self._line_end is None and (found := LINE_END.search(text)):
            self._line_end = found[0]
        if self._line_end != "\r" and text.count("\r") > text.count("\r\n"):
            text = ALONE.sub(CARRIAGE_RETURN, text)
        for old, new in self._instead.items():
            text = text.replace(old, new)
        return text


class Row(NamedTuple):
    """A CSV row that is not blank.

    Attributes:
        line: number of its first line, from 1.
        lines: number of its lines.
        text: original text, with its line end.
        values: parsed values.
    """

    line: int
    lines: int
    text: str
    values: list[str]


def csv_rows(text: io.TextIOBase, delimiter: str, longest: int) -> Iterator[Row]:
    """The rows of a CSV text.

    A row longer than `longest` characters is returned as far as it was read and is the last one: it has a quote that
    does not close.
    """
    csv.field_size_limit(max(csv.field_size_limit(), longest + LONGEST_LINE))
    taken: list[str] = []

    def lines() -> Iterator[str]:
        size = 0
        while (not taken or size <= longest) and (line := text.readline(LONGEST_LINE)):
            size = len(line) + (size if taken else 0)
            taken.append(line)
            yield line
            if len(line) == LONGEST_LINE:
                return

    at = 1
    for values in csv.reader(lines(), delimiter=delimiter):
        if values:
            yield Row(at, len(taken), "".join(taken), values)
        at += len(taken)
        taken.clear()
