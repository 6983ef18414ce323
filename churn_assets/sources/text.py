"""Delivered text as UTF-8, and its CSV rows together with the characters that they were written in."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO, NamedTuple

REPLACED = "\ufffd"  # what stands in place of bytes that do not decode
BYTE_ORDER_MARK = "\ufeff"
CARRIAGE_RETURN = "\ufdd0"  # Unicode keeps this one for uses inside of programs
LINE_END = re.compile("\r\n|\r|\n")
ALONE = re.compile(r"\r(?!\n)")
READ_BYTES = 4 * 2**20  # an object store answers a request for each
LONGEST_LINE = 32 * 2**20  # characters; what follows in a longer line is not read


class Utf8(io.RawIOBase):
    """The text of a binary file as UTF-8, without its byte order mark, line breaks as they are.

    Bytes that do not decode are marked by REPLACED. `ending` is added at the end.
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
        """Fills the target, as far as one decoded block goes; 0 at the end."""
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
    """A CSV text as UTF-8, in which CARRIAGE_RETURN stands for each \\r that is no line end.

    That is a \\r without \\n in a file whose first line does not end so.

    Args:
        file: what is read.
        encoding: its encoding.
        ending: added at the end.
        instead: further characters that are replaced, and by what.
    """

    def __init__(
        self, file: BinaryIO, encoding: str, ending: str = "", instead: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(file, encoding, ending)
        self._instead = instead or {}
        self._held = ""  # a \r of which the next block tells what it is
        self._line_end: str | None = None

    def _next(self) -> str:
        text = self._held + super()._next()
        self._held = ""
        if text.endswith("\r"):
            # at the end it is a line end for sure
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
        line: where it begins, counted from 1.
        lines: how many lines it takes.
        text: as written, with its line end.
        values: as read.
    """

    line: int
    lines: int
    text: str
    values: list[str]


def csv_rows(text: io.TextIOBase, delimiter: str, longest: int) -> Iterator[Row]:
    """The rows of a CSV text.

    A row that still goes on after `longest` characters is told as far as it was read, and is the last: a quote opens
    a field that does not close.
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
