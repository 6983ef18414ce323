"""Delivered text as UTF-8, and its CSV rows together with their original text."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO, NamedTuple

REPLACED = "\ufffd"  # replaces bytes that do not decode
BYTE_ORDER_MARK = "\ufeff"
CARRIAGE_RETURN = "\ufdd0"  # a noncharacter: Unicode reserves it for internal use
LINE_END = re.compile("\r\n|\r|\n")
ALONE = re.compile(r"\r(?!\n)")
READ_BYTES = 4 * 2**20  # one request to an object store
LONGEST_LINE = 32 * 2**20  # characters; the rest of a longer line is not read


class Utf8(io.RawIOBase):
    """The text of a binary file as UTF-8, without its byte order mark and with its line breaks unchanged.

    REPLACED replaces bytes that do not decode. `ending` is added at the end.
    """

    def __init__(self, file: BinaryIO, encoding: str, ending: str = "") -> None:
        super().__init__()
        self._file, self._ending = file, ending
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._rest = memoryview(b"")
        self._begun = self._ended = False

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
        text = self._decoder.decode(block, final=self._ended)
        if text and not self._begun:
            text, self._begun = text.removeprefix(BYTE_ORDER_MARK), True
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
        self, file: BinaryIO, encoding: str, ending: str = "", instead: Mapping[str, str] | None = None
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
