"""Parses delivered text into the type of its column, with the verdicts of silver but without its engine."""

import math
import re
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from typing import Any

from churn_assets.contracts.odcs import FileFormat
from churn_assets.contracts.source import NUMERIC, Column
from churn_assets.sources.preview.day_patterns import iso_day, iso_moment, loose_day, pattern_reader

BLANK = " "  # Spark's trim removes this character alone
CONTROLS = "".join(map(chr, range(33)))  # what its casts remove
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
WHOLE = re.compile(r"[+-]?\d+")
LONG = range(-(2**63), 2**63)
TRUE, FALSE = {"t", "true", "y", "yes", "1"}, {"f", "false", "n", "no", "0"}
FLOAT_LARGEST = 3.4028235677973366e38

Value = str | int | float | Decimal | bool | date | datetime
Cast = Callable[[Any], Value | None]


def without_blanks(text: str | None) -> str | None:
    """The text without blanks at both ends; None for a blank text."""
    return (text.strip(BLANK) or None) if text is not None else None


def cast_of(column: Column, source_format: FileFormat, exact: float = math.inf) -> Cast:
    """A function that turns a delivered value into one of the column's type; it returns None for one that is none.

    The value is text without blanks at its ends, or in Parquet what the file holds. An id that a Parquet file holds as
    a number must be whole and below `exact`, up to where its type holds every whole number; other columns have inf.
    """
    from_text = _text_cast(column, source_format)
    if source_format != "parquet":
        return from_text
    return lambda value: _from_parquet(value, column, from_text, exact)


def _text_cast(column: Column, source_format: FileFormat) -> Cast:
    kind = column.spark_type
    if column.type in NUMERIC:
        number = {"double": _double, "float": _float, "bigint": _long}.get(kind) or _decimal(kind)
        if (column.decimal, column.thousands) == (".", None):
            return number
        plain = _plain_number(column)
        return lambda text: None if (digits := plain(text)) is None else number(digits)
    if column.type == "boolean":
        return _boolean
    if column.type in ("date", "timestamp"):
        return _moment_cast(column)
    return lambda text: text


def _moment_cast(column: Column) -> Cast:
    readers = [pattern_reader(pattern) for pattern in column.formats]
    readers = readers or [iso_day if column.type == "date" else iso_moment]

    def read(text: str) -> Value | None:
        found = next((moment for reader in readers if (moment := reader(text)) is not None), None)
        return found.date() if found is not None and column.type == "date" else found

    return read


def _plain_number(column: Column) -> Callable[[str], str | None]:
    """Turns a number with the separators of the contract into one with a point; None for one with others."""
    decimal, thousands = re.escape(column.decimal), re.escape(column.thousands or "")
    groups = rf"|\d{{1,3}}({thousands}\d{{3}})+" if thousands else ""
    expression = re.compile(rf"[+-]?(\d+{groups})({decimal}\d+)?", re.ASCII)

    def plain(text: str) -> str | None:
        if not expression.fullmatch(text):
            return None
        digits = text.replace(column.thousands, "") if column.thousands else text
        return digits.replace(column.decimal, ".")

    return plain


def _double(text: str) -> float | None:
    text = text.strip(CONTROLS)
    number = float(text) if NUMBER.fullmatch(text) else math.nan
    return number if math.isfinite(number) else None


def _float(text: str) -> float | None:
    number = _double(text)
    return number if number is not None and abs(number) < FLOAT_LARGEST else None


def _long(text: str) -> int | None:
    text = text.strip(CONTROLS)
    number = int(text) if WHOLE.fullmatch(text) else None
    return (
        number if number is not None and number in LONG else None
    )  # None in a range looks at each of its numbers


def _decimal(kind: str) -> Callable[[str], Decimal | None]:
    digits, scale = (int(part) for part in re.findall(r"\d+", kind))

    def read(text: str) -> Decimal | None:
        text = text.strip(CONTROLS)
        if not NUMBER.fullmatch(text):
            return None
        try:
            with localcontext(prec=100):
                number = Decimal(text).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
        except InvalidOperation:
            return None
        return number if abs(number) < Decimal(10) ** (digits - scale) else None

    return read


def _boolean(text: str) -> bool | None:
    word = text.strip(CONTROLS).lower()
    return True if word in TRUE else False if word in FALSE else None


def _from_parquet(value: Any, column: Column, from_text: Cast, exact: float) -> Value | None:
    """A typed value in the column's type, None when it does not fit; no fraction and no digit is cut off."""
    if isinstance(value, str):
        if column.type == "date":
            found = loose_day(value)
            return found and found.date()
        return from_text(value)
    match column.type:
        case "string":
            return _number_as_text(value, exact) if isinstance(value, float | Decimal) else str(value)
        case "boolean":
            return None if isinstance(value, date) else bool(value)
        case "date" | "timestamp":
            return _day_of(value, column.type)
    if isinstance(value, date):
        return None
    if column.type == "integer":
        return _whole(value, exact)
    return from_text(str(float(value) if isinstance(value, bool) else value))


def _whole(value: Any, exact: float) -> int | None:
    """The whole number that a number is; None when it has a fraction, or is too large for its or our type."""
    if not math.isfinite(value) or value != int(value) or abs(value) >= exact:
        return None
    return int(value) if int(value) in LONG else None


def _number_as_text(value: float | Decimal, exact: float) -> str | None:
    """A number in a column of text: 12345678.0 is 12345678; None for an id that is not whole or not exact."""
    if math.isfinite(value) and value == int(value) and abs(float(value)) < exact:
        return str(int(value))
    return str(value) if exact == math.inf else None


def _day_of(value: Any, kind: str) -> Value | None:
    if isinstance(value, datetime):
        return value.date() if kind == "date" else value
    if isinstance(value, date):
        return value if kind == "date" else datetime.combine(value, time())
    return None
