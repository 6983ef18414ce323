"""JSON lines as Arrow tables, with bounded memory however large the file is."""

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pyarrow as pa

from churn_assets.contracts.source import Source
from churn_assets.sources.delivered_text import BYTE_ORDER_MARK, undecoded
from churn_assets.sources.json_text import LONGEST_LINE, json_text, parsed
from churn_assets.sources.landing import ExtractFile, LandingError
from churn_assets.sources.open_extract import open_utf8
from churn_assets.sources.readers.added_columns import BROKEN, OTHERS, ROW_NUMBER

BLOCK = 2**20  # bytes
Document = dict[str, str | None]


def read_json_lines(source: Source, file: ExtractFile) -> Iterator[pa.Table]:
    """The lines of a file that are not blank, one document each.

    The columns are the contract's fields as text, "1", "2", ... by position; `others`, a JSON object of the members
    that the contract does not name, or whose field has a value under another of its names; `broken`, the line if it is
    not a JSON object; and `row_number`, which counts all lines. Numbers stay as they were written; other values that
    are not strings are JSON without blanks.

    Raises:
        LandingError: a line is too long, or the file ends in the middle of one.
    """
    aliases = {column.field: column.aliases for column in source.columns}
    fields = [(field, *aliases[field]) for field in source.fields]
    known = set(chain.from_iterable(fields))
    aliased = [names for names in fields if len(names) > 1]
    schema = pa.schema([(str(place), pa.string()) for place in range(1, len(fields) + 1)])
    for name in (OTHERS, BROKEN):
        schema = schema.append(pa.field(name, pa.string()))
    schema = schema.append(pa.field(ROW_NUMBER, pa.int64()))
    for numbered in _lines(source, file):
        rows = []
        for number, raw in numbered:
            line = raw.decode().lstrip(BYTE_ORDER_MARK)  # one stands inside where files were put together
            if not line.strip(" "):
                continue
            # with bytes that did not decode, two ids could become equal
            document = None if undecoded(line) else _document(line)
            if document is None:
                rows.append((*[None] * len(fields), None, line, number))
                continue
            others = None
            second = {
                name for names in aliased for name in [n for n in names if document.get(n) is not None][1:]
            }
            if second or not document.keys() <= known:
                rest = {n: value for n, value in document.items() if n not in known or n in second}
                others = json_text(rest)
            values = [
                document.get(names[0]) if len(names) == 1 else _first(document, names) for names in fields
            ]
            rows.append((*values, others, None, number))
        if rows:
            yield pa.table([*zip(*rows, strict=True)], schema=schema)


def _lines(source: Source, file: ExtractFile) -> Iterator[list[tuple[int, bytes]]]:
    """Lists of (line number from 1, line in UTF-8 without its end), a block of the file at a time."""
    number, rest = 0, b""
    with open_utf8(source, file) as text:
        while block := text.read(BLOCK):
            lines = (rest + block).splitlines(keepends=True)
            # the last line waits for the next block: it may go on there, or its \r may be half of a line end
            rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
            if len(rest) > LONGEST_LINE:
                raise LandingError(
                    f"{file.name}: line {number + len(lines) + 1} takes more than {LONGEST_LINE / 2**20:.0f} MB. "
                    "Deliver the file with one document a line."
                )
            yield [(at, line.rstrip(b"\r\n")) for at, line in enumerate(lines, number + 1)]
            number += len(lines)
    if not text.has_line_end and _is_cut(rest.decode()):
        raise LandingError(
            f"{file.name} ends in the middle of line {number + 1:,}: the file is cut off. Deliver it again."
        )
    if rest:
        yield [(number + 1, rest.rstrip(b"\r\n"))]


def _is_cut(line: str) -> bool:
    """Whether the line is the beginning of a JSON object."""
    line = line.strip()
    try:
        json.loads(line, parse_int=str)
    except json.JSONDecodeError as error:
        ends_early = error.pos >= len(line) or error.msg.startswith("Unterminated")
        return line.startswith("{") and (ends_early or not line.endswith("}"))
    except RecursionError:
        return False
    return False


def _first(document: Document, names: tuple[str, ...]) -> str | None:
    """The first value that is not None among these names."""
    return next((value for name in names if (value := document.get(name)) is not None), None)


def _document(line: str) -> Document | None:
    """The members of the JSON object in the line; None when the line is no object, or an object has a name twice."""
    try:
        found = parsed(line)
        if not isinstance(found, dict):
            return None
        document = {name: value if type(value) is str else _text(value) for name, value in found.items()}
        if "\\u" in line:
            json_text(document).encode()  # raises for an unpaired surrogate
    except (ValueError, RecursionError):
        return None
    return document


def _text(value: Any) -> str | None:
    """The value of a member as text; None for null."""
    return None if value is None else str(value) if isinstance(value, str) else json_text(value)
