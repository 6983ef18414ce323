"""Whether the quotes of a CSV file close where they should.

One that stands astray makes one row of many, and no later count can tell: the rows lie inside a field. So the text is
looked at before Spark reads it, by Spark's rules: a field is quoted when a quote is its first character, a doubled
quote in it is text, and so is a quote in a field that is not quoted (5" pipe).
"""

import io
import re
from dataclasses import dataclass
from functools import cache
from typing import NoReturn

from churn_assets.contracts.source import Column, Source
from churn_assets.sources.landing import ExtractFile, LandingError, open_text

BLOCK = 16 * 2**20  # characters; no honest row has as many
REMEDY = "Close the quote, or double it where it is part of the text, and deliver the file again."
DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class _Patterns:
    """Of one delimiter; the first two pass over many rows without a line break in a field at once.

    Attributes:
        tidy: the quoted fields are as RFC 4180 has them, the others without quotes.
        loose: fields as Spark takes them.
        row: one whole row, with line breaks in its fields or without.
        tidy_row: such a row when its quotes are tidy.
        opened: that row as far as its fields are closed.
        field: one field: what is quoted, what is not, what ends it.
    """

    tidy: re.Pattern[str]
    loose: re.Pattern[str]
    row: re.Pattern[str]
    tidy_row: re.Pattern[str]
    opened: re.Pattern[str]
    field: re.Pattern[str]


@cache
def _patterns(delimiter: str) -> _Patterns:
    comma = re.escape(delimiter)
    end, rest = f"[{comma}\n]", f"[^{comma}\n]*+"
    quoted, on_one_line = '"(?:[^"]++|"")*+"', '"(?:[^"\n]++|"")*+"'
    field = f'(?:{quoted}|(?!")){rest}'
    opened = f"(?:{field}{comma})*+"
    before, after = f'[^"]*+(?<![^{comma}\n])', f"(?= *+\r?{end})"
    return _Patterns(
        tidy=re.compile(f"(?:{before}{on_one_line}{after})*+"),
        loose=re.compile(f'(?:(?:{on_one_line}|(?!")){rest}{end})*+'),
        row=re.compile(f"{opened}{field}\n"),
        tidy_row=re.compile(f'(?:{before}{quoted}{after})*+[^"]*+'),
        opened=re.compile(opened),
        field=re.compile(f"({quoted})?+({rest})({end})"),
    )


def check_quotes(source: Source, file: ExtractFile) -> None:
    """Passes over a CSV file once, block by block.

    A quoted field with line breaks is honest as a rule. It is not, when text follows its closing quote; when most of
    its lines are rows as the contract has them; or when it has room for a row and some quote of the file stands where
    RFC 4180 allows none, so that this one may not be meant either.

    Raises:
        LandingError: a quote never closes, or a field holds other rows; names file, lines and remedy, and no value.
    """
    with open_text(source, file, errors="replace") as text:  # what does not decode is marked in bronze
        _Look(source, file).through(text)


class _Look:
    """At one file. `line` is where the text begins that has not been looked at, counted from 1."""

    def __init__(self, source: Source, file: ExtractFile) -> None:
        self.source, self.file = source, file
        self.patterns = _patterns(source.delimiter)
        self.columns: list[Column | None] = []
        self.line = 1
        self.astray: int | None = None  # the first line with a quote where RFC 4180 allows none
        self.roomy: str | None = None  # the first row with line breaks that has room for another

    def through(self, stream: io.TextIOBase) -> None:
        text, ended, line_break = "", False, ""
        while not ended:
            block = stream.read(BLOCK)
            ended = not block
            if not line_break:
                found = re.search("\r\n?|\n", block)
                line_break = found[0] if found else ""
            if line_break == "\r":  # which Spark takes for the end of a row where the first row ends so
                block = block.replace("\r", "\n")
            text += block or "\n"  # the last row may have none
            if not self.columns:
                self.columns = self._header(text)
            text = text[self._rows(text) :]
            if '"' in text and (ended or len(text) > BLOCK):
                closed = self.patterns.opened.match(text)
                line = self.line + (text.count("\n", 0, closed.end()) if closed else 0)
                self._refuse(f"line {line}", "a quote opens a field that never closes")
        if self.astray and self.roomy:
            doubt = (
                f"a field has room for other rows, and a quote in line {self.astray} is not where one may be"
            )
            self._refuse(self.roomy, doubt)

    def _header(self, text: str) -> list[Column | None]:
        """The declared column of each delivered one."""
        declared = {name: c for c in self.source.columns for name in (*c.aliases, c.field)}
        line = text[: text.find("\n") + 1]
        names = [(quoted or "")[1:-1] or rest for quoted, rest, _ in self.patterns.field.findall(line)]
        return [declared.get(name.strip()) for name in names]

    def _rows(self, text: str) -> int:
        """Looks at all whole rows of the text, and tells where the first begins that is none."""
        at = 0
        while True:
            passed = (self.patterns.loose if self.astray else self.patterns.tidy).match(text, at)
            quote = text.find('"', passed.end() if passed else at)
            begin = max(at, text.rfind("\n", at, quote if quote >= 0 else len(text)) + 1)
            self.line += text.count("\n", at, begin)
            row = self.patterns.row.match(text, begin) if quote >= 0 else None
            if row is None:
                return begin
            self._row(row)
            self.line += text.count("\n", begin, row.end())
            at = row.end()

    def _row(self, row: re.Match[str]) -> None:
        text = row[0]
        breaks = text.count("\n") - 1
        has_room = breaks > 0 and text.count(self.source.delimiter) >= 2 * (len(self.columns) - 1)
        if not has_room and self.patterns.tidy_row.fullmatch(text):
            return
        lines = f"lines {self.line} to {self.line + breaks}"
        fields = self.patterns.field.findall(text)
        for place, (quoted, rest, _) in enumerate(fields):
            if rest.strip() if quoted else '"' in rest:
                self.astray = self.astray or self.line
                if "\n" in quoted:
                    self._refuse(lines, "text follows the closing quote of a field with line breaks")
            if "\n" in quoted and self._are_rows(quoted[1:-1], place, len(fields) - 1 - place):
                self._refuse(
                    lines,
                    "one field holds what are rows by themselves (if that is meant, deliver JSON lines)",
                )
        if has_room:
            self.roomy = self.roomy or lines

    def _are_rows(self, text: str, before: int, after: int) -> bool:
        """Whether most of a field's lines, the outer two with the fields beside them, are rows by the contract.

        Not all of them: a source is dirty.
        """
        rows: list[list[str | None]] = [
            [*line.removesuffix("\r").split(self.source.delimiter)] for line in text.split("\n")
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


def _fits(value: str | None, column: Column | None) -> bool:
    """Whether a value may be that column's: a line of prose has blanks after its commas, and words where a date is."""
    if value is None:
        return True
    if not value.strip():
        return column is None or not column.required
    if column is None or column.type in ("string", "boolean") or column.transform:
        return not value[0].isspace()
    return DIGIT.search(value) is not None
