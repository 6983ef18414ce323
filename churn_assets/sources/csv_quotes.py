"""Checks that the quotes of a CSV file close where they should.

A quote in the wrong place merges many rows into one field, and no later row count can detect it. Only a field with a
line break can contain other rows, so only files with such fields need this check.

A field is quoted when its first character is a quote. A doubled quote in a quoted field is text, and so is a quote in
an unquoted field (5" pipe).
"""

import re
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from churn_assets.contracts.source import Column, Source
from churn_assets.sources.delivered_text import Row, csv_rows
from churn_assets.sources.landing import ExtractFile, LandingError
from churn_assets.sources.open_extract import open_text

BLOCK = 16 * 2**20  # characters; no valid row is as long
REMEDY = "Close the quote, or double it where it is part of the text, and deliver the file again."
OPEN = "a quote opens a field that never closes"
CUT = "ends in the middle of row {row:,}: the file is cut off. Deliver it again."
DIGIT = re.compile(r"\d")
LINE_BREAK = re.compile("\r\n|\r|\n")


def check_quotes(source: Source, file: ExtractFile) -> None:
    """Reads a CSV file once, and a second time when a field is in doubt.

    A quoted field with line breaks is usually correct. It is refused when text follows its closing quote; when most of
    its lines are rows by the contract; or when it is large enough for a row and the file has a quote where RFC 4180
    allows none, because then the quotes of this field may be wrong, too.

    Raises:
        LandingError: a quote never closes, or a field contains other rows; names file, lines and remedy, never a value.
    """
    _Look(source, file).through()


class _Field(NamedTuple):
    """A field as written.

    Attributes:
        quoted: text between its quotes, with doubled quotes unchanged; None when it is not quoted.
        rest: text after the closing quote; the whole text when it is not quoted.
        closed: False when its quote does not close.
    """

    quoted: str | None
    rest: str
    closed: bool = True

    @property
    def line_breaks(self) -> int:
        return len(LINE_BREAK.findall(self.quoted or ""))

    @property
    def astray(self) -> bool:
        """True when it has a quote where RFC 4180 allows none."""
        return '"' in self.rest if self.quoted is None else bool(self.rest.strip())


class _Look:
    """The check of one file."""

    def __init__(self, source: Source, file: ExtractFile) -> None:
        self.source, self.file = source, file
        self.columns: list[Column | None] = []

    def through(self) -> None:
        roomy: Row | None = None  # the first row with line breaks that is large enough to contain another
        row: Row | None = None
        rows = -1  # the header does not count
        for row in self._rows():
            rows += 1
            if not self.columns:
                self.columns = self._declared(row.values)
            if row.lines > 1:
                self._refuse_other_rows(row)
                if roomy is None and self._has_room(row):
                    roomy = row
        if row:
            self._refuse_unclosed(row, rows)
        if roomy and (line := next(self._astray(), None)):
            what = f"a field may contain other rows, because the quote in line {line} is not allowed there"
            self._refuse(_lines(roomy), what)

    def _rows(self) -> Iterator[Row]:
        with open_text(self.source, self.file) as text:
            yield from csv_rows(text, self.source.delimiter, BLOCK)

    def _declared(self, header: list[str]) -> list[Column | None]:
        """The contract's column for each delivered one; None for a column that the contract does not declare."""
        declared = {name: c for c in self.source.columns for name in (*c.aliases, c.field)}
        return [declared.get(name.strip()) for name in header]

    def _refuse_unclosed(self, last: Row, number: int) -> None:
        """Only the last row can have a quote that does not close: the row contains everything after the quote."""
        line = line_of_open_quote(last, self.source.delimiter)
        if line is None:
            return
        *_, field = _fields(last.text, self.source.delimiter)
        if number and not field.line_breaks:
            raise LandingError(f"{self.file.name} {CUT.format(row=number)}")
        self._refuse(f"line {line}", f"{OPEN}, or the file is cut off there" if field.line_breaks else OPEN)

    def _refuse_other_rows(self, row: Row) -> None:
        fields = _fields(row.text, self.source.delimiter)
        for place, field in enumerate(fields):
            if not field.line_breaks or not field.closed or field.quoted is None:
                continue
            if field.astray:
                self._refuse(_lines(row), "text follows the closing quote of a field with line breaks")
            if self._are_rows(field.quoted, place, len(fields) - 1 - place):
                what = "one field contains whole rows (if that is meant, deliver JSON lines)"
                self._refuse(_lines(row), what)

    def _has_room(self, row: Row) -> bool:
        return row.text.count(self.source.delimiter) >= 2 * (len(self.columns) - 1)

    def _astray(self) -> Iterator[int]:
        """Line numbers of the rows with a quote where RFC 4180 allows none."""
        for row in self._rows():
            if '"' in row.text and any(f.astray for f in _fields(row.text, self.source.delimiter)):
                yield row.line

    def _are_rows(self, text: str, before: int, after: int) -> bool:
        """Whether most of a field's lines are rows by the contract; the first and last with the fields next to them.

        Most, not all, because sources contain bad rows.
        """
        rows: list[list[str | None]] = [
            [*line.split(self.source.delimiter)] for line in LINE_BREAK.split(text)
        ]
        rows[0][:0] = [None] * before
        rows[-1] += [None] * after
        first, *others = (self._is_row(row) for row in rows)
        return first and 2 * sum(others) > len(others)

    def _is_row(self, values: list[str | None]) -> bool:
        if len(values) != len(self.columns) or len(values) < 2:
            return False
        return all(_fits(value, column) for value, column in zip(values, self.columns, strict=True))

    def _refuse(self, lines: str, what: str) -> NoReturn:
        raise LandingError(f"{self.file.name}, {lines}: {what}. {REMEDY}")


def line_of_open_quote(last: Row, delimiter: str) -> int | None:
    """The line of the quote that opens a field of the last row and never closes; None if all its quotes close."""
    *before, field = _fields(last.text, delimiter)
    return None if field.closed else last.line + sum(f.line_breaks for f in before)


def _lines(row: Row) -> str:
    return f"lines {row.line} to {row.line + row.lines - 1}"


def _fields(row: str, delimiter: str) -> list[_Field]:
    """The fields of a row."""
    found: list[_Field] = []
    at = 0
    while True:
        quoted, rest = None, at
        if row.startswith('"', at):
            end = _closing(row, at)
            if end < 0:
                return [*found, _Field(row[at + 1 :], "", closed=False)]
            quoted, rest = row[at + 1 : end], end + 1
        at = row.find(delimiter, rest)
        if at < 0:
            return [*found, _Field(quoted, row[rest:].rstrip("\r\n"))]
        found.append(_Field(quoted, row[rest:at]))
        at += 1


def _closing(row: str, opening: int) -> int:
    """Position of the closing quote of the field whose opening quote is at `opening`; -1 when there is none."""
    at = row.find('"', opening + 1)
    while at >= 0 and row.startswith('"', at + 1):
        at = row.find('"', at + 2)
    return at


def _fits(value: str | None, column: Column | None) -> bool:
    """Whether a value can belong to the column. Prose does not fit: it has blanks after commas, and words for dates."""
    if value is None:
        return True
    if not value.strip():
        return column is None or not column.required
    if column is None or column.type in ("string", "boolean") or column.transform:
        return not value[0].isspace()
    return DIGIT.search(value) is not None
