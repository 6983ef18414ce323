"""Detects the delimiter and the header of a text file from its first rows."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
SAMPLE_ROWS = 500
_DAY = re.compile(r"\s*\d{1,4}([-./])\d{1,2}\1\d{1,4}(?:[ T].*)?")


class ShapeError(ValueError):
    """The text is no table with a header; the message names the file and the remedy."""


@dataclass(frozen=True)
class FileShape:
    """Delimiter and header of a file.

    Attributes:
        delimiter: one character.
        names: distinct column names.
        lines: number of physical lines up to and including the header.
        titles: number of rows above the header, without empty lines; they are skipped.
    """

    delimiter: str
    names: list[str]
    lines: int
    titles: int = 0


@dataclass(frozen=True)
class _Row:
    fields: list[str]
    line: int  # the last physical line that it covers, from 1


def shape(name: str, head: str) -> FileShape:
    """Detects the delimiter: the one that gives the largest share of rows the same number of fields.

    Ties go to a header in the first row, then to a header as wide as the rows, then to more fields. The header is the
    first row whose number of fields differs by at most one from that of most rows; a row with one text only is a title
    above it. A trailing delimiter is dropped if only the header has one; if only the rows have one, it gives a column
    without a name and without values.

    Args:
        name: of the file, for messages.
        head: text from the beginning of the file; the last row may be cut.

    Raises:
        ShapeError: one column only; no header; a header with another number of fields than most rows.
    """
    best, merit = None, (0.0, 0, 0)
    for delimiter in DELIMITERS:
        rows = list(_rows(head, delimiter))
        widths = Counter(len(row.fields) for row in _judged(rows))
        width, count = max(widths.items(), key=lambda item: item[1], default=(0, 0))
        at = _header(rows, width)
        if width < 2 or at is None:
            continue
        fitting = (round(count / widths.total(), 1), 2 * (at == 0) + (len(rows[at].fields) == width), width)
        if fitting > merit:
            best, merit = (delimiter, rows, at, width), fitting
    if best is None:
        raise ShapeError(
            f"{name} has one column only, whether separated by {', '.join(DELIMITERS.values())}. "
            "Export the file with one of these separators."
        )
    delimiter, rows, at, width = best
    names = rows[at].fields
    if (
        all(_looks_like_data(field) for field in names)
        or (at and any(map(_looks_like_data, names)))
        or _begins_days(rows, at)
    ):
        raise ShapeError(
            f"The first line of {name} {'is no header and the next ' if at else ''}looks like data "
            f"({', '.join(names[:4])}): a header with the names of the columns is needed."
        )
    return FileShape(delimiter, distinct(_as_wide(name, rows, at, width)), rows[at].line, at)


def _rows(head: str, delimiter: str) -> Iterator[_Row]:
    reader = csv.reader(io.StringIO(head), delimiter=delimiter)
    try:
        for row in reader:
            if row:
                yield _Row(row, reader.line_num)
            if reader.line_num > SAMPLE_ROWS:
                return
    except csv.Error:  # a quotation mark that is never closed; the rows before it are valid
        return


def _judged(rows: list[_Row]) -> list[_Row]:
    """Returns the rows below the first without the last, which may be cut.

    Of two rows it returns the second, or the first if the second covers several lines; of one row, that row.
    """
    if len(rows) == 2 and rows[1].line > rows[0].line + 1:  # a quotation mark that is never closed
        return rows[:1]
    return rows[1:-1] or rows[1:] or rows


def _header(rows: list[_Row], width: int) -> int | None:
    for at, row in enumerate(rows):
        if abs(len(row.fields) - width) <= 1 and sum(bool(field.strip()) for field in row.fields) > 1:
            return at
    return None


def _as_wide(name: str, rows: list[_Row], at: int, width: int) -> list[str]:
    """Returns the header with as many fields as most rows have, see `shape`."""
    names = rows[at].fields
    if len(names) == width + 1 and not names[-1].strip():
        return names[:-1]
    if len(names) == width - 1:
        below = [row.fields for row in rows[at + 1 :] if len(row.fields) == width]
        if all(not fields[-1].strip() for fields in below):
            return [*names, ""]
    if len(names) != width:
        raise ShapeError(
            f"{name}: the header has {len(names)} fields ({', '.join(names[:4])}, …) and most rows have {width}. Give "
            "every column a name (R writes row names without one: row.names = FALSE), and quote fields that contain "
            "the separator."
        )
    return names


def _looks_like_data(name: str) -> bool:
    return not name.strip() or not any(letter.isalpha() for letter in name)


def _begins_days(rows: list[_Row], at: int) -> bool:
    """Whether a name is a day, and so is the value below it; days as names of columns of figures are a header."""
    below = rows[at + 1].fields if len(rows) > at + 1 else []
    return any(
        _DAY.fullmatch(name) and _DAY.fullmatch(value)
        for name, value in zip(rows[at].fields, below, strict=False)
    )


def distinct(names: list[str]) -> list[str]:
    """Returns trimmed one-line names; an empty one becomes column_<position>, a repeated one <name>_<position>."""
    trimmed = [re.sub(r"\s*\n\s*", " ", name.strip()) for name in names]
    result: list[str] = []
    for position, name in enumerate(trimmed, 1):
        found = name if name and name not in result else f"{name or 'column'}_{position}"
        while found in result or (found != name and found in trimmed):
            found += "_"
        result.append(found)
    return result
